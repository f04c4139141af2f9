"""What every command shares: where its home is, how it runs, how it speaks."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)

HomeOption = Annotated[Path, typer.Option("--home", help="Directory in which the network lives.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]
NetworkOption = Annotated[
    Path | None, typer.Option("--network", help="Network file; remembered at the first start.", exists=True)
]
DEFAULT_HOME = Path(".banyan")
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Carry out what a command asks for; known errors pass through."""
    from banyan.logs import log_to_stderr

    log_to_stderr()
    return asyncio.run(work)


def say(data: object, *, as_json: bool, text: str) -> None:
    """Print for people, or the data for machines."""
    if as_json:
        typer.echo(json.dumps(data, indent=2, sort_keys=True, default=_plain))
    else:
        out.print(text, highlight=False, markup=False, soft_wrap=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    raise TypeError(type(value).__name__)
