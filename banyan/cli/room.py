"""`banyan room`."""

from typing import Annotated

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, run, say
from banyan.settings import Home

app = typer.Typer(help="Rooms: which there are, and which of them are frozen.", no_args_is_help=True)


@app.command("list")
def room_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the rooms by their keys, and say which of them are frozen."""
    from banyan.bootstrap.rooms import list_rooms

    rows = run(list_rooms(Home(home.absolute())))
    text = "\n".join(f"{row['key']:24} {'frozen' if row['frozen'] else ''}".rstrip() for row in rows)
    say(rows, as_json=as_json, text=text or "No room yet.")


@app.command("thaw")
def room_thaw(
    key: Annotated[str, typer.Argument(help="The room's key, e.g. talk:KH.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let people write in a frozen room again, once whoever fought over it is gone."""
    from banyan.bootstrap.rooms import thaw

    thawed = run(thaw(Home(home.absolute()), key))
    say(None, as_json=False, text=f"Thawed: {key}." if thawed else f"{key} is not frozen.")
