"""`banyan partner`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, err, run, say
from banyan.settings import Home

if TYPE_CHECKING:
    from banyan.bootstrap.partners import Course
    from banyan.services.partners import Partner, Step

app = typer.Typer(help="Servers of partners: list, cut off, readmit.", no_args_is_help=True)

Server = Annotated[str, typer.Argument(help="Its name, e.g. matrix.harbour.example.")]

_DONE = {
    "withdraw": "somebody there is let in no more",
    "ban": "banned from {room}: {people}",
    "acl": "{room} accepts the servers that are left",
    "federate": "the homeserver speaks with the servers that are left",
    "allow": "somebody there may come in again",
    "invite": "invited to {room}: {people}",
}


@app.command("list")
def partner_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the servers of partners, their rooms and whether they are cut off."""
    from banyan.bootstrap.partners import list_partners

    found = run(list_partners(Home(home.absolute())))
    text = "\n".join(
        f"{each.server:40} {'cut off' if each.cut else 'open':8} {each.people:4} people  "
        f"{', '.join(each.rooms) or 'no joint room'}"
        for each in found
    )
    rows = [asdict(each) for each in found]
    say(rows, as_json=as_json, text=text or "No partner has a server: nothing listens for other servers.")


@app.command("cut")
def partner_cut(
    server: Server,
    home: HomeOption = DEFAULT_HOME,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End all speech with a partner's server, at once: people out, rooms shut, homeserver restarted."""
    from banyan.bootstrap.partners import cut, find_partner

    where = Home(home.absolute())
    partner = run(find_partner(where, server))
    if plan:
        say(asdict(partner), as_json=as_json, text=_plan(partner))
        return
    if not as_json:
        say(None, as_json=False, text=_plan(partner))
    _report(run(cut(where, server, _tell)), as_json=as_json, done=f"{server} is cut off.")


@app.command("readmit")
def partner_readmit(server: Server, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Speak with a partner's server again, and invite its people again."""
    from banyan.bootstrap.partners import readmit

    course = run(readmit(Home(home.absolute()), server, _tell))
    _report(course, as_json=as_json, done=f"We speak with {server} again. Its people have to accept.")


def _plan(partner: "Partner") -> str:
    rooms = ", ".join(partner.rooms) or "no room"
    return (
        f"To cut off {partner.server} ({partner.partner}; {partner.people} people; {rooms}):\n"
        "  1. everybody there is banned from the joint rooms;\n"
        "  2. the joint rooms refuse what that server sends;\n"
        "  3. the list of servers we speak with goes without it;\n"
        "  4. the homeserver restarts: messages wait for about two seconds.\n"
        "It keeps what it has received already."
    )


def _tell(step: "Step") -> None:
    err.print(_line(step), highlight=False, markup=False)


def _line(step: "Step") -> str:
    from banyan.domain.effects import EffectState

    text = _DONE[step.name].format(
        room=step.room or "a room that is gone", people=step.result.get("people", 0)
    )
    took = "" if step.seconds is None else f"{step.seconds:.1f} s"
    if step.state is EffectState.DONE:
        return f"{took:>8}  {text}"
    return f"{took:>8}  NOT DONE: {text}"


def _report(course: "Course", *, as_json: bool, done: str) -> None:
    """Print how it went and end with 1 where a step is not done."""
    if course.well:
        text = done
    elif not course.up:
        text = (
            "It is decided and written down, and nothing was done yet, for `banyan up` does not run. When it "
            "starts, it starts with that decision. A homeserver that runs without it must be stopped by hand."
        )
    else:
        text = "Not every step is done. What is missing is shown above. Run the same command again."
    rows = _rows(course.steps)
    data = {"server": course.partner.server, "up": course.up, "well": course.well, "steps": rows}
    say(data, as_json=as_json, text=text)
    if not course.well:
        raise typer.Exit(1)


def _rows(steps: Sequence["Step"]) -> list[dict[str, Any]]:
    return [
        {
            "step": each.name,
            "room": each.room,
            "state": each.state.value,
            "seconds": each.seconds,
            **each.result,
        }
        for each in steps
    ]
