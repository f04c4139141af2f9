"""The unit of work, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import DBAPIError, StatementError

from banyan.domain.effects import Actor, EffectState, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.people import Invitation, Member, MemberStatus, Placement
from banyan.domain.proof import examine
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.errors import IllegalMove, Taken
from tests.fakes import NOON

FOUNDED = NewEntry(Action.HOME_FOUNDED, "operator", "home")


def heron(localpart="amber-heron", member_id="1" * 32, **placement):
    return Member(member_id, localpart, Placement(area="KH", **placement), "km")


async def test_all_or_nothing(work, woken):
    """A unit of work that fails leaves neither record nor log entry nor effect, and wakes nobody."""

    async def fail():
        async with work() as tx:
            await tx.members.add(heron())
            await tx.log.append(FOUNDED)
            await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with work.reading() as tx:
        assert not await tx.members.all()
        assert not await tx.log.all()
        assert not await tx.outbox.due(Actor.DESK, NOON, 10)
    assert woken == []


async def test_wakes_the_addressed_after_the_commit(work, woken):
    """Exactly the actors that got a row are woken, and the row can be read by then."""
    async with work() as tx:
        await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        assert woken == []
    assert woken == [frozenset({Actor.DESK})]


async def test_reading_cannot_write(work):
    """A view refuses writes in the database itself, and the next unit of work may write again."""
    with pytest.raises(DBAPIError):
        async with work.reading() as tx:
            await tx.members.add(heron())
    async with work() as tx:
        await tx.members.add(heron())


async def test_errors_quote_no_values(work):
    """What was to be written is in no error: it may be what people wrote."""
    with pytest.raises(DBAPIError) as refused:
        async with work.reading() as tx:
            await tx.members.add(heron("a-secret-name"))
    assert "a-secret-name" not in str(refused.value)


async def test_readers_wait_for_nobody(work):
    """While a writer is at work a reader sees what was committed before."""
    async with work() as tx:
        await tx.members.add(heron())
        async with asyncio.timeout(60), work.reading() as other:
            assert not await other.members.all()


async def test_moments_come_back_in_utc(work):
    """A moment written in another zone is the same moment, in UTC; one without a zone is refused."""
    there = timezone(timedelta(hours=6, minutes=30))
    expires = datetime(2026, 11, 25, 18, 30, tzinfo=there)
    async with work() as tx:
        await tx.members.add(heron())
        await tx.invitations.add(Invitation("1" * 32, "a" * 64, expires))
    async with work.reading() as tx:
        found = await tx.invitations.by_token_hash("a" * 64)
    assert found.expires == expires
    assert found.expires.tzinfo is UTC
    with pytest.raises(StatementError, match="without an offset"):
        async with work() as tx:
            await tx.answered.first("$x", datetime(2026, 11, 25, 18, 30))  # noqa: DTZ001


async def test_a_pseudonym_belongs_to_one(work):
    """The second member of a name is refused, and the unit of work can go on with another name."""
    async with work() as tx:
        await tx.members.add(heron())
        with pytest.raises(Taken):
            await tx.members.add(heron(member_id="2" * 32))
        await tx.members.add(heron("amber-ibis", member_id="2" * 32))
    async with work.reading() as tx:
        assert [member.localpart for member in await tx.members.all()] == ["amber-heron", "amber-ibis"]


async def test_a_member_comes_back_whole(work):
    """Themes, roles, language and chat survive the way through the database."""
    member = heron(themes=frozenset({"climate", "justice"}), roles=frozenset({"focal_point"}))
    async with work() as tx:
        await tx.members.add(member)
        assert await tx.members.get(member.id) == member
        await tx.members.grant(member.id, "core_team")
        await tx.members.grant(member.id, "core_team")
        await tx.members.set_language(member.id, "en")
        await tx.members.set_chat(member.id, "!chat")
    async with work.reading() as tx:
        (found,) = await tx.members.all(MemberStatus.INVITED)
        assert found.placement.roles == {"focal_point", "core_team"}
        assert found.placement.themes == {"climate", "justice"}
        assert (found.language, found.chat) == ("en", "!chat")
        assert found == await tx.members.by_localpart("amber-heron")
        assert not await tx.members.all(MemberStatus.ADMITTED)
        assert await tx.members.get("9" * 32) is None


async def test_only_the_drawn_moves_are_legal(work):
    """An expired member is never admitted, and neither counts for the area any more."""
    async with work() as tx:
        await tx.members.add(heron())
        await tx.members.add(heron("amber-ibis", "2" * 32))
        assert await tx.members.count_by_area() == {"KH": 2}
        await tx.members.set_status("1" * 32, MemberStatus.EXPIRED)
        with pytest.raises(IllegalMove):
            await tx.members.set_status("1" * 32, MemberStatus.ADMITTED)
        await tx.members.set_status("2" * 32, MemberStatus.ADMITTED)
        assert await tx.members.count_by_area() == {"KH": 1}


async def test_who_holds_a_role(work):
    """Admitted members with all that is said of them; nobody without a role, and nobody who is not here."""
    async with work() as tx:
        for number in "1234":
            await tx.members.add(heron(f"amber-{number}", number * 32))
        for number in "134":
            await tx.members.set_status(number * 32, MemberStatus.ADMITTED)
        for number in "123":
            await tx.members.grant(number * 32, "focal_point")
        await tx.members.add_theme("1" * 32, "climate")
        await tx.members.set_status("3" * 32, MemberStatus.FROZEN)
        (found,) = await tx.members.with_roles()
        assert found == await tx.members.get("1" * 32)
        assert (found.placement.roles, "climate" in found.placement.themes) == ({"focal_point"}, True)


async def test_invitations_run_out(work, clock):
    """Due are those that ran out and whose member is still invited."""
    async with work() as tx:
        for number, hours in enumerate((1, 1, 3), start=1):
            await tx.members.add(heron(f"amber-{number}", str(number) * 32))
            expires = clock.now() + timedelta(hours=hours)
            await tx.invitations.add(Invitation(str(number) * 32, str(number) * 64, expires))
        await tx.members.set_status("2" * 32, MemberStatus.ADMITTED)
        due = await tx.invitations.due(clock.now() + timedelta(hours=2))
        assert [one.member_id for one in due] == ["1" * 32]
        assert [one.member_id for one in await tx.invitations.of_invited()] == ["1" * 32, "3" * 32]


async def test_an_invitation_knows_who_asked_for_it(work, clock):
    """Found by that member are theirs, used or not; none of somebody else's or of the operator's."""
    async with work() as tx:
        for number, asked_by in ((1, None), (2, "1"), (3, "1"), (4, "2")):
            await tx.members.add(heron(f"amber-{number}", str(number) * 32, themes=frozenset({"climate"})))
            asked = asked_by and asked_by * 32
            invitation = Invitation(str(number) * 32, str(number) * 64, clock.now(), asked)
            await tx.invitations.add(invitation)
            assert await tx.invitations.by_token_hash(str(number) * 64) == invitation
        await tx.members.set_status("2" * 32, MemberStatus.ADMITTED)
        found = await tx.members.asked_for_by("1" * 32)
        assert found == [await tx.members.get("2" * 32), await tx.members.get("3" * 32)]
        assert await tx.members.asked_for_by("3" * 32) == []


async def test_rooms_are_replaced_by_key(work):
    """A room made anew under its key replaces the old one."""
    key = RoomKey("talk:KH")
    async with work() as tx:
        await tx.rooms.put(Room(key, "!old", RoomKind.TALK, "KH", "km"))
        await tx.rooms.put(Room(key, "!new", RoomKind.TALK, "KH", "km"))
    async with work() as tx:
        assert await tx.rooms.by_id("!old") is None
        assert await tx.rooms.get(key) == await tx.rooms.by_id("!new") == (await tx.rooms.all())[0]
        await tx.rooms.remove(key)
        assert await tx.rooms.all() == []


async def test_an_event_acts_once(work, clock):
    """Handled ids are remembered until they are erased by age."""
    async with work() as tx:
        assert await tx.answered.first("$event", clock.now())
    async with work() as tx:
        assert not await tx.answered.first("$event", clock.now())
        assert await tx.answered.forget(clock.now()) == 0
        assert await tx.answered.forget(clock.now() + timedelta(seconds=1)) == 1
        assert await tx.answered.first("$event", clock.now())


async def test_concurrent_decisions_do_not_lose_each_other(work):
    """Forty units of work at once, each reading before it writes: all are there, in one chain."""

    async def decide(number):
        async with work() as tx:
            count = len(await tx.members.all())
            await tx.members.add(heron(f"stone-{count}", f"{number:032}"))
            await tx.log.append(FOUNDED)

    await asyncio.gather(*(decide(number) for number in range(40)))
    async with work.reading() as tx:
        assert len(await tx.members.all()) == 40
        entries = await tx.log.all()
    assert [entry.seq for entry in entries] == list(range(1, 41))
    assert examine(entries).broken is None


async def test_one_inside_another_is_refused(work):
    """It would wait for itself; it is told at once, and afterwards everything goes on."""
    with pytest.raises(RuntimeError, match="inside another"):
        async with work(), work():
            pass
    async with asyncio.timeout(60), work() as tx:
        await tx.members.add(heron())


async def test_a_cancelled_unit_of_work_leaves_nothing(work):
    """Cancelled half-way, it is rolled back and the next writer is let in."""
    inside = asyncio.Event()

    async def hang():
        async with work() as tx:
            await tx.members.add(heron())
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60), work() as tx:
        assert await tx.members.all() == []


async def test_of_each_lane_the_oldest(work, clock):
    """An effect waits for its predecessor in its lane, and for nothing else."""
    async with work() as tx:
        first = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, lane="!a"))
        second = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, lane="!a"))
        other = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, lane="!b"))
        free = [await tx.outbox.put(NewEffect(Actor.DESK, "say", {})) for _ in range(2)]
        alarm = await tx.outbox.put(NewEffect(Actor.ALARM, "alert", {}, lane="!a"))

        async def due(actor=Actor.DESK, limit=10):
            return [effect.id for effect in await tx.outbox.due(actor, clock.now(), limit)]

        assert await due() == [first, other, *free]
        assert await due(Actor.ALARM) == [alarm]
        assert await due(limit=1) == [first]
        await tx.outbox.begin([first], clock.now(), None)
        await tx.outbox.retry(first, clock.now() + timedelta(seconds=5), "f00d")
        assert await due() == [other, *free]
        clock.forward(seconds=5)
        assert await due() == [first, other, *free]
        await tx.outbox.dead(first, "no-room")
        assert await due() == [second, other, *free]
        assert (await tx.outbox.get(first)).state is EffectState.DEAD
        assert (await tx.outbox.waiting())[Actor.DESK] == 4


async def test_an_effect_remembers_its_first_attempt(work, clock):
    """Time and device of the first attempt stay, the count goes up, the result is kept."""
    async with work() as tx:
        effect_id = await tx.outbox.put(NewEffect(Actor.DESK, "say", {"a": 1}, lane="!a", subject="s"))
        await tx.outbox.begin([effect_id], clock.now(), "FIRST")
        clock.forward(hours=1)
        await tx.outbox.begin([effect_id], clock.now(), "SECOND")
        await tx.outbox.done(effect_id, clock.now(), {"event_id": "$e"})
    async with work.reading() as tx:
        (effect,) = await tx.outbox.of_subject("s")
    assert (effect.attempts, effect.device_id, effect.first_attempt) == (2, "FIRST", NOON)
    assert (effect.state, effect.done, effect.result) == (EffectState.DONE, clock.now(), {"event_id": "$e"})
    assert effect.payload == {"a": 1}


async def test_what_is_tried_in_vain_is_noticed(work, clock):
    """What staff are to be told and are not, and nothing of anybody else's; until it is done."""
    async with work() as tx:
        effect_id = await tx.outbox.put(NewEffect(Actor.STEWARD, "warn", {}))
        for _ in range(3):
            assert not await tx.outbox.stuck(Actor.STEWARD, 3)
            await tx.outbox.begin([effect_id], clock.now(), None)
        assert await tx.outbox.stuck(Actor.STEWARD, 3)
        assert not await tx.outbox.stuck(Actor.DESK, 3)
        await tx.outbox.done(effect_id, clock.now(), {})
        assert not await tx.outbox.stuck(Actor.STEWARD, 3)


async def test_the_same_effect_is_written_once(work, clock):
    """A second effect with the same dedupe value is the first one, also after that one is done."""
    effect = NewEffect(Actor.DESK, "open_chat", {}, dedupe="chat:1")
    async with work() as tx:
        effect_id = await tx.outbox.put(effect)
        assert await tx.outbox.put(effect) == effect_id
        await tx.outbox.done(effect_id, clock.now(), {})
    async with work() as tx:
        assert await tx.outbox.put(effect) == effect_id
        assert not await tx.outbox.due(Actor.DESK, clock.now(), 10)


async def test_many_effects_keep_their_order(work, clock, woken):
    """Many at once are like one after the other: in order, known ones left out, their actors woken."""
    async with work() as tx:
        await tx.outbox.put(NewEffect(Actor.DESK, "old", {}, dedupe="b"))
    async with work() as tx:
        await tx.outbox.put_all([])
        await tx.outbox.put_all(
            [NewEffect(Actor.ALARM, "new", {"room": room}, dedupe=room) for room in "abc"]
        )
    async with work.reading() as tx:
        due = await tx.outbox.due(Actor.ALARM, clock.now(), 10)
    assert [effect.payload["room"] for effect in due] == ["a", "c"]
    assert woken == [frozenset({Actor.DESK}), frozenset({Actor.ALARM})]


async def test_what_ended_stays_ended(work, clock):
    """A late failure cannot put a finished effect back in the queue."""
    async with work() as tx:
        effect_id = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        await tx.outbox.done(effect_id, clock.now(), {"event_id": "$e"})
        await tx.outbox.retry(effect_id, clock.now(), "late")
        await tx.outbox.dead(effect_id, "late")
        effect = await tx.outbox.get(effect_id)
    assert (effect.state, effect.result) == (EffectState.DONE, {"event_id": "$e"})


@pytest.mark.parametrize("end", ["done", "dead"])
async def test_a_secret_is_erased_when_it_is_used(work, clock, end):
    """The payload of a secret effect is gone once the effect has ended, other payloads stay."""
    async with work() as tx:
        secret = await tx.outbox.put(NewEffect(Actor.REGISTRAR, "token", {"token": "t"}, secret=True))
        if end == "done":
            await tx.outbox.done(secret, clock.now(), {})
        else:
            await tx.outbox.dead(secret, "refused")
        assert (await tx.outbox.get(secret)).payload == {}


async def test_the_outbox_forgets_what_ended_long_ago(work, clock):
    """Retention erases ended rows by age and never a queued one."""
    async with work() as tx:
        done = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        queued = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        await tx.outbox.done(done, clock.now(), {})
        assert await tx.outbox.forget(clock.now() + timedelta(days=1)) == 1
        assert await tx.outbox.get(done) is None
        assert await tx.outbox.get(queued) is not None


async def test_what_was_done_once_is_known_for_good(work, clock):
    """Retention empties a row with a dedupe value, but the same thing is not done a second time."""
    effect = NewEffect(Actor.DESK, "welcome", {"room_id": "!a"}, subject="s", dedupe="welcome:1")
    later = clock.now() + timedelta(days=1)
    async with work() as tx:
        effect_id = await tx.outbox.put(effect)
        await tx.outbox.done(effect_id, clock.now(), {"event_id": "$e"})
        assert await tx.outbox.forget(later) == 1
        assert await tx.outbox.forget(later) == 0
        assert await tx.outbox.known(["welcome:1", "welcome:2"]) == {"welcome:1"}
        assert await tx.outbox.put(effect) == effect_id
        emptied = await tx.outbox.get(effect_id)
    assert (emptied.payload, emptied.result, emptied.subject) == ({}, {}, None)
    assert emptied.state is EffectState.DONE


async def test_what_was_put_off_waits_for_what_is_new(work, clock):
    """After a long night the answer to somebody does not wait behind a thousand things to be erased."""
    later = clock.now() + timedelta(hours=24)
    async with work() as tx:
        for number in range(3):
            await tx.outbox.put(NewEffect(Actor.DESK, "redact", {"n": number}, not_before=later))
    clock.forward(hours=25)
    async with work() as tx:
        await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        assert [e.kind for e in await tx.outbox.due(Actor.DESK, clock.now(), 2)] == ["say", "redact"]


async def test_after_another_has_ended(work, clock):
    """An effect waits for one of another actor, whatever came of that one."""
    async with work() as tx:
        first = await tx.outbox.put(NewEffect(Actor.GATE, "withdraw", {}))
        await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, after=first))
        assert await tx.outbox.due(Actor.DESK, clock.now(), 9) == []
        await tx.outbox.dead(first, "no-handler")
        assert [e.kind for e in await tx.outbox.due(Actor.DESK, clock.now(), 9)] == ["say"]
