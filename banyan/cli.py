"""`banyan`: what the operator types. Exit status: 0 fine, 1 found something wrong, 2 used wrongly."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from banyan.errors import BanyanError, UsedWrongly
from banyan.settings import Home

app = typer.Typer(
    name="banyan",
    help="Encrypted rooms, vetted members and emergency alerts for a network of people at risk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
member = typer.Typer(help="Members: invite, list.", no_args_is_help=True)
role = typer.Typer(help="Roles: the first ones are granted here, on the machine.", no_args_is_help=True)
sender = typer.Typer(help="Who may send signed alerts.", no_args_is_help=True)
log = typer.Typer(help="The log of decisions.", no_args_is_help=True)
app.add_typer(member, name="member")
app.add_typer(role, name="role")
app.add_typer(sender, name="sender")
app.add_typer(log, name="log")

out = Console()
err = Console(stderr=True)

HomeOption = Annotated[Path, typer.Option("--home", help="Directory in which the network lives.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]
NetworkOption = Annotated[
    Path | None, typer.Option("--network", help="Network file; remembered at the first start.", exists=True)
]
DEFAULT_HOME = Path(".banyan")
T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    from banyan.logs import log_to_stderr

    log_to_stderr()
    return asyncio.run(work)


def _say(data: object, *, as_json: bool, text: str) -> None:
    if as_json:
        typer.echo(json.dumps(data, indent=2, sort_keys=True, default=_plain))
    else:
        out.print(text, highlight=False, markup=False, soft_wrap=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    raise TypeError(type(value).__name__)


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
        _run(bring_up(Home(home.absolute()), network, steps, allow_removals=allow_removals))


@app.command()
def serve(
    home: HomeOption = DEFAULT_HOME,
    only: Annotated[list[str] | None, typer.Option(help="Run only this part; may be repeated.")] = None,
) -> None:
    """Run the bots and pages beside a homeserver that is running already."""
    from banyan.bootstrap.running import serve as run_parts
    from banyan.progress import Steps

    with Steps(err) as steps:
        _run(run_parts(Home(home.absolute()), steps, only=frozenset(only or ())))


@app.command()
def plan(home: HomeOption = DEFAULT_HOME, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Print what `apply` would change. Changes nothing."""
    from banyan.bootstrap.operating import make_plan

    changes = _run(make_plan(Home(home.absolute()), network))
    _say(changes.to_json(), as_json=as_json, text=changes.render())


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
        report = _run(carry_out(Home(home.absolute()), network, steps, allow_removals=allow_removals))
    text = f"Rooms: {report.created} made, {report.changed} changed, {report.removed} removed."
    _say(asdict(report), as_json=as_json, text=text)


@member.command("invite")
def member_invite(
    country: Annotated[str, typer.Option(help="Code of the network file, e.g. MM.")],
    theme: Annotated[list[str] | None, typer.Option(help="A theme; may be repeated.")] = None,
    language: Annotated[str | None, typer.Option(help="First language of the join page.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    qr: Annotated[Path | None, typer.Option(help="Also write the link as a PNG picture.")] = None,
) -> None:
    """Make a pseudonym and a link that lets one person in, once."""
    from banyan.bootstrap.operating import invite
    from banyan.web import qr as codes

    if qr is not None and (qr.exists() or not qr.parent.is_dir()):
        raise UsedWrongly(f"{qr.name} cannot be written: it is there already, or its directory is not.")
    invited = _run(invite(Home(home.absolute()), country, tuple(theme or ()), language))
    if qr is not None:
        codes.png(invited.link, qr)
    text = (
        f"{invited.user_id} may join until {invited.expires:%Y-%m-%d %H:%M} UTC.\n"
        f"Give them this link by a way you trust; it works once:\n\n  {invited.link}\n\n"
        f"{codes.terminal(invited.link)}"
    )
    _say(asdict(invited), as_json=as_json, text=text)


@member.command("list")
def member_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the pseudonyms, where they are placed and how far they have come."""
    from banyan.bootstrap.operating import list_members

    rows = _run(list_members(Home(home.absolute())))
    text = "\n".join(f"{r['user_id']:40} {r['area']:8} {r['status']:9} {','.join(r['roles'])}" for r in rows)
    _say(rows, as_json=as_json, text=text or "Nobody yet. Invite someone: banyan member invite --country KH")


@role.command("grant")
def role_grant(
    user: Annotated[str, typer.Argument(help="The pseudonym.")],
    name: Annotated[str, typer.Argument(metavar="ROLE", help="A role of the network file.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Give a member a role. Meant for the first two security staff; later roles need two persons."""
    from banyan.bootstrap.operating import grant

    _run(grant(Home(home.absolute()), user, name))
    _say(None, as_json=False, text=f"Done: {name}.")


@app.command()
def permissions(
    home: HomeOption = DEFAULT_HOME, network: NetworkOption = None, as_json: JsonOption = False
) -> None:
    """List what people may do by writing to our accounts, and which roles may."""
    from banyan.bootstrap.operating import list_permissions

    rows = list_permissions(Home(home.absolute()), network)
    text = "\n".join(f"{r['permission']:8} {_holders(r)}\n         {r['description']}" for r in rows)
    _say(rows, as_json=as_json, text=text)


def _holders(row: dict[str, Any]) -> str:
    held = (each["role"] + ("" if each["everywhere"] else " (own area)") for each in row["roles"])
    return ", ".join(held) or "nobody"


@sender.command("enrol")
def sender_enrol(
    name: str,
    public_key: Annotated[str, typer.Option(help="Ed25519 public key, base64.")],
    direct: Annotated[bool, typer.Option("--direct", help="May alert alone, within limits.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Accept alerts signed by this key."""
    from banyan.bootstrap.operating import enrol

    _run(enrol(Home(home.absolute()), name, public_key, direct=direct))
    how = "alone, within limits" if direct else "held until two persons approve"
    _say(None, as_json=False, text=f"{name} may send alerts ({how}).")


@sender.command("revoke")
def sender_revoke(name: str, home: HomeOption = DEFAULT_HOME) -> None:
    """Stop accepting alerts of this sender."""
    from banyan.bootstrap.operating import revoke

    _run(revoke(Home(home.absolute()), name))
    _say(None, as_json=False, text=f"Alerts of {name} are refused from now on.")


@sender.command("list")
def sender_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List who may send alerts."""
    from banyan.bootstrap.operating import list_senders

    rows = _run(list_senders(Home(home.absolute())))
    text = "\n".join(f"{r['name']:30} {'direct' if r['direct'] else 'held'}" for r in rows)
    _say(
        rows, as_json=as_json, text=text or "Nobody. Enrol one: banyan sender enrol NAME --public-key BASE64"
    )


@app.command()
def alert(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the alerts and how far each has come, room by room."""
    from banyan.bootstrap.operating import list_alerts

    rows = _run(list_alerts(Home(home.absolute())))
    text = "\n".join(f"{r['id']}  {r['state']:7} {r['sent']}/{r['rooms']} rooms" for r in rows)
    _say(rows, as_json=as_json, text=text or "No alert yet.")


@log.command("show")
def log_show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print the entries of the log, oldest first."""
    from banyan.bootstrap.operating import read_log

    entries = _run(read_log(Home(home.absolute())))
    text = "\n".join(
        f"{e['seq']:6} {e['at']} {e['action']:20} {e['actor']:20} {e['object']}" for e in entries
    )
    _say(entries, as_json=as_json, text=text or "The log is empty.")


@log.command("verify")
def log_verify(home: HomeOption = DEFAULT_HOME) -> None:
    """Check the hash chain from the first entry to the last."""
    from banyan.bootstrap.operating import verify_log

    count = _run(verify_log(Home(home.absolute())))
    _say(None, as_json=False, text=f"{count} entries; every one follows from the one before.")


@app.command()
def demo(home: HomeOption = Path(".banyan/demo")) -> None:
    """Show all of it: the example network, sample members who join, an alert they decrypt."""
    from banyan.demo import run

    raise typer.Exit(_run(run(Home(home.absolute()), out)))


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
