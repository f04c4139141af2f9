"""`banyan member`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, err, run, say
from banyan.errors import UsedWrongly
from banyan.settings import Home

app = typer.Typer(help="Members: invite, list.", no_args_is_help=True)


@app.command("invite")
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
    invited, works = run(invite(Home(home.absolute()), country, tuple(theme or ()), language))
    if qr is not None:
        codes.png(invited.link, qr)
    text = (
        f"{invited.user_id} may join until {invited.expires:%Y-%m-%d %H:%M} UTC.\n"
        f"Give them this link by a way you trust; it works once:\n\n  {invited.link}\n\n"
        f"{codes.terminal(invited.link)}"
    )
    say(asdict(invited), as_json=as_json, text=text)
    if not works:
        err.print("The link does not work yet: the homeserver is slow or away. It will, once that is well.")
        raise typer.Exit(1)


@app.command("list")
def member_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the pseudonyms, where they are placed and how far they have come."""
    from banyan.bootstrap.operating import list_members

    rows = run(list_members(Home(home.absolute())))
    text = "\n".join(f"{r['user_id']:40} {r['area']:8} {r['status']:9} {','.join(r['roles'])}" for r in rows)
    say(rows, as_json=as_json, text=text or "Nobody yet. Invite someone: banyan member invite --country KH")
