"""`banyan role`."""

from typing import Annotated

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, run, say
from banyan.settings import Home

app = typer.Typer(help="Roles: the first ones are granted here, on the machine.", no_args_is_help=True)


@app.command("grant")
def role_grant(
    user: Annotated[str, typer.Argument(help="The pseudonym.")],
    name: Annotated[str, typer.Argument(metavar="ROLE", help="A role of the network file.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Give a member a role. Meant for the first two security staff; later roles need two persons."""
    from banyan.bootstrap.operating import grant

    run(grant(Home(home.absolute()), user, name))
    say(None, as_json=False, text=f"Done: {name}.")
