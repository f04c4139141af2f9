"""The figures as a person reads them."""

from collections.abc import Iterable

from rich.table import Table

from benchmarks.measure import Kind, Result


def table(results: Iterable[Result]) -> Table:
    """One line a budget: our figure, the peer's, what is held against the limit."""
    grid = Table(title="Budgets: medians of rounds in which both took turns", title_justify="left")
    for heading in ("budget", "ours", "peer", "ratio", "limit", ""):
        grid.add_column(heading, justify="left" if heading == "budget" else "right")
    for result in results:
        grid.add_row(
            f"{result.budget} ({_size(result)})",
            _figure(result.product, result.unit),
            "-" if result.peer is None else _figure(result.peer, result.unit),
            "-" if result.kind is Kind.MOST else f"{result.figure:.2f}x",
            _limit(result),
            "[green]ok[/green]" if result.ok else "[bold red]over[/bold red]",
        )
    return grid


def _figure(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    return f"{value:.0f} {unit}"


def _limit(result: Result) -> str:
    match result.kind:
        case Kind.RATIO:
            return f"≤ {result.limit:g}x"
        case Kind.FASTER:
            return f"≥ {result.limit:g}x faster"
        case Kind.MOST:
            return f"≤ {_figure(result.limit, result.unit)}"


def _size(result: Result) -> str:
    return ", ".join(f"{value} {name}" for name, value in result.size.items())
