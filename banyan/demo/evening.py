"""An evening of the sample network: an alert that two approve, a gathering, a phone that is taken."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from banyan.demo.network import Running
from banyan.demo.sample import COORDINATOR, OFFICER, Person, Reader, reading
from banyan.demo.talk import PATIENCE, NotUnderstood, Talk
from banyan.domain.gatherings import REACTIONS
from banyan.domain.rooms import RoomKind, room_key
from banyan.progress import Steps

ANSWERS = (("km", "១"), ("my", "၁"), ("vi", "3"))
"""Who answers the roll call with which digit: safe, safe, cannot talk."""

REMIND_AFTER = timedelta(seconds=5)


@dataclass(frozen=True)
class Evening:
    """What came of it."""

    approvals: int
    answered: int
    rsvp: int
    reminded: int
    logged_out_ms: float
    """From the word “freeze” until the taken phone was logged out."""

    @property
    def good(self) -> bool:
        """Everything happened as it should."""
        counts = (self.approvals, self.answered, self.rsvp, self.reminded)
        return counts == (2, len(ANSWERS), 2, 2) and self.logged_out_ms >= 0


@dataclass
class Cast:
    """Who plays, and where they talk."""

    network: Running
    readers: Sequence[Reader]

    def of(self, role: str) -> list[Reader]:
        """Staff who hold that role."""
        return [reader for reader in self.readers if role in reader.sample.roles]

    def speaking(self, language: str) -> Reader:
        """A member whose language it is."""
        return next(r for r in self.readers if r.sample.language == language and not r.sample.roles)

    async def staff_talk(self, reader: Reader, place: str) -> Talk:
        """A staff room, once the reader is in it together with the steward."""
        async with self.network.parts.work.reading() as tx:
            room = await tx.rooms.get(room_key(RoomKind.STAFF, place))
        if room is None:
            raise NotUnderstood(f"There is no staff room {place}.")
        return await self._talk(reader, room.room_id, self.network.parts.accounts.steward)

    async def chat(self, reader: Reader) -> Talk:
        """The reader's chat with the desk."""
        async with self.network.parts.work.reading() as tx:
            member = await tx.members.by_localpart(reader.sample.localpart)
        return await self._talk(reader, (member and member.chat) or "", self.network.parts.accounts.desk)

    async def _talk(self, reader: Reader, room_id: str, account: str) -> Talk:
        def there() -> bool:
            room = reader.client.rooms.get(room_id)
            return room is not None and account in room.joined

        await reader.until(there, PATIENCE)
        return Talk(reader, room_id, account)


async def spend(network: Running, readers: Sequence[Reader], directory: Path, line: Steps) -> Evening:
    """Play it. Raise `NotUnderstood` where one of our accounts does not answer as it should."""
    cast = Cast(network, readers)
    approvals, answered = await _alert(cast, line)
    rsvp, reminded = await _gathering(cast, line)
    logged_out_ms = await _freeze(cast, directory, line)
    return Evening(approvals, answered, rsvp, reminded, logged_out_ms)


async def _alert(cast: Cast, line: Steps) -> tuple[int, int]:
    """Asked for in a staff room, approved by two, answered by three members in three languages."""
    (coordinator,), officers = cast.of(COORDINATOR), cast.of(OFFICER)
    security = [await cast.staff_talk(officer, "security") for officer in officers]
    chats = [(language, digit, await cast.chat(cast.speaking(language))) for language, digit in ANSWERS]
    core = await cast.staff_talk(coordinator, "core-team")
    asked = await core.say("alert")
    for label in (
        "A home or an office was searched",
        "everywhere",
        "serious",
        "Be careful",
        "6 hours",
        "Leave",
    ):
        asked = await core.choose(asked, label)
    await core.choose(asked, "Yes")
    line.say("a coordinator asks for an alert, by answering six numbered questions")
    approvals = 0
    for talk in security:
        code = _code(await talk.hear("Do you stand behind it?"))
        await talk.say(code)
        approvals += 1
        line.say(f"a security officer stands behind it: {code}")
    answered = 0
    for language, digit, chat in chats:
        await chat.poll()
        await chat.say(digit)
        answered += 1
        line.say(f"a member answers the desk's question with {digit} ({language})")
    return approvals, answered


async def _gathering(cast: Cast, line: Steps) -> tuple[int, int]:
    """Announced in a guide room, answered by a tap and in a chat, reminded of."""
    parts, (host,) = cast.network.parts, cast.of(COORDINATOR)
    title = f"Evening tea {uuid4().hex[:4]}"  # an earlier run may have announced one too
    tapper, writer = [r for r in cast.readers if r.sample.country == "MM" and not r.sample.roles][:2]
    tapping, writing = await cast.chat(tapper), await cast.chat(writer)
    async with parts.work() as tx:
        by = await tx.members.by_localpart(host.sample.localpart)
        member = await tx.members.by_localpart(tapper.sample.localpart)
        if by is None or member is None:
            raise NotUnderstood("A sample member is missing.")
        now, area = parts.clock.now(), parts.network.area(member.placement.area)
        gathering = await parts.gatherings.announce(
            tx, title, now + timedelta(days=1), [area], now + REMIND_AFTER, by=by, actor="demo"
        )
        guide = await tx.rooms.get(room_key(RoomKind.GUIDE, area.key))
    room_id = guide.room_id if guide else ""
    post = await Talk(tapper, room_id, parts.accounts.desk).next(title)
    await tapper.client.react(room_id, post.event_id, next(iter(REACTIONS)), txn_id=uuid4().hex)
    listed = await writing.say("gatherings")
    await writing.choose(await writing.choose(listed, title), "")
    line.say(f"“{title}” is announced; one taps {next(iter(REACTIONS))}, one writes to the desk")
    await asyncio.gather(*(talk.hear(title) for talk in (tapping, writing)))
    line.say("both are reminded of it, each in their own chat")
    async with parts.work.reading() as tx:
        counts = await parts.gatherings.counts(tx, gathering.id)
    return sum(counts.values()), 2


async def _freeze(cast: Cast, directory: Path, line: Steps) -> float:
    """A phone is taken; one word ends its access."""
    network, officer = cast.network, cast.of(OFFICER)[0]
    taken = await network.let_in(Person("VN", "vi"))
    line.say(f"{taken.localpart} joins, and their phone is taken at a checkpoint")
    security = await cast.staff_talk(officer, "security")
    with TemporaryDirectory(dir=directory) as own:
        async with reading(taken, network.homeserver_url, Path(own)) as phone:
            await network.settled(phone)
            begun = time.monotonic()
            freezing = asyncio.create_task(security.say(f"freeze {taken.localpart}"))
            async with asyncio.timeout(PATIENCE):
                await phone.logged_out.wait()
            logged_out_ms = (time.monotonic() - begun) * 1000
            await freezing
    line.say(f"a security officer writes: freeze. Logged out after {logged_out_ms:.0f} ms")
    for each in filter(None, (await security.hear(taken.localpart)).splitlines()[1:]):
        line.say(f"   {each}")
    return logged_out_ms


def _code(preview: str) -> str:
    """The four digits of a proposal."""
    found = re.search(r"\b([1-9][0-9]{3})\b", preview.partition("Do you stand behind it?")[2])
    if found is None:
        raise NotUnderstood("The request showed no number.")
    return found[1]
