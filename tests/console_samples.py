"""A network with a realistic audit, and the console served on loopback."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from itertools import cycle

from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.signing import SigningKey

from banyan.domain.approvals import Proposal, ProposalKind
from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject
from banyan.domain.log import Action, Checkpoint, NewEntry
from banyan.domain.merkle import Tree
from banyan.domain.notes import Head, PublicKey, sign
from banyan.i18n import placeholders
from banyan.network import Network, Waiver
from banyan.services.console import Console
from banyan.services.pseudonyms import QUALITIES, THINGS
from banyan.store import tables
from banyan.web.console import console_routes
from banyan.web.headers import harden
from policies.rooms import declared_rooms
from policies.rules import RULES, sentences
from tests.fakes import room_id

OFFICER = "amber-heron"
HELPER = "teal-otter"
"""Of another role: may not audit."""
STRAY = "!stray:banyan.test"
KEY = SigningKey(bytes(32))
PUBLIC = PublicKey("banyan.test/banyan-log", bytes(KEY.verify_key))

WAIVERS = (
    Waiver(
        rule="room-size",
        subject="theme:climate",
        reason="The room is split after the workshop of this week.",
        until=date(2026, 12, 20),
    ),
    Waiver(
        rule="device-many",
        subject="*",
        reason="Phones are being replaced; the old ones go one by one.",
        until=date(2026, 11, 1),
    ),
    Waiver(
        rule="room-stranger",
        subject="talk:KH",
        only={"who": "amber-heron", "devices": "0123456789abcdef"},
        reason="They stay until the workshop of this week ends.",
        until=date(2026, 12, 6),
    ),
)

VALUES: dict[str, str | int] = {
    "account": "steward",
    "area": "MM-1",
    "count": 3,
    "days": 30,
    "devices": 2,
    "duty": "approve",
    "gateway": "push.example.org",
    "key": "allow_guest_access",
    "keys": "users_default, events_default",
    "kind": "m.room.pinned_events",
    "least": 2,
    "level": 100,
    "limit": 120,
    "name": "Juniper shade",
    "role": "focal_point",
    "rooms": 2,
    "rule": "room-size",
    "server": "chat.example.org",
    "service": "warden",
    "token": "3b1c…",
    "until": "2026-11-01",
    "version": "10",
    "what": "theme:climate",
    "who": "brisk-lantern",
}


def pseudonyms() -> Iterator[str]:
    """Made-up names, always the same ones, each once."""
    for shift in range(len(THINGS)):
        for at, quality in enumerate(QUALITIES):
            yield f"{quality}-{THINGS[(at + shift) % len(THINGS)]}"


async def people(work, network: Network, each: int, now) -> list[str]:
    """Let `each` members live in every area; their pseudonyms. The first are `OFFICER` and `HELPER`."""
    names = pseudonyms()
    rows, places = [], []
    themes, zones = cycle(network.themes), [area.key for area in network.areas]
    for area in zones:
        for at in range(each):
            first = {(zones[0], 0): OFFICER, (zones[0], 1): HELPER}.get((area, at))
            name = first or next(each for each in names if each not in (OFFICER, HELPER))
            member_id = f"{len(rows):032x}"
            rows.append(
                {
                    "id": member_id,
                    "localpart": name,
                    "area": area,
                    "language": "en",
                    "status": "admitted",
                    "chat": f"!chat-{name}",
                    "welcomed": True,
                    "since": now - timedelta(days=200),
                    "vetted": now - timedelta(days=150),
                }
            )
            codes = [("theme", next(themes))] if at % 4 == 0 else []
            codes += [("role", "security_officer")] if name == OFFICER else []
            codes += [("role", "coordinator")] if name == HELPER else []
            codes += [("role", "focal_point")] if at == 2 else []
            places += [
                {"member_id": member_id, "kind": kind, "code": code, "since": now - timedelta(days=90)}
                for kind, code in codes
            ]
    async with work() as tx:
        await tx.log._connection.execute(tables.members.insert(), rows)
        await tx.log._connection.execute(tables.placements.insert(), places)
    return [row["localpart"] for row in rows]


async def rooms(work, network: Network) -> None:
    """Every declared room exists but one; another is silenced."""
    declared = declared_rooms(network)
    rows = [
        {
            "key": each.key,
            "room_id": room_id(each.key),
            "kind": each.kind.value,
            "area": each.area,
            "language": each.language,
            "frozen": each is declared[-2],
        }
        for each in declared[:-1]
    ]
    async with work() as tx:
        await tx.log._connection.execute(tables.rooms.insert(), rows)


def found(network: Network, names: list[str]) -> Iterator[Finding]:
    """One finding of every rule there is, spread over rooms and members."""
    room_keys = cycle([each.key for each in declared_rooms(network)][1::5])
    members = cycle(names[3::7])
    for each in RULES:
        name = {
            About.ROOM: lambda: next(room_keys),
            About.MEMBER: lambda: next(members),
            About.ACCOUNT: lambda: "alarm",
            About.SERVER: lambda: "homeserver",
            About.NETWORK: lambda: "network",
        }[each.about]()
        finding = Finding(each.id, each.severity, Subject(each.about, name))
        wanted = frozenset[str]().union(*map(placeholders, sentences(finding)))
        values = {key: VALUES.get(key, 3) for key in sorted(wanted)}
        yield Finding(finding.rule, finding.severity, finding.subject, values)


def judged(network: Network, names: list[str], now, every: int = 3) -> Judgement:
    """Every so many of these findings, worst first; some waived, some separations of a small team."""
    apart = {each.id for each in RULES if each.separation}
    all_ = sorted(found(network, names), key=lambda each: (-each.severity, each.rule))
    separations = tuple(each for each in all_ if each.rule in apart)
    others = [each for each in all_ if each.rule not in apart]
    waived = tuple(
        Finding(each.rule, each.severity, Subject(About.ROOM, "theme:climate"), each.values, now)
        for each in others
        if each.rule == "room-size"
    )
    stray = Finding("room-stray", Severity.WARNING, Subject(About.ROOM, STRAY), {"count": 3})
    open_ = sorted((*others[::every], stray), key=lambda each: -each.severity)
    return Judgement(tuple(open_), waived, separations)


async def audits(work, network: Network, names: list[str], now, days: int) -> None:
    """One each day: better at first, bad today; two days of a month had none."""
    month = [n for n in range(days) if n not in (11, 12)]
    async with work() as tx:
        for ago in reversed(month):
            judgement = judged(network, names, now, every=3 + (ago * 5) % 13 if ago else 3)
            if ago in (20, 21, 22):
                judgement = Judgement(())
            at = now - timedelta(days=ago, minutes=20)
            covered = () if ago else (14, 15, 16, 17, 20)
            await tx.audits.add(
                Audit(f"{ago:032x}", at, "daily", judgement, 34, len(names), uncovered=covered)
            )


async def decisions(work, now, count: int = 120) -> None:
    """A log with a signed checkpoint before its end."""
    async with work() as tx:
        for at in range(count):
            action = (Action.MEMBER_ADMITTED, Action.ROLE_GRANTED, Action.PROPOSED)[at % 3]
            details = {"role": "focal_point"} if action is Action.ROLE_GRANTED else {}
            await tx.log.append(
                NewEntry(action, f"security_officer:{OFFICER}", f"{at:032x}", details=details)
            )
        entries = await tx.log.all()
        tree = Tree()
        for entry in entries[: count - 3]:
            tree.append(bytes.fromhex(entry.hash))
        head = Head(PUBLIC.name, tree.size, tree.root)
        await tx.checkpoints.add(Checkpoint(head.size, now, sign(head, KEY)))


async def requests(work, now) -> None:
    """Three requests wait."""
    async with work() as tx:
        for at, kind in enumerate(ProposalKind):
            await tx.proposals.add(
                Proposal(
                    id=f"{at:032x}",
                    kind=kind,
                    about={},
                    author=f"coordinator:{HELPER}",
                    member_id=None,
                    code=f"73{at}8",
                    created=now - timedelta(minutes=25 * (at + 1)),
                    expires=now + timedelta(hours=2 * at + 1, minutes=5),
                )
            )


def waiving(network: Network) -> Network:
    """The network file with its waivers."""
    return network.model_copy(update={"waivers": WAIVERS})


async def filled(work, network: Network, now, each: int = 14, days: int = 30) -> Network:
    """A whole network; the network file with its waivers."""
    network = waiving(network)
    names = await people(work, network, each, now)
    await rooms(work, network)
    await audits(work, network, names, now, days)
    await decisions(work, now)
    await requests(work, now)
    return network


async def two_devices(_: str) -> int | None:
    """What every member has."""
    return 2


@asynccontextmanager
async def served(work, clock, ids, network: Network, devices=two_devices) -> AsyncIterator["Served"]:
    """The console on a free port of loopback."""
    app = web.Application()
    server = TestServer(app)
    console = Console(work, clock, ids, network=network, url="")
    app.add_routes(
        console_routes(console, work, clock, network=network, devices=devices, keys=lambda: [PUBLIC])
    )
    harden(app)
    async with server:
        yield Served(server, console, work)


class Served:
    """The server, and links into it."""

    def __init__(self, server: TestServer, console: Console, work) -> None:
        self.server = server
        self.console = console
        self._work = work

    async def link(self, name: str = OFFICER) -> str:
        """Path of a new link for that member."""
        async with self._work() as tx:
            return await self.console.link(tx, await tx.members.by_localpart(name))
