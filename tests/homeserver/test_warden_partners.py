"""What the warden does in joint rooms: done twice it does no harm, and no step waits for ever."""

from datetime import UTC, datetime

import pytest

from banyan.domain.effects import Actor, Effect, EffectState
from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError
from banyan.services.outbox import Never
from homeserver.warden_partners import PartnerRooms

ROOM, SERVER = "!joint", "harbour.test:8448"
LAMP, SAIL, NEIGHBOUR = f"@lamp:{SERVER}", f"@sail:{SERVER}", "@lamp:harbour.test"


class FakeWarden:
    """One room on a homeserver: who is what to it, and what it accepts. Counts what is written."""

    def __init__(self, **members):
        self.members = {f"@{name}:{SERVER}": how for name, how in members.items()}
        self.state = {}
        self.written = []
        self.fails = None
        self.away = None

    async def request(self, method, path, room_id, *segments, body=None, **_):
        assert room_id == ROOM
        if self.fails:
            raise self.fails
        if path.endswith("/members"):
            chunk = [{"state_key": who, "content": {"membership": how}} for who, how in self.members.items()]
            return {"chunk": chunk}
        if method == "POST":
            return self._moved(path.rpartition("/")[2], body["user_id"])
        kind, state_key = segments
        found = self.state.get(kind)
        if kind == "m.room.member":
            found = {"membership": self.members[state_key]} if state_key in self.members else None
        if found is None:
            raise MatrixError(404, "M_NOT_FOUND")
        return found

    def _moved(self, how, user_id):
        self.written.append((how, user_id))
        self.members[user_id] = {"kick": "leave", "ban": "ban", "unban": "leave"}[how]
        return {}

    async def invite(self, room_id, user_id):
        if self.away or self.members.get(user_id) == "ban":
            raise self.away or MatrixError(403, "M_FORBIDDEN")
        self.written.append(("invite", user_id))
        self.members[user_id] = "invite"

    async def put_state(self, room_id, kind, content):
        self.written.append((kind, content["allow"]))
        self.state[kind] = content


async def do(warden, kind, *, attempts=0, **payload):
    effect = Effect(
        "1",
        1,
        Actor.WARDEN,
        kind,
        {"room_id": ROOM} | payload,
        "",
        None,
        EffectState.QUEUED,
        datetime(2026, 11, 22, tzinfo=UTC),
        attempts,
    )
    return await PartnerRooms(warden).handlers[kind](effect)


async def test_everybody_on_the_server_is_banned_and_nobody_else():
    """Who is in, asked in or was taken out; another server of a similar name is left alone."""
    warden = FakeWarden(lamp="join", sail="invite", mast="leave", gone="ban")
    warden.members[NEIGHBOUR] = "join"
    assert await do(warden, "ban", server=SERVER) == {"people": 3}
    assert [user for _, user in warden.written] == [LAMP, SAIL, f"@mast:{SERVER}"]
    assert warden.members[NEIGHBOUR] == "join"
    assert await do(warden, "ban", server=SERVER) == {"people": 0}


async def test_an_invitation_lifts_the_ban_and_is_sent_once():
    """After readmission; done again it writes nothing."""
    warden = FakeWarden(lamp="ban")
    assert await do(warden, "invite", user_id=LAMP) == {"people": 1}
    assert warden.written == [("unban", LAMP), ("invite", LAMP)]
    assert await do(warden, "invite", user_id=LAMP) == {"people": 0}
    assert len(warden.written) == 2


async def test_who_is_not_there_is_not_removed():
    warden = FakeWarden(lamp="join")
    for expected in (1, 0):
        assert await do(warden, "kick", user_id=LAMP) == {"people": expected}
    assert await do(warden, "kick", user_id=SAIL) == {"people": 0}
    assert warden.written == [("kick", LAMP)]


async def test_a_room_that_accepts_the_right_servers_is_not_written():
    warden, content = FakeWarden(), {"allow": ["banyan.test"], "deny": []}
    assert await do(warden, "acl", content=content) == {"changed": True}
    assert await do(warden, "acl", content=content) == {"changed": False}
    assert warden.written == [("m.room.server_acl", ["banyan.test"])]


@pytest.mark.parametrize("failure", [HomeserverDown("down"), MatrixError(403, "M_FORBIDDEN")])
async def test_a_room_out_of_reach_does_not_keep_the_server_in(failure):
    """A ban is tried four times; then the steps after it come, which cut the server off all the same."""
    warden = FakeWarden(lamp="join")
    warden.fails = failure
    for attempts in range(3):
        with pytest.raises(type(failure)):
            await do(warden, "ban", server=SERVER, attempts=attempts)
    with pytest.raises(Never):
        await do(warden, "ban", server=SERVER, attempts=3)


async def test_a_partner_whose_server_is_away_is_invited_later():
    """Its server may be off for days; only a refusal is final."""
    warden = FakeWarden(lamp="leave")
    warden.away = HomeserverDown("away")
    for attempts in (0, 99):
        with pytest.raises(HomeserverDown):
            await do(warden, "invite", user_id=LAMP, attempts=attempts)
    warden.away = MatrixError(403, "M_FORBIDDEN")
    with pytest.raises(Never):
        await do(warden, "invite", user_id=LAMP)
