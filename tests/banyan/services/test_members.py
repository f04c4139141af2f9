"""Members: who is let in, and where, and that each step is written down."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from banyan.domain.effects import Actor
from banyan.domain.people import MemberStatus, Placement
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.errors import HomeserverDown, NotFound, TokenSpent, WeakPassphrase
from banyan.services.access import LiveToken
from banyan.services.ids import RandomIds
from banyan.services.members import GRACE, Join, Look, NamesFull, token_hash
from banyan.services.pseudonyms import QUALITIES, THINGS
from policies.placement import CellsFull, rooms_of
from tests.fakes import room_id

PHRASE = "eleven quiet stones"


def rooms_in(network, area, *themes, roles=()):
    return {
        room_id(key) for key in rooms_of(network, Placement(area, frozenset(themes), frozenset(roles)))
    }  # fmt: skip


async def test_an_invitation_opens_exactly_its_rooms(members, rooms, network, effects, decisions, ids, clock):
    """Gate and registrar learn the token, the gate the rooms; one log entry, no name in it."""
    ids.names = ["amber-heron"]
    invited = await members.invite("KH", ["climate", "justice"])
    user_id, until = "@amber-heron:banyan.test", clock.now() + timedelta(hours=72)
    assert (invited.user_id, invited.expires) == (user_id, until)
    digest = token_hash(invited.token)
    invite, allow = await effects(Actor.GATE, user_id)
    assert invite == (
        "invite",
        {"localpart": "amber-heron", "token_hash": digest, "expires": until.isoformat()},
    )
    kind, payload = allow
    assert (kind, payload["user_id"]) == ("allow", user_id)
    assert set(payload["room_ids"]) == rooms_in(network, "KH", "climate", "justice")
    expected = {"token": invited.token, "expires": until.isoformat()}
    assert await effects(Actor.REGISTRAR) == [("registration_token", expected)]
    assert await decisions() == [
        ("member-invited", "operator", {"area": "KH", "themes": "climate,justice", "roles": ""})
    ]
    (member,) = await members.list()
    assert (member.language, member.status) == ("km", MemberStatus.INVITED)


async def test_the_token_is_kept_nowhere_once_it_is_used(members, rooms, work, clock, tmp_path):
    """After the registrar did its part no table holds the token, only its hash."""
    invited = await members.invite("KH")
    async with work() as tx:
        for actor in (Actor.GATE, Actor.REGISTRAR):
            effect, *_ = await tx.outbox.due(actor, clock.now(), 10)
            await tx.outbox.done(effect.id, clock.now(), {})
    await work._engine.dispose()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token_hash(invited.token).encode() in stored
    assert invited.token.encode() not in stored


async def test_a_pseudonym_is_drawn_until_it_is_free(members, rooms, ids):
    """A name that is taken, even by an expired invitation, is never given again."""
    ids.names = ["amber-heron", "amber-heron", "amber-heron", "calm-oar"]
    assert (await members.invite("KH")).user_id == "@amber-heron:banyan.test"
    assert (await members.invite("KH")).user_id == "@calm-oar:banyan.test"
    ids.names = ["calm-oar"] * 1000
    with pytest.raises(NamesFull):
        await members.invite("KH")
    assert len(await members.list()) == 2


@pytest.mark.parametrize(
    "wrong", [{"country": "XX"}, {"themes": ["sailing"]}, {"roles": ["pilot"]}, {"language": "tlh"}]
)
async def test_what_the_network_does_not_have(members, rooms, wrong, effects, decisions):
    """An unknown place, theme, role or language is refused before anything is written."""
    with pytest.raises(NotFound):
        await members.invite(**{"country": "KH"} | wrong)
    assert (await members.list(), await effects(Actor.GATE), await decisions()) == ([], [], [])


async def test_cells_fill_up_one_after_another(members, rooms, network):
    """Twenty-five invitations at once fill the first cell, never more; then the second; then nobody."""
    size = network.area("MM-1").size
    await asyncio.gather(*(members.invite("MM") for _ in range(size + 3)))
    areas = [member.placement.area for member in await members.list()]
    assert (areas.count("MM-1"), areas.count("MM-2")) == (size, 3)
    await asyncio.gather(*(members.invite("MM") for _ in range(size - 3)))
    with pytest.raises(CellsFull):
        await members.invite("MM")


async def test_what_the_page_shows(members, rooms, clock):
    """The pseudonym, the language and the end; nothing for a token that is unknown or has run out."""
    invited = await members.invite("VN", language="fr")
    name = invited.user_id.removeprefix("@").partition(":")[0]
    assert await members.look(invited.token) == Look(name, "fr", invited.expires)
    clock.time = invited.expires - timedelta(seconds=1)
    await members.look(invited.token)
    clock.time = invited.expires
    texts = set()
    for token in (invited.token, "unknown", "\ud800"):
        with pytest.raises(TokenSpent) as refused:
            await members.look(token)
        texts.add(str(refused.value))
    assert len(texts) == 1


async def test_registering_admits(members, rooms, registration, effects, decisions):
    """The account is made with the pseudonym, the member admitted in their language, the desk told once."""
    invited = await members.invite("MM")
    user_id = invited.user_id
    name = user_id.removeprefix("@").partition(":")[0]
    assert await members.register(invited.token, PHRASE, "th") == user_id
    assert registration.registered == {name: PHRASE}
    (member,) = await members.list(MemberStatus.ADMITTED)
    assert (member.localpart, member.language) == (name, "th")
    assert await effects(Actor.DESK) == [("open_chat", {"member_id": member.id, "user_id": user_id})]
    assert [kind for kind, _ in await effects(Actor.GATE, user_id)] == ["invite", "allow", "admit"]
    assert [action for action, *_ in await decisions()] == ["member-invited", "member-admitted"]
    assert not await members.arrived(user_id)
    assert len(await effects(Actor.DESK)) == 1
    with pytest.raises(TokenSpent):
        await members.register(invited.token, PHRASE, "th")


async def test_a_failed_registration_costs_nothing(members, rooms, registration):
    """Too short a passphrase, or a homeserver that is away: the token still works afterwards."""
    invited = await members.invite("KH")
    with pytest.raises(WeakPassphrase):
        await members.register(invited.token, "short", "km")
    registration.fails_with = HomeserverDown("The homeserver is away.")
    with pytest.raises(HomeserverDown):
        await members.register(invited.token, PHRASE, "km")
    registration.fails_with = None
    assert await members.register(invited.token, PHRASE, "km") == invited.user_id


async def test_the_language_is_known_before_anybody_can_be_heard(members, ears, rooms, registration, work):
    """The join may be heard before the page has its answer: the chat opens in the right language."""
    invited = await members.invite("KH")
    register = registration.register

    async def told_at_once(localpart, passphrase, token):
        await register(localpart, passphrase, token)
        space = room_id(room_key(RoomKind.SPACE, "KH"))
        await ears.heard("transaction", [Join(invited.user_id, space)], ())
        (member,) = await members.list(MemberStatus.ADMITTED)
        assert member.language == "lo"

    registration.register = told_at_once
    await members.register(invited.token, PHRASE, "lo")


async def test_only_a_join_of_ones_own_space_admits(members, ears, rooms):
    """Another area's space, another room, a stranger and our own accounts admit nobody."""
    invited = await members.invite("KH")

    async def admitted(transaction, user_id, key):
        await ears.heard(transaction, [Join(user_id, room_id(key))], ())
        return len(await members.list(MemberStatus.ADMITTED))

    assert await admitted("1", invited.user_id, "space:VN") == 0
    assert await admitted("2", invited.user_id, "talk:KH") == 0
    assert await admitted("3", invited.user_id, "space:nowhere") == 0
    assert await admitted("4", "@desk:banyan.test", "space:KH") == 0
    assert await admitted("5", invited.user_id.replace("banyan.test", "else.where"), "space:KH") == 0
    assert await admitted("6", "nonsense", "space:KH") == 0
    assert await admitted("2", invited.user_id, "space:KH") == 0, "that transaction was handled"
    assert await admitted("7", invited.user_id, "space:KH") == 1


async def test_an_invitation_that_ran_out(members, rooms, clock, effects, decisions):
    """It ends after the token did and a little grace; the gate forgets token and rooms; the log says so."""
    early, late = await members.invite("KH"), await members.invite("KH")
    await members.arrived(late.user_id)
    clock.time = early.expires + GRACE - timedelta(seconds=1)
    assert await members.expire_due() == 0
    clock.forward(seconds=1)
    assert await members.expire_due() == 1
    assert await members.expire_due() == 0
    after = await effects(Actor.GATE, early.user_id)
    assert after[2:] == [
        ("forget_token", {"token_hash": token_hash(early.token)}),
        ("withdraw", {"user_id": early.user_id, "room_ids": None}),
    ]
    assert (await decisions())[-1][:2] == ("invitation-expired", "service:schedule")
    with capture_logs() as logs:
        assert not await members.arrived(early.user_id)
    assert [log["event"] for log in logs] == ["arrived-after-expiry"]
    assert early.user_id not in str(logs)


async def test_who_may_have_arrived_unheard(members, rooms):
    """At start-up those still invited are asked about, nobody else."""
    first, second = await members.invite("KH"), await members.invite("VN")
    await members.arrived(first.user_id)
    assert await members.awaited() == [second.user_id]


async def test_rooms_that_come_later(members, access, work, effects, network):
    """Members invited before a room exists are let in once it does; those who are there are joined."""
    invited, there, elsewhere = [await members.invite(area) for area in ("KH", "KH", "VN")]
    await members.arrived(there.user_id)
    assert (await effects(Actor.GATE, invited.user_id))[-1] == (
        "allow",
        {"user_id": invited.user_id, "room_ids": []},
    )
    key = room_key(RoomKind.TALK, "KH")
    async with work() as tx:
        await tx.rooms.put(Room(key, "!talk", RoomKind.TALK, "KH", "km"))
    before = {one: len(await effects(Actor.GATE, one.user_id)) for one in (invited, there, elsewhere)}
    await access.reallow({key})
    new = {one: (await effects(Actor.GATE, one.user_id))[count:] for one, count in before.items()}
    assert new[invited] == [("allow", {"user_id": invited.user_id, "room_ids": ["!talk"]})]
    assert [kind for kind, _ in new[there]] == ["allow", "admit"]
    assert new[elsewhere] == []


async def test_the_projection_is_what_the_effects_add_up_to(
    members, access, rooms, effects, clock, work, accounts
):
    """Computed from the database alone: what all effects together write, and our own accounts' seats."""
    gone = await members.invite("KH")
    clock.time = gone.expires + GRACE
    await members.expire_due()
    invited = await members.invite("KH", ["climate"])
    there = await members.invite("MM", roles=["focal_point"])
    await members.arrived(there.user_id)
    (member,) = await members.list(MemberStatus.ADMITTED)
    async with work() as tx:
        await tx.members.set_chat(member.id, "!chat")
    projection = await access.projection()
    allow = set()
    for kind, payload in await effects(Actor.GATE):
        if kind == "allow":
            allow |= {(payload["user_id"], one) for one in payload["room_ids"]}
        if kind == "withdraw":
            allow = {pair for pair in allow if pair[0] != payload["user_id"]}
    seats = {(user_id, room) for user_id, room in projection.allow if user_id in accounts.all}
    assert projection.allow - seats == allow | {(there.user_id, "!chat")}
    assert (accounts.alarm, room_id("alert:KH")) in seats
    assert {user_id for user_id, room in seats if room == room_id("talk:KH")} == set()
    name = invited.user_id.removeprefix("@").partition(":")[0]
    assert projection.tokens == (LiveToken(token_hash(invited.token), name, invited.expires),)
    clock.time = invited.expires
    assert (await access.projection()).tokens == ()


def test_pseudonyms_are_plain_and_many():
    """Enough names for the largest network, each a valid local part, none of a word twice."""
    assert len(QUALITIES) == len(set(QUALITIES)) >= 128
    assert len(THINGS) == len(set(THINGS)) >= 128
    assert all(word.isascii() and word.islower() and word.isalpha() for word in QUALITIES + THINGS)
    ids = RandomIds()
    assert len({ids.opaque() for _ in range(100)}) == len({ids.token() for _ in range(100)}) == 100
    assert len(ids.opaque()) == len(ids.token()) == 32
    quality, thing = ids.pseudonym().split("-")
    assert quality in QUALITIES
    assert thing in THINGS
