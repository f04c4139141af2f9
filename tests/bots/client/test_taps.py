"""What is done with a thumb: answers to polls, reactions, and taking something back."""

import pytest

from bots.client import ReportKind, Trust
from bots.client.actions import PAGES, Actions

RESPONSE = "org.matrix.msc3381.poll.response"


async def hears(party, kind):
    return (await party.until(lambda: [m for m in party.messages if m.type == kind]))[0]


async def test_a_tap_on_a_poll_is_heard(stage, fake):
    """Decrypted, by whose device it is, with what it is about, though that stood beside the ciphertext."""
    async with stage.party("b_desk") as desk, stage.party("b_teak") as teak:
        room_id = fake.room(desk.user_id, teak.user_id)
        question = await desk.say(room_id, "Are you safe?")
        await teak.hears("Are you safe?")
        relation = {"rel_type": "m.reference", "event_id": question}
        content = {"m.relates_to": relation, RESPONSE: {"answers": ["7c41"]}}
        await teak.client.send(room_id, content, txn_id="tap", type=RESPONSE)
        tap = await hears(desk, RESPONSE)
    assert (tap.encrypted, tap.trust) == (True, Trust.OWNER_SIGNED)
    assert tap.content[RESPONSE] == {"answers": ["7c41"]}
    assert tap.content["m.relates_to"]["event_id"] == question


async def test_a_reaction_names_what_it_is_about(stage, fake):
    """In clear, as reactions are."""
    async with stage.party("b_desk") as desk, stage.party("b_teak") as teak:
        room_id = fake.room(desk.user_id, teak.user_id)
        post = await desk.say(room_id, "Lunch on Friday")
        await teak.hears("Lunch on Friday")
        await teak.client.react(room_id, post, "✅", txn_id="tap")
        tap = await hears(desk, "m.reaction")
    assert not tap.encrypted
    assert (tap.content["m.relates_to"]["event_id"], tap.content["m.relates_to"]["key"]) == (post, "✅")


@pytest.mark.parametrize("size", [0, 1, 100])
async def test_reactions_without_end_end(size):
    """A homeserver that always has another page, full or empty, holds up nothing and fills no memory."""

    class Endless:
        async def request(self, *_, **__):
            return {"chunk": [{"type": "m.reaction"}] * size, "next_batch": "more"}

    found = await Actions(Endless(), "@desk:fake.test").reactions("!room", "$post")
    assert len(found) == PAGES * size


@pytest.mark.parametrize("version", ["10", "12"])
async def test_a_redaction_names_what_it_erases(stage, fake, version):
    """Outside the content in old rooms, inside in new ones; a handler finds it in the content."""
    fake.room_version = version
    async with stage.party("b_desk") as desk:
        room_id = fake.room(desk.user_id, "@teak:fake.test")
        new = int(version) >= 11
        content = {"redacts": "$reaction"} if new else {}
        erasing = fake.add(room_id, "@teak:fake.test", "m.room.redaction", content)
        if not new:
            fake.events[room_id][-1]["redacts"] = "$reaction"
        heard = await hears(desk, "m.room.redaction")
    assert (heard.event_id, heard.content) == (erasing, {"redacts": "$reaction"})


async def test_nothing_but_a_redaction_erases(stage, fake):
    """A homeserver cannot hang `redacts` on something else."""
    async with stage.party("b_desk") as desk:
        room_id = fake.room(desk.user_id, "@teak:fake.test")
        fake.add(room_id, "@teak:fake.test", "m.reaction", {"m.relates_to": {}})
        fake.events[room_id][-1]["redacts"] = "$post"
        heard = await hears(desk, "m.reaction")
    assert heard.content == {"m.relates_to": {}}


@pytest.mark.parametrize("kind", ["m.room.encrypted", "m.reaction", "m.room.message"])
async def test_what_was_erased_says_nothing(stage, fake, kind):
    """Met after it was redacted, it is neither told nor reported as something we cannot read."""
    async with stage.party("b_desk") as desk:
        room_id = fake.room(desk.user_id, "@teak:fake.test")
        fake.add(room_id, "@teak:fake.test", kind, {})
        fake.add(room_id, "@teak:fake.test", "m.room.redaction", {"redacts": "$event"})
        await hears(desk, "m.room.redaction")
        assert not desk.client._store.rows("SELECT 1 FROM unread")
    assert [message.type for message in desk.messages] == ["m.room.redaction"]
    assert ReportKind.UNDECRYPTABLE not in {report.kind for report in desk.reports}
