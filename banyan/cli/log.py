"""`banyan log`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, err, run, say
from banyan.settings import Home

if TYPE_CHECKING:
    from banyan.bootstrap.logbook import Examination
    from banyan.domain.proof import Doubt

app = typer.Typer(help="The log of decisions.", no_args_is_help=True)

OF_THE_CHECKPOINT = {
    "garbled": "What looks like a checkpoint is none. Copy it again, whole.",
    "other-log": "A checkpoint is of another log than the key.",
    "other-key": "A checkpoint is signed by another key. Compare the key with the one you keep outside.",
    "forged": "A checkpoint says that it is signed by this key, and it is not: it was changed or made up.",
}

FEW = 500
"""Entries between two looks of the progress bar."""

KEEP = "Keep this log as it is, and ask who could write to it. An older backup may still be right."


@app.command("show")
def log_show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print the entries of the log, oldest first."""
    from banyan.bootstrap.logbook import read_log

    entries = run(read_log(Home(home.absolute())))
    text = "\n".join(
        f"{e['seq']:6} {e['at']} {e['action']:20} {e['actor']:20} {_whom(e)} {e['reason']}".rstrip()
        for e in entries
    )
    say(entries, as_json=as_json, text=text or "The log is empty.")


@app.command("verify")
def log_verify(
    home: HomeOption = DEFAULT_HOME,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="File with checkpoints that were kept outside; repeatable.", dir_okay=False, exists=True
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Check this exported log; needs no home.", dir_okay=False, exists=True),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The log.pub that was kept outside.", dir_okay=False, exists=True)
    ] = None,
    entry: Annotated[int | None, typer.Option(help="Print the proof that this entry is in the log.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that nothing in the log was changed, dropped, moved or made up since checkpoints were signed."""
    from banyan.bootstrap.logbook import verify_export, verify_home
    from banyan.progress import Steps

    with Steps(err) as steps:

        def step(done: int, of: int) -> None:
            if done == 1:
                steps.started(of)
            if done % FEW == 0:
                steps.step(done, "entries")

        files = checkpoint or []
        if export:
            found = verify_export(export, files, key, step)
        else:
            found = run(verify_home(Home(home.absolute()), files, key, step))
    proof = found.proof(entry) if entry is not None and found.sound else None
    if proof is not None and not as_json:
        typer.echo(proof, nl=False)
        err.print(_told(found), highlight=False, markup=False, soft_wrap=True)
    else:
        say(found.to_json() | ({"proof": proof} if proof else {}), as_json=as_json, text=_told(found))
    raise typer.Exit(0 if found.sound else 1)


@app.command("export")
def log_export(
    file: Annotated[Path, typer.Argument(help="Where to write it.", dir_okay=False)],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write the log into one file, to be checked elsewhere. It does not say whom entries are about."""
    from banyan.bootstrap.logbook import export_log

    count = run(export_log(Home(home.absolute()), file))
    say(None, as_json=False, text=f"{count} entries are in {file}. `banyan log verify --export` checks them.")


@app.command("checkpoint")
def log_checkpoint(
    home: HomeOption = DEFAULT_HOME,
    every: Annotated[bool, typer.Option("--all", help="Every one, not only the latest.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the latest signed checkpoint, to be kept outside."""
    from banyan.bootstrap.logbook import list_checkpoints

    found = run(list_checkpoints(Home(home.absolute())))
    shown = found if every else found[-1:]
    text = "\n".join(each["note"] for each in shown).rstrip()
    say(shown, as_json=as_json, text=text or "No checkpoint yet: `banyan up` signs the first one.")


def _whom(entry: dict[str, Any]) -> str:
    return " ".join([entry["object"], *entry["names"].values()])


def _told(found: "Examination") -> str:
    """What the check found, and what that proves."""
    verdict = found.verdict
    if found.sound:
        lines = [
            f"{verdict.entries} entries; every one follows from the one before.",
            f"Checkpoints: {len(verdict.proven)}. At each of them the log was what it is now.",
        ]
    else:
        lines = [_doubted(doubt) for doubt in verdict.doubts]
        if verdict.broken:
            place = f"Entry {verdict.broken.seq} does not follow from the one before ({verdict.broken.why})."
            lines.insert(0, f"{place} Nothing from there on can be believed.")
        lines.append(KEEP)
    if not found.held:
        lines.append(
            "This was held against nothing from outside: who holds the machine can rewrite all of it. Give a "
            "checkpoint that you keep elsewhere with --checkpoint."
        )
    if not found.trusted:
        lines.append("The key came with the log. Give the log.pub that you keep elsewhere with --key.")
    return "\n".join(lines)


def _doubted(doubt: "Doubt") -> str:
    match doubt.why:
        case "short":
            return f"A checkpoint covers {doubt.size} entries and there are fewer: the end is missing."
        case "changed":
            return (
                f"When the log had {doubt.size} entries it was another one: something from entry "
                f"{doubt.after + 1} to {doubt.size} was changed, dropped, moved or made up."
            )
        case "opening":
            return f"Whom entry {doubt.size} is about was changed."
        case _:
            return OF_THE_CHECKPOINT[doubt.why]
