"""`banyan`: what the operator types. Exit status: 0 fine, 1 found something wrong, 2 used wrongly."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from banyan.cli import log, member, partner, role, room, sender
from banyan.cli.audit import audit
from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, NetworkOption, err, out, run, say
from banyan.errors import BanyanError
from banyan.settings import Home

app = typer.Typer(
    name="banyan",
    help="Encrypted rooms, vetted members and emergency alerts for a network of people at risk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
for name, group in (
    ("member", member),
    ("role", role),
    ("room", room),
    ("partner", partner),
    ("sender", sender),
    ("log", log),
):
    app.add_typer(group.app, name=name)
app.command()(audit)


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    network: NetworkOption = None,
    allow_removals: Annotated[bool, typer.Option(help="Let people and rooms be removed.")] = False,
) -> None:
    """Start everything: the homeserver, the rooms of the network file, the bots, the pages. Until Ctrl-C."""
    from banyan.bootstrap.running import up as bring_up
    from banyan.progress import Steps

    with Steps(err) as steps:
        run(bring_up(Home(home.absolute()), network, steps, allow_removals=allow_removals))


@app.command()
def serve(
    home: HomeOption = DEFAULT_HOME,
    only: Annotated[list[str] | None, typer.Option(help="Run only this part; may be repeated.")] = None,
) -> None:
    """Run the bots and pages beside a homeserver that is running already."""
    from banyan.bootstrap.running import serve as run_parts
    from banyan.progress import Steps

    with Steps(err) as steps:
        run(run_parts(Home(home.absolute()), steps, only=frozenset(only or ())))


@app.command()
def plan(home: HomeOption = DEFAULT_HOME, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Print what `apply` would change. Changes nothing."""
    from banyan.bootstrap.operating import make_plan

    changes = run(make_plan(Home(home.absolute()), network))
    say(changes.to_json(), as_json=as_json, text=changes.render())


@app.command()
def apply(
    home: HomeOption = DEFAULT_HOME,
    network: NetworkOption = None,
    allow_removals: Annotated[bool, typer.Option(help="Let people and rooms be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the rooms on the homeserver what the network file says."""
    from banyan.bootstrap.operating import apply as carry_out
    from banyan.progress import Steps

    with Steps(err) as steps:
        report = run(carry_out(Home(home.absolute()), network, steps, allow_removals=allow_removals))
    text = f"Rooms: {report.created} made, {report.changed} changed, {report.removed} removed."
    say(asdict(report), as_json=as_json, text=text)


@app.command()
def permissions(
    home: HomeOption = DEFAULT_HOME, network: NetworkOption = None, as_json: JsonOption = False
) -> None:
    """List what people may do by writing to our accounts, and which roles may."""
    from banyan.bootstrap.operating import list_permissions

    rows = list_permissions(Home(home.absolute()), network)
    text = "\n".join(f"{r['permission']:8} {_holders(r)}\n         {r['description']}" for r in rows)
    say(rows, as_json=as_json, text=text)


def _holders(row: dict[str, Any]) -> str:
    held = (each["role"] + ("" if each["everywhere"] else " (own area)") for each in row["roles"])
    return ", ".join(held) or "nobody"


@app.command()
def alert(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the alerts and how far each has come, room by room."""
    from banyan.bootstrap.operating import list_alerts

    rows = run(list_alerts(Home(home.absolute())))
    text = "\n".join(f"{r['id']}  {r['state']:7} sent in {r['sent']} of {r['rooms']} rooms" for r in rows)
    say(rows, as_json=as_json, text=text or "No alert yet.")


@app.command()
def demo(home: HomeOption = Path(".banyan/demo")) -> None:
    """Show all of it: the example network, sample members who join, an alert they decrypt."""
    from banyan.demo import run as show

    raise typer.Exit(run(show(Home(home.absolute()), out)))


def main() -> None:
    """Run the command line; a known error is one sentence, an unknown one keeps its traceback."""
    try:
        app()
    except BanyanError as error:
        err.print(f"[red]{type(error).code}[/red]: ", end="")
        err.print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(error.exit_status)
    except OSError as error:
        if error.filename is None:
            raise
        err.print(f"[red]file[/red]: {error.strerror}: ", end="")
        err.print(str(error.filename), highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
