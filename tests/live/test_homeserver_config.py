"""The hardening as a client meets it."""

import pytest
from aiohttp import ClientSession

from banyan.matrix import CLIENT_API, MatrixError

pytestmark = pytest.mark.live


async def test_members_cannot_name_or_portray_themselves(homeserver):
    """The pseudonym is given: not for everybody, and not for one room."""
    room = await homeserver.grow_room()
    member = await homeserver.member("cedar-name", [room])
    for key, value in (("displayname", "Security"), ("avatar_url", "mxc://a/b")):
        with pytest.raises(MatrixError, match="M_FORBIDDEN"):
            await member.matrix.request("PUT", "/profile/{}/{}", member.user_id, key, body={key: value})
    upload = f"{homeserver.url}/_matrix/media/v3/upload"
    async with (
        ClientSession(headers={"Authorization": f"Bearer {member.access_token}"}) as http,
        http.post(upload, data=b"\x89PNG", headers={"Content-Type": "image/png"}) as answer,
    ):
        portrait = (await answer.json())["content_uri"]
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        await member.matrix.request(
            "PUT", "/profile/{}/avatar_url", member.user_id, body={"avatar_url": portrait}
        )
    renamed = {"membership": "join", "displayname": "Security"}
    await member.matrix.put_state(room, "m.room.member", renamed, member.user_id)
    state = await homeserver.warden.get_state(room)
    shown = next(event["content"] for event in state if event["state_key"] == member.user_id)
    assert shown["displayname"] == "cedar-name"


async def test_a_stranger_finds_nothing_out(homeserver):
    """Neither rooms, nor profiles, nor which names exist, nor our admin API."""
    member = await homeserver.member("cedar-quiet")
    async with ClientSession(homeserver.url) as http:
        for path in (
            f"{CLIENT_API}/publicRooms",
            f"{CLIENT_API}/profile/{member.user_id}",
            "/_synapse/admin/v1/rooms",
        ):
            async with http.get(path) as answer:
                assert answer.status == 401
        for name in ("cedar-quiet", "nobody-at-all"):
            async with http.get(f"{CLIENT_API}/register/available?username={name}") as answer:
                assert (answer.status, await answer.json()) == (200, {"available": True})
        async with http.get("/.well-known/matrix/server") as answer:
            assert answer.status == 404
        async with http.get("/_matrix/federation/v1/version") as answer:
            assert answer.status == 404


async def test_a_member_finds_only_neighbours(homeserver):
    """No directory, and no keys or profile of somebody they share no room with."""
    room = await homeserver.grow_room()
    one, two = await homeserver.member("cedar-one", [room]), await homeserver.member("cedar-two", [room])
    far = await homeserver.member("cedar-far")
    found = await one.matrix.request("POST", "/user_directory/search", body={"search_term": "cedar"})
    assert found["results"] == []
    assert await one.matrix.request("GET", "/profile/{}", two.user_id)
    with pytest.raises(MatrixError, match="403"):
        await one.matrix.request("GET", "/profile/{}", far.user_id)
    query = {"device_keys": {far.user_id: []}}
    keys = await one.matrix.request("POST", "/keys/query", body=query)
    assert far.user_id not in keys["device_keys"]


async def test_a_workshop_joins_behind_one_address(homeserver):
    """Twelve people register and log in within seconds; guessing one passphrase is slowed down."""
    members = [await homeserver.member(f"elm-{number}") for number in range(12)]
    api = await homeserver.session(None, patience=0.1)

    def log_in(user_id, password):
        identifier = {"type": "m.id.user", "user": user_id}
        body = {"type": "m.login.password", "identifier": identifier, "password": password}
        return api.request("POST", "/login", body=body)

    for member in members:
        assert (await log_in(member.user_id, member.password))["user_id"] == member.user_id
    statuses = []
    while 429 not in statuses and len(statuses) < 40:  # eight, but on a machine that lets seconds pass
        with pytest.raises(MatrixError) as caught:
            await log_in(members[0].user_id, "a wrong long phrase")
        statuses.append(caught.value.status)
    assert statuses[0] == 403
    assert statuses[-1] == 429
