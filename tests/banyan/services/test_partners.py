"""Partner servers: what is decided, in which order it is done, and what is left when it is asked again."""

import json
from collections.abc import Sequence

import pytest

from banyan.domain.effects import Actor
from banyan.domain.rooms import Room, RoomKind
from banyan.errors import NotFound
from banyan.services.access import Access
from banyan.services.partners import SPEAKS_WITH, Partners
from tests.fakes import room_id
from tests.joint import HARBOUR, LAMP, LANTERN, SAIL, WICK, partner, with_partners

ROOMS = ("joint:both", "joint:harbour")


@pytest.fixture
def declared(network):
    return with_partners(network)


@pytest.fixture
def partners_of(work, clock, ids, accounts):
    """The service, over any network."""
    return lambda network: Partners(work, clock, ids, network=network, accounts=accounts)


@pytest.fixture
async def partners(partners_of, declared, work, rooms):
    """Both joint rooms exist, nobody is invited yet, the homeserver speaks with both."""
    async with work() as tx:
        for key in ROOMS:
            await tx.rooms.put(Room(key, room_id(key), RoomKind.JOINT, "regional", "en"))
    service = partners_of(declared)
    await service.started([HARBOUR, LANTERN])
    return service


async def chain(work, subject=None) -> Sequence[tuple]:
    """`(actor, kind, who or what)` as it was written."""
    async with work.reading() as tx:
        rows = await tx.outbox._some()
    chosen = [row for row in rows if subject is None or row.subject == subject]
    return [(row.actor, row.kind, _what(row.payload)) for row in chosen]


async def done(work, clock) -> Sequence[tuple]:
    """What waits is done, the last actor of the chain always being the quickest; in the order of doing."""
    order = []
    while True:
        async with work() as tx:
            for actor in (Actor.OPERATOR, Actor.WARDEN, Actor.GATE):
                due = await tx.outbox.due(actor, clock.now(), 99)
                if due:
                    break
            else:
                return order
            await tx.outbox.done(due[0].id, clock.now(), {})
        order.append((actor, due[0].kind, _what(due[0].payload)))


def _what(payload):
    return payload.get("user_id") or payload.get("server") or payload.get("room_id") or payload["servers"]


async def test_guests_are_let_in_and_invited_once(partners, work, effects):
    """The gate first, then the warden asks; a second `apply` writes nothing."""
    await partners.settle()
    allowed = {payload["user_id"]: set(payload["room_ids"]) for _, payload in await effects(Actor.GATE)}
    both, harbour = map(room_id, ROOMS)
    assert allowed == {LAMP: {both, harbour}, SAIL: {both, harbour}, WICK: {both}}
    invited = [(kind, each["room_id"], each["user_id"]) for kind, each in await effects(Actor.WARDEN)]
    assert set(invited) == {("invite", room, user) for user, rooms in allowed.items() for room in rooms}
    before = await chain(work)
    await partners.settle()
    assert await chain(work) == before
    assert await effects(Actor.OPERATOR) == []


async def test_who_is_removed_from_the_file_is_taken_out(partners, partners_of, declared, work, effects):
    """At the next `apply`, out of the table and out of the room; the others stay."""
    await partners.settle()
    fewer = with_partners(declared, partners=declared.partners | {"harbour": partner(HARBOUR, LAMP)})
    before = len(await effects(Actor.WARDEN))
    await partners_of(fewer).settle()
    new = (await effects(Actor.WARDEN))[before:]
    assert [(kind, each["user_id"]) for kind, each in new] == [("kick", SAIL)] * 2
    assert (await effects(Actor.GATE))[-1] == (
        "withdraw",
        {"user_id": SAIL, "room_ids": sorted(map(room_id, ROOMS))},
    )


async def test_a_new_server_is_spoken_with_before_its_people_are_invited(partners, work, clock):
    """Else the invitation would be refused by our own homeserver."""
    await partners.started([LANTERN])
    await partners.settle()
    order = await done(work, clock)
    assert order[0] == (Actor.OPERATOR, "federate", sorted([HARBOUR, LANTERN]))
    assert [kind for _, kind, who in order if who == WICK] == ["allow", "invite"]


async def test_nothing_is_started_anew_while_no_homeserver_was(partners_of, declared, rooms, effects):
    """The first start reads the network file itself."""
    await partners_of(declared).settle()
    assert await effects(Actor.OPERATOR) == []


async def test_cutting_off_goes_in_the_measured_order(partners, work, clock, decisions):
    """Banned, rooms shut, list and restart, however quick each part is; the decision is written with them."""
    await partners.settle()
    await done(work, clock)
    async with work() as tx:
        subject = await partners.cut(tx, HARBOUR, by="operator")
    both, harbour = map(room_id, ROOMS)
    order = await done(work, clock)
    assert {each for each in order if each[0] is Actor.GATE} == {
        (Actor.GATE, "withdraw", LAMP),
        (Actor.GATE, "withdraw", SAIL),
    }
    assert [each for each in order if each[0] is not Actor.GATE] == [
        (Actor.WARDEN, "ban", HARBOUR),
        (Actor.WARDEN, "ban", HARBOUR),
        (Actor.WARDEN, "acl", both),
        (Actor.WARDEN, "acl", harbour),
        (Actor.OPERATOR, "federate", sorted([HARBOUR, LANTERN])),
    ]
    async with work.reading() as tx:
        assert await tx.cuts.all() == {HARBOUR}
        acls = [
            each.payload["content"]["allow"]
            for each in await tx.outbox.of_subject(subject)
            if each.kind == "acl"
        ]
    assert acls == [["banyan.test", "lantern.test", LANTERN], ["banyan.test"]]
    assert ("partner-cut", "operator", {}) in await decisions()
    assert await partners.servers() == {LANTERN}


async def test_cut_again_does_it_all_again_and_decides_once(partners, work, decisions):
    """Whoever was interrupted says it once more."""
    await partners.settle()
    chains = []
    for _ in range(2):
        async with work() as tx:
            subject = await partners.cut(tx, HARBOUR, by="operator")
        chains.append(await chain(work, subject))
    assert chains[0] == chains[1]
    assert [action for action, *_ in await decisions()].count("partner-cut") == 1


async def test_apply_invites_nobody_of_a_server_that_is_cut(partners, work, access, effects):
    """Neither those of before, nor the table written anew."""
    async with work() as tx:
        await partners.cut(tx, HARBOUR, by="operator")
    await partners.settle()
    assert {each["user_id"] for kind, each in await effects(Actor.WARDEN) if kind == "invite"} == {WICK}


async def test_the_gates_table_holds_guests_while_they_may_come(partners, work, clock, declared, accounts):
    """Written anew from our books, it lets in exactly whom the network file names and nobody cut off."""
    access = Access(work, clock, declared, accounts)
    both, harbour = map(room_id, ROOMS)

    async def guests():
        return {pair for pair in (await access.projection()).allow if not pair[0].endswith(":banyan.test")}

    theirs = {(user, room) for user in (LAMP, SAIL) for room in (both, harbour)}
    assert await guests() == {(WICK, both)} | theirs
    async with work() as tx:
        await partners.cut(tx, HARBOUR, by="operator")
    assert await guests() == {(WICK, both)}


async def test_readmitting_is_the_way_back(partners, work, clock, decisions):
    """The homeserver speaks with it first, then the rooms, then the people; none of the others is touched."""
    await partners.settle()
    async with work() as tx:
        await partners.cut(tx, HARBOUR, by="operator")
    await done(work, clock)
    async with work() as tx:
        await partners.readmit(tx, HARBOUR, by="operator")
    order = await done(work, clock)
    kinds = [kind for _, kind, _ in order]
    assert kinds[:3] == ["federate", "acl", "acl"]
    for guest in (LAMP, SAIL):
        theirs = [kind for _, kind, who in order if who == guest]
        assert theirs == ["allow", "invite", "invite"]
    assert len(order) == 9
    async with work.reading() as tx:
        assert await tx.cuts.all() == frozenset()
    assert await partners.servers() == {HARBOUR, LANTERN}
    assert "partner-readmitted" in [action for action, *_ in await decisions()]


async def test_a_server_of_nobody_is_not_cut(partners, work, decisions):
    """A typing error writes nothing; the sentence says which servers there are."""
    with pytest.raises(NotFound, match=LANTERN):
        async with work() as tx:
            await partners.cut(tx, "matrix.harbor.test", by="operator")
    assert await decisions() == []


async def test_the_list_says_how_each_stands(partners, work):
    async with work() as tx:
        await partners.cut(tx, LANTERN, by="operator")
    rows = [(each.partner, each.cut, set(each.rooms), each.people) for each in await partners.list()]
    assert rows == [("harbour", False, set(ROOMS), 2), ("lantern", True, {"joint:both"}, 1)]


async def test_what_the_homeserver_was_started_with_is_known(partners, work):
    async with work.reading() as tx:
        assert json.loads(await tx.noted.get(SPEAKS_WITH)) == sorted([HARBOUR, LANTERN])
