"""`banyan sender`."""

from typing import Annotated

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, run, say
from banyan.settings import Home

app = typer.Typer(help="Who may send signed alerts.", no_args_is_help=True)


@app.command("enrol")
def sender_enrol(
    name: str,
    public_key: Annotated[str, typer.Option(help="Ed25519 public key, base64.")],
    direct: Annotated[bool, typer.Option("--direct", help="May alert alone, within limits.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Accept alerts signed by this key."""
    from banyan.bootstrap.operating import enrol

    run(enrol(Home(home.absolute()), name, public_key, direct=direct))
    how = "alone, within limits" if direct else "held until two persons approve"
    say(None, as_json=False, text=f"{name} may send alerts ({how}).")


@app.command("revoke")
def sender_revoke(name: str, home: HomeOption = DEFAULT_HOME) -> None:
    """Stop accepting alerts of this sender."""
    from banyan.bootstrap.operating import revoke

    run(revoke(Home(home.absolute()), name))
    say(None, as_json=False, text=f"Alerts of {name} are refused from now on.")


@app.command("list")
def sender_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List who may send alerts."""
    from banyan.bootstrap.operating import list_senders

    rows = run(list_senders(Home(home.absolute())))
    text = "\n".join(f"{r['name']:30} {'direct' if r['direct'] else 'held'}" for r in rows)
    say(rows, as_json=as_json, text=text or "Nobody. Enrol one: banyan sender enrol NAME --public-key BASE64")
