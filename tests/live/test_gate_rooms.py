"""Which rooms can be made, and what guards them."""

import secrets

import pytest

from banyan.matrix import MatrixError
from homeserver import names
from tests.live.homeserver import CLOSED, MEGOLM, standing_room

pytestmark = pytest.mark.live
CHAT = {"preset": "private_chat", "is_direct": True, "initial_state": [MEGOLM, *CLOSED]}


def private_chat(invitee: str) -> dict:
    """What Element asks for."""
    return {
        "preset": "trusted_private_chat",
        "is_direct": True,
        "invite": [invitee],
        "initial_state": [MEGOLM],
        "visibility": "private",
    }


async def make_chats(matrix, number: int, invitee: str) -> None:
    for _ in range(number):
        await matrix.create_room(private_chat(invitee))


def state_event(kind: str, **content: object) -> dict:
    return {"type": kind, "state_key": "", "content": content}


async def send(matrix, room_id: str, kind: str, content: dict) -> str:
    path, transaction = "/rooms/{}/send/{}/{}", secrets.token_hex(8)
    return (await matrix.request("PUT", path, room_id, kind, transaction, body=content))["event_id"]


async def state_of(matrix, room_id: str) -> dict:
    return {(e["type"], e["state_key"]): e["content"] for e in await matrix.get_state(room_id)}


async def test_nobody_makes_a_room_without_encryption(homeserver):
    """Not the keeper, not the warden."""
    for maker in (homeserver.keeper, homeserver.warden):
        async with homeserver.refusing("unencrypted"):
            await maker.create_room({"preset": "private_chat", "initial_state": CLOSED})


async def test_the_keeper_makes_a_space(homeserver):
    """A space needs no encryption asked for."""
    await homeserver.grow_room(initial_state=CLOSED, creation_content={"type": "m.space"})


async def test_a_server_admin_makes_no_room(homeserver):
    """Administration is not power over rooms, encrypted or not."""
    admin = await homeserver.session(homeserver.secret("registrar.token"))
    for state in ([MEGOLM, *CLOSED], CLOSED):
        async with homeserver.refusing("room-maker"):
            await admin.create_room({"preset": "private_chat", "initial_state": state})


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("public", {"preset": "public_chat"}),
        ("public", {"visibility": "public"}),
        ("room-address", {"room_alias_name": "meeting"}),
        (
            "room-too-open",
            {
                "initial_state": [
                    MEGOLM,
                    CLOSED[1],
                    state_event("m.room.history_visibility", history_visibility="shared"),
                ]
            },
        ),
        (
            "room-too-open",
            {
                "initial_state": [
                    MEGOLM,
                    CLOSED[0],
                    state_event("m.room.guest_access", guest_access="can_join"),
                ]
            },
        ),
        ("room-power", {"power_level_content_override": {"users": {"@somebody:banyan.test": 100}}}),
        ("room-power", {"power_level_content_override": {"invite": 0}}),
    ],
)
async def test_the_keeper_cannot_make_an_open_room(homeserver, reason, change):
    """Neither public, nor showing the past, nor open to guests, nor with power for people."""
    async with homeserver.refusing(reason):
        await homeserver.keeper.create_room(standing_room(homeserver.user_id(names.WARDEN)) | change)


async def test_members_chat_privately_only_with_people_of_their_rooms(homeserver):
    """Encrypted, with one other member, who shares a room."""
    room, other_room = await homeserver.grow_room(), await homeserver.grow_room()
    one = await homeserver.member("fern-one", [room])
    two = await homeserver.member("fern-two", [room])
    stranger = await homeserver.member("fern-stranger", [other_room])
    await homeserver.registrar.override_ratelimit(one.user_id)
    asked = private_chat(two.user_id)
    for reason, change in (
        ("nothing-shared", {"invite": [stranger.user_id]}),
        ("nothing-shared", {"invite": [homeserver.user_id(names.DESK)]}),
        ("nothing-shared", {"invite": [one.user_id]}),
        ("unencrypted", {"initial_state": []}),
        ("private-chat-shape", {"invite": []}),
        ("outside-invite", {"invite": ["@somebody:elsewhere.test"]}),
        ("room-maker", {"is_direct": False}),
    ):
        async with homeserver.refusing(reason):
            await one.matrix.create_room(asked | change)
    for preset in ("trusted_private_chat", "private_chat"):
        chat = await one.matrix.create_room(asked | {"preset": preset})
        await two.matrix.join(chat)
        assert await two.matrix.joined_members(chat) == {one.user_id, two.user_id}


async def test_a_private_chat_stays_between_two(homeserver):
    """A third person is refused, by the maker and by the other."""
    room = await homeserver.grow_room()
    one, two, three = [await homeserver.member(f"palm-{n}", [room]) for n in ("one", "two", "three")]
    chat = await one.matrix.create_room(private_chat(two.user_id))
    await two.matrix.join(chat)
    for inviter in (one, two):
        async with homeserver.refusing("two-people"):
            await inviter.matrix.invite(chat, three.user_id)


async def test_nobody_is_invited_to_a_half_made_room(homeserver):
    """Synapse keeps what it made of a room before its making failed: no encryption, no levels."""
    room = await homeserver.grow_room()
    one, two = [await homeserver.member(f"larch-{n}", [room]) for n in ("one", "two")]
    broken = [MEGOLM, {"type": "m.room.topic", "state_key": 0, "content": {}}]
    with pytest.raises(MatrixError):
        await one.matrix.create_room(private_chat(two.user_id) | {"initial_state": broken})
    (left,) = set(await one.matrix.joined_rooms()) - {room}
    async with homeserver.refusing("unfinished-room"):
        await one.matrix.invite(left, two.user_id)


async def test_nothing_is_said_in_clear(homeserver):
    """Not in a standing room, not in a private chat, not by our own accounts; reactions have no other way."""
    room = await homeserver.grow_room()
    one, two = [await homeserver.member(f"aspen-{n}", [room]) for n in ("one", "two")]
    chat = await one.matrix.create_room(private_chat(two.user_id))
    for speaker, place in ((one.matrix, room), (one.matrix, chat), (homeserver.warden, room)):
        for kind in ("m.room.message", "m.sticker", "org.example.anything"):
            async with homeserver.refusing("in-clear"):
                await send(speaker, place, kind, {"msgtype": "m.text", "body": "in clear"})
        event_id = await send(speaker, place, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"})
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "1"}
        await send(speaker, place, "m.reaction", {"m.relates_to": relation})


async def test_a_private_chat_keeps_its_settings(homeserver):
    """What guards it is set when it is made, closed where the client said nothing, and never changed."""
    room = await homeserver.grow_room()
    one = await homeserver.member("oak-one", [room])
    two = await homeserver.member("oak-two", [room])
    chat = await one.matrix.create_room(private_chat(two.user_id))
    state = await state_of(one.matrix, chat)
    assert state["m.room.encryption", ""]["algorithm"] == "m.megolm.v1.aes-sha2"
    assert state["m.room.guest_access", ""] == {"guest_access": "forbidden"}
    assert state["m.room.history_visibility", ""] == {"history_visibility": "invited"}
    assert state["m.room.join_rules", ""]["join_rule"] == "invite"
    assert state["m.room.create", ""]["m.federate"] is False
    for kind, content in (
        ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 10000}),
        ("m.room.history_visibility", {"history_visibility": "shared"}),
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.guest_access", {"guest_access": "can_join"}),
        ("m.room.power_levels", {"users": {}}),
        ("m.room.server_acl", {"allow": ["*"]}),
        ("m.room.tombstone", {"replacement_room": room}),
    ):
        async with homeserver.refusing("room-protected"):
            await one.matrix.put_state(chat, kind, content)
    async with homeserver.refusing("room-maker"):
        await one.matrix.request("POST", "/rooms/{}/upgrade", chat, body={"new_version": "12"})
    await one.matrix.put_state(chat, "m.room.name", {"name": "us"})


async def test_private_chats_are_rate_limited(homeserver):
    """Members, not our own accounts, are slowed down."""
    room = await homeserver.grow_room()
    one = await homeserver.member("moss-one", [room])
    two = await homeserver.member("moss-two", [room])
    hasty = await homeserver.session(one.access_token, patience=0.5)
    with pytest.raises(MatrixError, match="429"):
        await make_chats(hasty, 6, two.user_id)


async def test_the_desk_opens_a_chat_with_one_member(homeserver):
    """The gate joins the member, and nobody else comes in."""
    desk = await homeserver.acting(names.DESK)
    room = await homeserver.grow_room()
    one = await homeserver.member("reed-one", [room])
    two = await homeserver.member("reed-two", [room])
    chat = await desk.create_room(CHAT | {"invite": [one.user_id]})
    homeserver.gate.allow(one.user_id, [chat])
    assert (await homeserver.admit(one.user_id))["joined"] == [chat]
    async with homeserver.refusing("two-people"):
        await desk.invite(chat, two.user_id)


async def test_a_chat_of_the_desk_is_closed(homeserver):
    """Encrypted, one member, whom the table knows; nothing half-made stays behind a refusal."""
    room = await homeserver.grow_room()
    one = await homeserver.member("rush-one", [room])
    desk, alarm = await homeserver.acting(names.DESK), await homeserver.acting(names.ALARM)
    asked = CHAT | {"invite": [one.user_id]}
    for maker, reason, change in (
        (desk, "not-expected", {"invite": [homeserver.user_id("nobody-known")]}),
        (desk, "unencrypted", {"initial_state": CLOSED}),
        (desk, "private-chat-shape", {"invite": [one.user_id, homeserver.user_id("another")]}),
        (alarm, "nothing-shared", {}),
    ):
        before = await maker.joined_rooms()
        async with homeserver.refusing(reason):
            await maker.create_room(asked | change)
        assert await maker.joined_rooms() == before


async def test_nobody_takes_power_in_a_standing_room(homeserver):
    """Power is judged by content: the admin API writes it in the creator's name."""
    room = await homeserver.grow_room()
    member = await homeserver.member("sage-one", [room])
    levels = (await state_of(homeserver.warden, room))["m.room.power_levels", ""]
    focal_point = levels | {"users": levels["users"] | {member.user_id: 50}}
    await homeserver.warden.put_state(room, "m.room.power_levels", focal_point)
    for bad in (
        levels | {"users": levels["users"] | {member.user_id: 51}},
        levels | {"users": levels["users"] | {member.user_id: 1000}},
        levels | {"users": levels["users"] | {"@guest:partner.test": 1}},
        levels | {"users_default": 100},
        levels | {"invite": 50},
        levels | {"events": {}, "state_default": 50},
    ):
        async with homeserver.refusing("room-power"):
            await homeserver.warden.put_state(room, "m.room.power_levels", bad)


async def test_the_admin_api_makes_nobody_powerful(homeserver):
    """Whoever holds the registrar's token cannot raise a member, nor bring one in."""
    room = await homeserver.grow_room()
    member = await homeserver.member("sage-two", [room])
    outsider = await homeserver.member("sage-three")
    path = "/_synapse/admin/v1/rooms/{}/make_room_admin"
    for who, reason in ((member, "room-power"), (outsider, "room-power")):
        async with homeserver.refusing(reason):
            await homeserver.registrar.request("POST", path, room, body={"user_id": who.user_id})
    assert outsider.user_id not in await homeserver.warden.joined_members(room)


async def test_a_standing_room_is_not_opened(homeserver):
    """Not even by the warden, whose token may be stolen."""
    room = await homeserver.grow_room()
    for kind, content in (
        ("m.room.history_visibility", {"history_visibility": "world_readable"}),
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.guest_access", {"guest_access": "can_join"}),
        ("m.room.encryption", {"algorithm": "none"}),
    ):
        async with homeserver.refusing("room-too-open"):
            await homeserver.warden.put_state(room, kind, content)


async def test_what_guards_a_room_is_not_redacted(homeserver):
    """A focal point may redact what people say: that must take neither the encryption nor the name away."""
    room = await homeserver.grow_room(name="Juniper")
    member = await homeserver.member("sage-four", [room])
    state = await homeserver.warden.get_state(room)
    levels = next(e["content"] for e in state if e["type"] == "m.room.power_levels")
    focal_point = levels | {"users": levels["users"] | {member.user_id: 50}, "redact": 50}
    await homeserver.warden.put_state(room, "m.room.power_levels", focal_point)
    said = await send(homeserver.warden, room, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"})
    redact = "/rooms/{}/redact/{}/{}"
    for event in state:
        if event["type"] in ("m.room.encryption", "m.room.history_visibility"):
            for who in (member.matrix, homeserver.warden):
                async with homeserver.refusing("room-protected"):
                    await who.request("PUT", redact, room, event["event_id"], secrets.token_hex(4), body={})
        if event["type"] in ("m.room.name", "m.room.member"):
            async with homeserver.refusing("room-protected"):
                path = (room, event["event_id"], secrets.token_hex(4))
                await member.matrix.request("PUT", redact, *path, body={})
    await member.matrix.request("PUT", redact, room, said, secrets.token_hex(4), body={})


async def test_partners_people_are_asked_in_by_the_warden_alone(homeserver):
    """Where the table says so; not by the keeper, whose power over a room never ends."""
    room, guest = await homeserver.grow_room(), "@guest:partner.test"
    async with homeserver.refusing("not-expected"):
        await homeserver.warden.invite(room, guest)
    homeserver.gate.allow(guest, [room])
    async with homeserver.refusing("outside-invite"):
        await homeserver.keeper.invite(room, guest)
    before = await homeserver.refusals()
    with pytest.raises(MatrixError):  # this homeserver speaks with no other
        await homeserver.warden.invite(room, guest)
    assert await homeserver.refusals() == before


async def test_nobody_is_invited_by_address_and_no_room_is_listed(homeserver):
    """Addresses name people; a list names rooms."""
    room = await homeserver.grow_room()
    third = {"id_server": "a.test", "id_access_token": "x", "medium": "email", "address": "a@a.test"}
    async with homeserver.refusing("outside-invite"):
        await homeserver.warden.request("POST", "/rooms/{}/invite", room, body=third)
    async with homeserver.refusing("public"):
        path, body = "/directory/list/room/{}", {"visibility": "public"}
        await homeserver.warden.request("PUT", path, room, body=body)


async def test_a_refusal_says_why(homeserver):
    """The person reads a sentence they can act on, whichever callback refused."""
    room = await homeserver.grow_room()
    member = await homeserver.member("dill-one")
    for attempt, sentence in (
        (member.matrix.join(room), "This room does not expect this account."),
        (member.matrix.create_room({}), "You may start a private chat"),
        (homeserver.warden.invite(room, member.user_id), "This room does not expect this account."),
    ):
        with pytest.raises(MatrixError) as caught:
            await attempt
        assert sentence in caught.value.answer["error"]
    assert member.user_id not in str(await homeserver.refusals())


async def test_our_own_bots_come_only_where_the_table_says(homeserver):
    """Two stolen tokens, the warden's and a bot's, do not put that bot into a conversation."""
    room_id = await homeserver.grow_room()
    desk = await homeserver.acting(names.DESK)
    await homeserver.warden.invite(room_id, homeserver.user_id(names.DESK))
    async with homeserver.refusing("not-expected"):
        await desk.join(room_id)
    homeserver.gate.allow(homeserver.user_id(names.DESK), [room_id])
    await desk.join(room_id)


async def test_members_start_no_chat_with_our_bots(homeserver):
    """Sharing a room with the desk is no reason: it opens its chats itself."""
    room_id = await homeserver.grow_room()
    member = await homeserver.member("chatty", [room_id])
    homeserver.gate.allow(homeserver.user_id(names.DESK), [room_id])
    async with homeserver.refusing("nothing-shared"):
        await member.matrix.create_room(private_chat(homeserver.user_id(names.DESK)))
