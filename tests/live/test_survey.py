"""What the eye inside the homeserver sees, on both databases."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from banyan.matrix import Api, MatrixError
from bots.client.provision import login_password
from bots.client.trust import read_devices, read_identity
from homeserver import names
from homeserver.gatefile import token_hash
from homeserver.hardening import HARDENING
from homeserver.survey import SURVEY, Surveyor
from tests.live.homeserver import CLOSED, started_homeserver

pytestmark = pytest.mark.live
PUSHER = {
    "kind": "http",
    "pushkey": "k",
    "data": {"url": "https://push.example/_matrix/push/v1/notify", "format": "event_id_only"},
    "app_id": "a",
    "app_display_name": "b",
    "device_display_name": "c",
    "lang": "en",
}


class StoppedClock:
    """One moment."""

    def now(self):
        return datetime(2030, 1, 1, tzinfo=UTC)


class Judging:
    """Judges as the bots do, and remembers of whom it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, user_id, answer):
        self.asked.append(user_id)
        identity = read_identity(user_id, answer)
        signed = {each.device_id: each.owner_signed for each in read_devices(user_id, answer, identity)}
        return identity and identity.master_key, signed


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.database)],
)
async def own(request, tmp_path_factory):
    """A homeserver of this file's own, on either database."""
    database = None
    if request.param == "postgres":
        database = request.getfixturevalue("postgres").new_database("survey")
    async with started_homeserver(tmp_path_factory.mktemp("survey"), database=database) as homeserver:
        yield homeserver


@pytest.mark.asyncio(loop_scope="module")
async def test_it_sees_rooms_people_and_their_keys(own, tmp_path):
    """Rooms as the warden has them, accounts as they are, and which devices their owners have signed."""
    async with own.clients():
        async with eye_of(own) as eye:
            others = {each.room_id for each in (await eye.look()).rooms}
        space = await own.grow_room(initial_state=CLOSED, creation_content={"type": "m.space"})
        room = await own.grow_room()
        member, asked = await own.member("fern-one", [room]), await own.member("fern-two")
        own.gate.allow(asked.user_id, [room])
        await own.warden.invite(room, asked.user_id)
        signed = await signed_device(own, member, tmp_path)
        async with eye_of(own) as eye:
            sight = await eye.look()
            assert await eye.room(room) in sight.rooms
            assert await eye.room("!nowhere:banyan.test") is None

    assert {each.room_id for each in sight.rooms} - others == {space, room}
    (seen,) = [each for each in sight.rooms if each.room_id == room]
    keeper, warden = own.user_id(names.KEEPER), own.user_id(names.WARDEN)
    assert (seen.creator, seen.version, seen.listed) == (keeper, "12", False)
    joined = dict.fromkeys([keeper, warden, member.user_id], "join")
    assert seen.members == joined | {asked.user_id: "invite"}
    assert seen.state["m.room.encryption", ""] == {"algorithm": "m.megolm.v1.aes-sha2"}
    assert seen.state["m.room.history_visibility", ""] == {"history_visibility": "joined"}

    accounts = {each.user_id: each for each in sight.accounts}
    assert {each.user_id for each in sight.accounts if each.admin} == {own.user_id(names.REGISTRAR)}
    assert accounts[own.user_id(names.DESK)].service == "speakers"
    person = accounts[member.user_id]
    assert (person.service, person.locked, person.display_name) == (None, False, "fern-one")
    devices = {each.device_id: (each.encrypts, each.signed) for each in person.devices}
    assert devices == {member.device_id: (False, False), signed: (True, True)}
    assert person.master_key
    assert accounts[asked.user_id].master_key is None


@pytest.mark.asyncio(loop_scope="module")
async def test_it_sees_the_server(own):
    """Tokens without the tokens, pushers, application services, and every setting without a secret."""
    async with own.clients():
        member = await own.member("fern-four")
        waiting = await own.invitation("fern-three")
        await member.matrix.request("POST", "/pushers/set", body=PUSHER)
        admin = "/_synapse/admin/v1/users/{}/login"
        await own.registrar.request("POST", admin, member.user_id)
        async with eye_of(own) as eye:
            sight = await eye.look()

    (token,) = [each for each in sight.tokens if each.digest == token_hash(waiting)]
    assert (token.uses, token.expires is not None) == (0, True)
    assert waiting not in str(sight)
    pushers = [(each.user_id, each.host, each.ids_only) for each in sight.pushers]
    assert pushers == [(member.user_id, "push.example", True)]
    assert sight.puppet_tokens == 1
    services = {each.id: each for each in sight.services}
    assert set(services) == {"warden", "speakers"}
    assert services["speakers"].url is None
    assert all(exclusive for _, exclusive in services["speakers"].users)
    for path, setting in HARDENING.items():
        assert at(sight.settings, path) == setting.value, path
    assert sight.settings["federation_domain_whitelist"] == []
    assert "gate.secret" not in str(sight.settings)


@pytest.mark.asyncio(loop_scope="module")
async def test_only_what_changed_is_read_again(own):
    """A mark grows with state and with membership, and stands over a restart; keys are judged once."""
    async with own.clients():
        still, told, left = [await own.grow_room() for _ in range(3)]
        member = await own.member("fern-five", [left])
        judge = Judging()
        async with eye_of(own, judge) as eye:
            before = await eye.look()
            assert before.read == len(before.rooms) >= 3
            assert (await eye.look()).read == 0
            await own.warden.put_state(told, "m.room.topic", {"topic": "x"})
            await member.matrix.leave(left)
            await own.registrar.lock(member.user_id)
            judge.asked.clear()
            await own.synapse.restart()
            after = await eye.look()

    assert after.read == 2
    assert not judge.asked
    old, new = ({each.room_id: each for each in sight.rooms} for sight in (before, after))
    assert new[still] == old[still]
    assert new[told].state == {**old[told].state, ("m.room.topic", ""): {"topic": "x"}}
    assert (new[left].state, member.user_id in new[left].members) == (old[left].state, False)
    assert all(new[each].mark > old[each].mark for each in (told, left))
    assert [each.user_id for each in after.accounts if each.locked] == [member.user_id]


async def test_redacted_state_is_seen_as_it_is_shown(homeserver):
    """The table keeps what was taken away for a day; clients do not see it any more."""
    room = await homeserver.grow_room()
    event_id = await homeserver.warden.put_state(room, "m.room.topic", {"topic": "x"})
    async with eye_of(homeserver) as eye:
        assert (await eye.room(room)).state["m.room.topic", ""] == {"topic": "x"}
        await homeserver.warden.request(
            "PUT", "/rooms/{}/redact/{}/{}", room, event_id, "t1", body={"reason": ""}
        )
        assert (await eye.room(room)).state["m.room.topic", ""] == {}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "users/{}/shadow_ban", {}), ("PUT", "suspend/{}", {"suspend": True})],
    ids=["thrown-away", "refused"],
)
async def test_an_account_that_is_silenced_is_seen(homeserver, request, method, path, body):
    """The server can throw away what an account of ours says, and tell it that all went well."""
    member = await homeserver.member(request.node.callspec.id)
    await homeserver.registrar.request(method, f"/_synapse/admin/v1/{path}", member.user_id, body=body)
    async with eye_of(homeserver) as eye:
        assert member.user_id in [each.user_id for each in (await eye.look()).accounts if each.locked]


async def test_only_banyan_may_look(homeserver):
    """The resource is on the public listener."""
    for token in (None, "guess", homeserver.secret("registrar.token")):
        api = await homeserver.session(token)
        with pytest.raises(MatrixError) as caught:
            await api.request("POST", SURVEY, body={})
        assert caught.value.status == 401


@asynccontextmanager
async def eye_of(homeserver, judge=None):
    """An eye with nothing in its memory."""
    async with Api(homeserver.url, homeserver.secret("gate.secret")) as gate:
        yield Surveyor(gate, judge or Judging(), StoppedClock())


async def signed_device(homeserver, member, directory):
    """A second device of the member that their identity vouches for, as a client makes it."""
    credentials = await login_password(
        homeserver_url=homeserver.url,
        user_id=member.user_id,
        password=member.password,
        secrets=directory / "secrets",
        store=directory / "device.db",
        pickle_key="x",
    )
    return credentials.device_id


def at(settings, path):
    """What stands at a dotted path."""
    for key in path.split("."):
        settings = settings[key]
    return settings
