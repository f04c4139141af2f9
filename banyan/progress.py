"""What a person sees of work that takes longer than two seconds."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


class Steps:
    """A line for each finished step with its seconds, and a bar for the one that counts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._began = time.monotonic()
        self._task = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Print a finished step."""
        self._console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/dim]  {text}", highlight=False)

    def started(self, total: int) -> None:
        """Show the bar for `total` pieces of work."""
        self._bar.reset(self._task, total=total, visible=total > 0)

    def step(self, done: int, label: str) -> None:
        """`done` pieces are finished; `label` says what is being done."""
        self._bar.update(self._task, completed=done, description=label)

    def finished(self) -> None:
        """Hide the bar."""
        self._bar.update(self._task, visible=False)
