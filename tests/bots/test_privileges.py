"""Who may do what, where: written down by hand, and every cell tried.

A row says what each role may do with a command, in the order of `ROLES`: `+` everywhere, `o` in their own
area only, `-` not at all. It is written from the duties of people, never computed from the code it tries.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from banyan.domain.alerts import Alert, AlertState, Kind, Response, Severity, Status
from banyan.domain.approvals import ProposalKind
from banyan.domain.findings import About, Audit, Finding, Judgement, Subject
from banyan.domain.findings import Severity as Grade
from banyan.domain.gatherings import Gathering
from banyan.domain.people import Member
from banyan.store import tables
from bots.arguments import Addressed
from bots.commands import TABLE
from bots.declare import CommandTable
from bots.interpreter import Interpreter
from tests.bots.stage import Person, Stage

TRIES = 3
"""Ways in which each cell is tried."""

ROLES = ("member", "vetting_officer", "security_officer", "focal_point", "core_team", "coordinator")
EVERYBODY, OWN = "++++++", "oooooo"
ASKER, HOME = "teal-otter", "MM-1"
ELSEWHERE = ("MM-2", "LA")
"""Another cell of the asker's country, and another country."""

SPARED = frozenset({"say", "redact"})
"""Effects of an answer that is only words."""


@dataclass
class Trial:
    """One try: what stands ready for it."""

    stage: Stage
    area: str
    who: str
    """Pseudonym of a member of that area."""

    @property
    def services(self) -> Any:
        return self.stage.hearing.services

    async def look(self, name: str = "") -> Member:
        return await self.stage.look(name or self.who)


Ready = Callable[[Trial], Awaitable[str]]


async def proposal(trial: Trial) -> str:
    """A role for somebody of that area, asked for by a machine; its digits."""
    about = {"member_id": (await trial.look()).id, "role": "core_team", "give": True, "areas": [trial.area]}
    async with trial.stage.hearing.work() as tx:
        made = await trial.services.approvals.propose(tx, ProposalKind.ROLE, about, author="machine")
    trial.stage.hearing.clock.forward(minutes=1)
    return made.code


async def gathering(trial: Trial) -> str:
    """A gathering of that area; its id."""
    starts = trial.stage.hearing.clock.now() + timedelta(days=1)
    areas = [trial.stage.hearing.network.area(trial.area)]
    async with trial.stage.hearing.work() as tx:
        by = await tx.members.by_localpart(trial.who)
        made = await trial.services.gatherings.announce(tx, "Tea", starts, areas, None, by=by, actor="x")
    return made.id


async def roll_call(trial: Trial) -> str:
    """Everybody of that area was asked whether they are safe; the alert's id."""
    now, alert_id = trial.stage.hearing.clock.now(), trial.who
    alert = Alert(
        id=alert_id,
        sender="",
        identifier=alert_id,
        sent=now,
        expires=now + timedelta(hours=6),
        status=Status.ACTUAL,
        areas=(trial.area,),
        kind=Kind.RAID,
        severity=Severity.SEVERE,
        response=Response.AVOID,
        texts={},
        state=AlertState.QUEUED,
        received=now,
    )
    async with trial.stage.hearing.work() as tx:
        await tx.alerts.add(alert, alert_id)
    await trial.services.roll_call.begin(alert_id)
    return alert_id


async def holding(trial: Trial) -> str:
    """They hold the role that is to be taken."""
    async with trial.stage.hearing.work() as tx:
        await trial.services.roles.give(tx, await trial.look(), "core_team", by="operator")
    return ""


async def inside(trial: Trial) -> str:
    """They are in a conversation across countries."""
    async with trial.stage.hearing.work() as tx:
        await tx.members.add_theme((await trial.look()).id, "climate")
    return ""


def judged(rule: str) -> Ready:
    """The last audit found that in a conversation of that area; the rule's name."""

    async def ready(trial: Trial) -> str:
        finding = Finding(rule, Grade.BREACH, Subject(About.ROOM, f"talk:{trial.area}"))
        now, id_ = trial.stage.hearing.clock.now(), trial.stage.ids.opaque()
        async with trial.stage.hearing.work() as tx:
            await tx.audits.add(Audit(id_, now, "daily", Judgement((finding,)), 1, 1))
        return rule

    return ready


@dataclass(frozen=True)
class Row:
    """One command: who may, and what to answer to its questions."""

    cells: str
    answers: Mapping[str, str] = field(default_factory=dict)
    ready: Ready | None = None
    subject: str = ""
    """The argument that tells whom or where it is about; empty where it is about the asker alone."""

    def __post_init__(self) -> None:
        assert len(self.cells) == len(ROLES)


MAY_ALERT, LOOKS_AFTER, MAY_GATHER = "--+o-+", "---o--", "--+o++"
MAY_INVITE, GIVES_ROLES = "-++---", "--+--+"
WHO, AREA, TALK, READY = "{who}", "{area}", "talk:{area}", "{ready}"
IN_ROOM = {"room": "theme:climate", "who": WHO}
"""A room of all countries: what is refused is refused for the person."""
ROLE = {"who": WHO, "role": "core_team"}

ROWS: Mapping[str, Row] = {
    "help": Row(EVERYBODY, {"which": "me"}),
    "waiting": Row("-+++++"),
    "approve": Row(GIVES_ROLES, {"code": READY}, proposal, "code"),
    "refuse": Row(GIVES_ROLES, {"code": READY}, proposal, "code"),
    "alert": Row(
        MAY_ALERT,
        {
            "what": "raid",
            "area": AREA,
            "danger": "severe",
            "advice": "avoid",
            "lasts": "2h",
            "addition": "Take care.",
        },
        subject="area",
    ),
    "careful": Row(MAY_ALERT, {"area": AREA}, subject="area"),
    "answers": Row(MAY_ALERT, {"alert": READY}, roll_call, "alert"),
    "answer": Row(EVERYBODY, {"state": "safe"}, roll_call),
    "safe": Row(EVERYBODY, ready=roll_call),
    "need help": Row(EVERYBODY, ready=roll_call),
    "cannot talk": Row(EVERYBODY, ready=roll_call),
    "hours": Row("--+---", {"begins": "8", "ends": "22"}),
    "audit": Row("--+---", ready=judged("room-guests")),
    "audit room": Row("--+---", {"room": TALK}, judged("room-guests"), "room"),
    "audit member": Row("--+---", {"who": WHO}, judged("room-guests"), "who"),
    "finding": Row("--+---", {"which": READY}, judged("room-listed")),
    "repair": Row("--+---", {"which": READY, "sure": "1"}, judged("room-guests")),
    "freeze": Row("--+---", {"who": WHO}, subject="who"),
    "console": Row("--+---"),
    "invite": Row(MAY_INVITE, {"country": AREA, "themes": "climate"}, subject="country"),
    "role give": Row(GIVES_ROLES, ROLE, subject="who"),
    "role take": Row(GIVES_ROLES, ROLE, holding, "who"),
    "gathering": Row(
        MAY_GATHER, {"title": "Tea", "starts": "tomorrow 19:00", "area": AREA, "remind": "10"}, subject="area"
    ),
    "gathering cancel": Row(MAY_GATHER, {"which": READY}, gathering, "which"),
    "gatherings": Row(OWN, {"which": READY, "answer": "yes"}, gathering, "which"),
    "room members": Row(LOOKS_AFTER, {"room": TALK}, subject="room"),
    "room invite": Row(LOOKS_AFTER, IN_ROOM, subject="who"),
    "room remove": Row(LOOKS_AFTER, IN_ROOM, inside, "who"),
    "room announce": Row(LOOKS_AFTER, {"text": "Bring water."}),
    "rooms": Row(EVERYBODY),
    "me": Row(EVERYBODY),
    "start": Row(EVERYBODY, {"language": "en"}),
    "device": Row(EVERYBODY, {"answer": "1"}),
    "recovery key": Row(EVERYBODY, {"answer": "1"}),
    "lock screen": Row(EVERYBODY, {"answer": "1"}),
    "last step": Row(EVERYBODY, {"answer": "1"}),
    "language": Row(EVERYBODY, {"language": "en"}),
}


def test_every_command_and_role_has_its_line():
    """A new command or role is a decision about who may: write it down above."""
    assert [each.name for each in TABLE.commands if each.name not in ROWS] == []
    assert [name for name in ROWS if TABLE.get(name) is None] == []
    for name, row in ROWS.items():
        assert set(row.answers) == {each.name for each in TABLE[name].arguments}, name
        assert row.subject in {"", *row.answers}, name


def test_every_role_has_its_column(network):
    """In the order of the table."""
    assert list(ROLES[1:]) == sorted(network.roles, key=ROLES.index)


@pytest.fixture
def done(stage):
    """What commands have done for good, with which values: `(name, values)`."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    def watched(each):
        async def run(ctx, **values):
            said = await each.run(ctx, **values)
            found.append((each.name, values))
            return said

        return replace(each, run=run)

    table = CommandTable([watched(each) for each in TABLE.commands])
    stage.hearing = replace(stage.hearing, interpreter=Interpreter(table))
    return found


@pytest.fixture
def decided(work):
    """How much was decided so far, and how many effects are there but words."""

    async def decided():
        async with work.reading() as tx:
            effects = await tx.outbox._some(tables.outbox.c.kind.not_in(SPARED))
            head = await tx.log.head()
        return head and head.seq, len(effects)

    return decided


@pytest.fixture
def beginning(with_cast, role):
    """The asker with that role, and ordinary members everywhere."""
    asker = Person(ASKER, HOME, () if role == "member" else (role,))
    others = (Person(subject(area, at), area) for area in (HOME, *ELSEWHERE) for at in range(TRIES))
    return with_cast(asker, *others)


def subject(area: str, at: int) -> str:
    """Pseudonym of the member for one try upon that area."""
    return f"oak-{area.casefold()}-{at}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ROWS)
async def test_every_cell(stage, done, decided, name, role):
    """Question by question and in one line, in the chat and in a staff room: nothing but what is written."""
    if TABLE.get(name) is None:
        pytest.fail(f"There is no command {name!r} any more.")
    row = ROWS[name]
    may = row.cells[ROLES.index(role)]
    rooms = stage.hearing.network.roles[role].rooms if role != "member" else ("security",)
    for area in (HOME, *ELSEWHERE) if row.subject else (HOME,):
        wanted = may == "+" or (may == "o" and area == HOME)
        succeeded = False
        tries = ((None, _step_by_step), (None, _in_one_line), (rooms[0], _in_one_line))
        for at, (place, talk) in enumerate(tries):
            who = subject(area, at)
            trial = Trial(stage, area, who)
            values = {"who": who, "area": area, "ready": await row.ready(trial) if row.ready else ""}
            answers = {key: text.format(**values) for key, text in row.answers.items()}
            before = await decided()
            del done[:]
            await talk(stage, name, answers, place)
            came = [values for called, values in done if called == name and _touches(row, values, area)]
            assert wanted or not came, (area, place, came)
            assert wanted or done or await decided() == before, (area, place)
            succeeded |= bool(came)
            await stage.tell(ASKER, "stop", in_=place)
            stage.hearing.clock.forward(hours=25)
        assert succeeded == wanted, area


async def _step_by_step(stage: Stage, name: str, answers: Mapping[str, str], place: str | None) -> None:
    """Type the verb, then answer whatever is asked, until nothing is or an answer is not taken."""
    await stage.tell(ASKER, name, in_=place)
    asked = None
    while (now := await _asked(stage, place)) not in (None, asked):
        asked = now
        await stage.tell(ASKER, answers.get(now, "yes"), in_=place)


async def _in_one_line(stage: Stage, name: str, answers: Mapping[str, str], place: str | None) -> None:
    """Type everything at once, and yes."""
    quoted = (f'"{text}"' if " " in text else text for text in answers.values())
    await stage.tell(ASKER, " ".join([name, *quoted]), in_=place)
    if await _asked(stage, place) is not None:
        await stage.tell(ASKER, "yes", in_=place)


async def _asked(stage: Stage, place: str | None) -> str | None:
    member = await stage.look(ASKER)
    async with stage.hearing.work.reading() as tx:
        found = await tx.conversations.get(stage.message(ASKER, "", place).room_id, member.id)
    return None if found is None else found.asked


def _touches(row: Row, values: Mapping[str, Any], area: str) -> bool:
    """Whether what was done is about that area."""
    match values.get(row.subject):
        case Member() as member:
            return member.placement.area == area
        case Addressed() as addressed:
            return area in {each.key for each in addressed.areas}
        case Alert() | Gathering() as about:
            return area in about.areas
        case str() as text if text.startswith("talk:"):
            return text == f"talk:{area}"
    return True
