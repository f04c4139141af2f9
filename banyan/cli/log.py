"""`banyan log`."""

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, run, say
from banyan.settings import Home

app = typer.Typer(help="The log of decisions.", no_args_is_help=True)


@app.command("show")
def log_show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print the entries of the log, oldest first."""
    from banyan.bootstrap.operating import read_log

    entries = run(read_log(Home(home.absolute())))
    text = "\n".join(
        f"{e['seq']:6} {e['at']} {e['action']:20} {e['actor']:20} {e['object']}" for e in entries
    )
    say(entries, as_json=as_json, text=text or "The log is empty.")


@app.command("verify")
def log_verify(home: HomeOption = DEFAULT_HOME) -> None:
    """Check the hash chain from the first entry to the last."""
    from banyan.bootstrap.operating import verify_log

    count = run(verify_log(Home(home.absolute())))
    say(None, as_json=False, text=f"{count} entries; every one follows from the one before.")
