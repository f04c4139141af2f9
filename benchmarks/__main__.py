"""`make bench`: measure every budget beside its peer, print the table, exit with 1 when one is over."""

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console

from banyan.progress import Steps
from benchmarks.alert import alert
from benchmarks.audit import audit_cost
from benchmarks.change import alert_after_change
from benchmarks.cold import cold_share
from benchmarks.desk import desk_restart
from benchmarks.gate import gate_cost
from benchmarks.grow import grow_network
from benchmarks.log import log_verified
from benchmarks.measure import Result, Step
from benchmarks.parts import FULL, QUICK, WHOLE_NETWORK, Sizes, Stage, stage
from benchmarks.restart import restart
from benchmarks.table import table

ON_STAGE: Final[Mapping[str, Callable[[Stage, Sizes, Step], Awaitable[list[Result]]]]] = {
    "alert": alert,
    "change": alert_after_change,
    "restart": restart,
    "cold": cold_share,
}
"""Budgets that share one homeserver; `cold` needs the one big room, the others the many."""

AT_HOME: Final[Mapping[str, Callable[[Path, Sizes, Step], Awaitable[list[Result]]]]] = {
    "grow": grow_network,
    "desk": desk_restart,
    "log": log_verified,
    "gate": gate_cost,
    "audit": audit_cost,
}
"""Budgets that bring their own."""

NAMES: Final = (*ON_STAGE, *AT_HOME)


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Of: {', '.join(NAMES)}. Repeatable.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    *,
    quick: Annotated[bool, typer.Option(help="Small sizes: does it run? Its figures say little.")] = False,
    full: Annotated[bool, typer.Option(help=f"{WHOLE_NETWORK} chats with the desk: half an hour.")] = False,
) -> None:
    """Measure the budgets of the design."""
    chosen = only or list(NAMES)
    if unknown := set(chosen).difference(NAMES):
        raise typer.BadParameter(f"there is no budget {', '.join(sorted(unknown))}")
    sizes = QUICK if quick else FULL
    if full:
        sizes = replace(sizes, chats=WHOLE_NETWORK)
    _quiet()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, Steps(console) as steps:
        results = asyncio.run(_measure(chosen, sizes, Path(directory), steps))
    console.print(table(results))
    if json_file:
        rows = [asdict(result) | {"kind": result.kind.name, "ok": result.ok} for result in results]
        json_file.write_text(json.dumps(rows, indent=2) + "\n")
    sys.exit(0 if all(result.ok for result in results) else 1)


async def _measure(chosen: list[str], sizes: Sizes, directory: Path, steps: Steps) -> list[Result]:
    results: list[Result] = []
    shared = [name for name in ON_STAGE if name in chosen]
    if shared:
        many, big = set(shared) != {"cold"}, "cold" in shared
        async with stage(directory, sizes, steps, rooms=many, big=big) as built:
            for name in shared:
                results += await _watched(name, steps, partial(ON_STAGE[name], built, sizes))
    for name in AT_HOME:
        if name in chosen:
            results += await _watched(name, steps, partial(AT_HOME[name], directory / name, sizes))
    return results


async def _watched(
    name: str, steps: Steps, budget: Callable[[Step], Awaitable[list[Result]]]
) -> list[Result]:
    def step(done: int, of: int) -> None:
        if done == 1:
            steps.started(of)
        steps.step(done, name)

    steps.say(f"{name} ...")
    results = await budget(step)
    steps.finished()
    for result in results:
        steps.say(f"  {result.budget}: {result.verdict}")
    return results


def _quiet() -> None:
    """Nothing but the table: nio warns of every device that it cannot reach."""
    logging.getLogger("nio").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    typer.run(main)
