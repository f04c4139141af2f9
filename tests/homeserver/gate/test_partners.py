"""What partner servers may send, judged event by event."""

from types import SimpleNamespace
from typing import Any

import pytest
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes, SynapseError
from synapse.synapse_rust.events import EventInternalMetadata

from homeserver.gate.partners import Partners
from homeserver.gate.refusals import SENTENCES, Refusals
from homeserver.gate.table import TableUnavailableError

ROOM, GUEST, STRANGER = "!joint", "@guest:partner.test", "@stranger:partner.test"
KEEPER, MEMBER = "@keeper:banyan.test", "@member:banyan.test"


def event(kind: str, content: dict[str, Any], *, sender: str = GUEST, state_key: str | None = None) -> Any:
    known = EventInternalMetadata({})  # the real one: what nobody set cannot be read there
    return SimpleNamespace(
        type=kind,
        content=content,
        sender=sender,
        state_key=state_key,
        room_id=ROOM,
        internal_metadata=known,
        is_state=lambda: state_key is not None,
    )


def member(membership: str, of: str = GUEST, *, sender: str | None = None) -> Any:
    return event("m.room.member", {"membership": membership}, sender=sender or of, state_key=of)


class FakeApi:
    """A joint room of ours, and Synapse's handler of joins, which remembers what it took."""

    def __init__(self) -> None:
        self.state = {
            ("m.room.create", ""): event("m.room.create", {}, sender=KEEPER),
            ("m.room.encryption", ""): event("m.room.encryption", {}, sender=KEEPER),
        }
        self.taken: list[Any] = []
        self._hs = SimpleNamespace(get_federation_event_handler=lambda: self)

    def is_mine(self, user_id: str) -> bool:
        return user_id.endswith(":banyan.test")

    async def get_room_state(self, room_id: str, wanted: list[tuple[str, str]]) -> dict[Any, Any]:
        return {key: self.state[key] for key in wanted if key in self.state} if room_id == ROOM else {}

    async def on_send_membership_event(self, origin: str, sent: Any) -> str:
        self.taken.append((origin, sent))
        return "taken"


class FakeTable:
    """Lets the guest in, nobody else."""

    broken = False

    def allows(self, user_id: str, room_id: str) -> bool:
        if self.broken:
            raise TableUnavailableError
        return (user_id, room_id) == (GUEST, ROOM)


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def table():
    return FakeTable()


@pytest.fixture
def refusals():
    return Refusals()


@pytest.fixture
def partners(api, table, refusals):
    setting = SimpleNamespace(growers=frozenset({"keeper", "warden"}))
    made = Partners(api, setting, table, refusals)
    made.stand_before_joins()
    return made


SOUND = [
    member("join"),
    member("leave"),
    member("leave", STRANGER),
    event("m.room.encrypted", {"ciphertext": "x"}),
    event("m.room.redaction", {"redacts": "$x"}),
    event("m.reaction", {}),
    event("m.room.topic", {"topic": "ours to judge elsewhere"}, sender=KEEPER, state_key=""),
]
UNSOUND = [
    (member("join", STRANGER), "not-expected"),
    (member("knock", STRANGER), "not-expected"),
    (member("invite", STRANGER, sender=GUEST), "outside-invite"),
    (member("invite", MEMBER, sender=GUEST), "outside-invite"),
    (member("leave", MEMBER, sender=GUEST), "room-protected"),
    (member("ban", MEMBER, sender=GUEST), "room-protected"),
    (event("m.room.history_visibility", {}, state_key=""), "room-protected"),
    (event("m.room.power_levels", {"users": {GUEST: 100}}, state_key=""), "room-protected"),
    (event("org.example.anything", {}, state_key="x"), "room-protected"),
    (event("m.room.message", {"body": "x"}), "in-clear"),
]


def said(each: Any) -> str:
    """What a case is about, for its name."""
    sent = each[0] if isinstance(each, tuple) else each
    return f"{sent.type} {sent.content.get('membership', '')} by {sent.sender}"


@pytest.mark.parametrize("sent", SOUND, ids=said)
async def test_what_partners_may_send_passes_untouched(partners, refusals, sent):
    """0 refused that policy allows."""
    assert await partners.check_event_for_spam(sent) == NOT_SPAM
    assert await partners.should_drop_federated_event(sent) is False
    assert not sent.internal_metadata.is_soft_failed()
    assert not refusals.counts


@pytest.mark.parametrize(("sent", "reason"), UNSOUND, ids=map(said, UNSOUND))
async def test_what_they_may_not_send_is_marked_and_never_lost(partners, refusals, sent, reason):
    """Marked, whichever way it came, and kept: what others build on it must still arrive."""
    assert await partners.check_event_for_spam(sent) == (Codes.FORBIDDEN, {"error": SENTENCES[reason]})
    assert await partners.should_drop_federated_event(sent) is False
    assert sent.internal_metadata.is_soft_failed()
    assert sent.internal_metadata.spam_checker_spammy
    assert await partners.should_drop_federated_event(sent) is False
    assert refusals.counts == {reason: 2}, "marked once, it is not counted at the next look"


async def test_a_join_kept_from_better_days_is_refused(api, partners):
    """Before Synapse hands out the room's state, and whatever its hash."""
    with pytest.raises(SynapseError, match=SENTENCES["not-expected"]) as caught:
        await api.on_send_membership_event("partner.test", member("join", STRANGER))
    assert caught.value.code == 403
    assert not api.taken
    assert await api.on_send_membership_event("partner.test", member("join")) == "taken"
    assert await api.on_send_membership_event("partner.test", member("leave", STRANGER)) == "taken"


async def test_without_the_table_nobody_comes_and_everybody_talks(api, partners, table):
    """Who is in stays in."""
    table.broken = True
    with pytest.raises(SynapseError, match=SENTENCES["unavailable"]):
        await api.on_send_membership_event("partner.test", member("join"))
    assert await partners.check_event_for_spam(event("m.room.encrypted", {})) == NOT_SPAM
    assert await partners.check_event_for_spam(member("leave")) == NOT_SPAM
    api.state["m.room.member", GUEST] = member("join")
    assert await partners.check_event_for_spam(member("join")) == NOT_SPAM


async def test_a_room_that_is_not_ours_is_nobodys(api, partners):
    """Made by another server's people, by a member of ours, or unknown."""
    for maker in ("@keeper:partner.test", MEMBER):
        api.state["m.room.create", ""] = event("m.room.create", {}, sender=maker)
        assert (await partners.check_event_for_spam(member("join")))[1]["error"] == SENTENCES["unknown-room"]
    api.state.clear()
    assert (await partners.check_event_for_spam(event("m.room.encrypted", {})))[0] == Codes.FORBIDDEN


async def test_where_synapse_has_moved_the_door_it_does_not_start(table, refusals):
    """Rather no homeserver than one whose door we only think we hold."""
    api = SimpleNamespace(_hs=SimpleNamespace(get_federation_event_handler=SimpleNamespace))
    with pytest.raises(AttributeError):
        Partners(api, SimpleNamespace(), table, refusals).stand_before_joins()
