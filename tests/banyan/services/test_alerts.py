"""Alerts: accepted once, by whom they may be, sent to exactly the rooms of their areas."""

import asyncio
from datetime import timedelta

import pytest
from nacl.signing import SigningKey
from structlog.testing import capture_logs

from banyan.domain.alerts import AlertState, Delivery
from banyan.domain.effects import Actor
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import NotFound, Taken, UsedWrongly
from banyan.services.alerts import Alerts
from banyan.services.intake_errors import (
    AlreadySent,
    AreaNotReady,
    BadBody,
    BadSignature,
    IdentifierUsed,
    NotRelayed,
    Refused,
    Stale,
    TooMany,
    UnknownArea,
    Unsigned,
)
from banyan.services.senders import Senders
from tests.alert_samples import KEY, LINKS, PUBLIC_KEY, body, intake_over, signature
from tests.fakes import room_id


@pytest.fixture
def make(work, clock, ids, network):
    """A new process over the same database."""
    return lambda: intake_over(work, clock, ids, network)[0]


@pytest.fixture
def book(work):
    return Alerts(work, LINKS)


@pytest.fixture
async def alerts(make, rooms, work):
    await Senders(work).enrol("relay", PUBLIC_KEY, direct=True)
    return make()


@pytest.fixture
def send(alerts):
    async def submit(name="relay", by=alerts, **changes):
        raw = body(**changes)
        return await by.submit(name, signature(raw, name), raw)

    return submit


async def test_an_alert_goes_to_the_rooms_of_its_areas(send, effects, decisions, network):
    """A country in cells is each of its cells; one effect a room, in its language and zone; one entry."""
    accepted = await send(areas=["MM", "KH"])
    assert accepted.state is AlertState.QUEUED
    expected = [
        {
            "alert_id": accepted.id,
            "room_id": room_id(room_key(RoomKind.ALERT, area)),
            "area": area,
            "language": language,
            "zone": zone,
            "confirmed": False,
        }
        for area, language, zone in (
            ("MM-1", "my", "Asia/Yangon"),
            ("MM-2", "my", "Asia/Yangon"),
            ("KH", "km", "Asia/Phnom_Penh"),
        )
    ]
    assert await effects(Actor.ALARM) == [("alert", payload) for payload in expected]
    action, actor, details = (await decisions())[-1]
    assert (action, actor) == ("alert-queued", "sender:relay")
    assert (details["areas"], details["severity"], details["response"]) == ("MM,KH", "severe", "avoid")


async def test_regional_is_everywhere_once(send, effects, network):
    """`regional` with a country besides still tells each area once."""
    await send(areas=["regional", "MM", "MM-1"])
    areas = [payload["area"] for _, payload in await effects(Actor.ALARM)]
    assert areas == [area.key for area in network.areas]


@pytest.mark.parametrize(
    ("direct", "severity", "response", "state"),
    [
        (True, "severe", "avoid", "queued"),
        (True, "minor", "none", "queued"),
        (True, "extreme", "avoid", "held"),
        (True, "severe", "evacuate", "held"),
        (True, "minor", "shelter", "held"),
        (False, "minor", "none", "held"),
    ],
)
async def test_what_needs_two_persons_is_held(
    work, alerts, send, effects, decisions, direct, severity, response, state
):
    """Nothing leaves for a held alert."""
    await Senders(work).enrol("other", PUBLIC_KEY, direct=direct)
    accepted = await send("other", severity=severity, response=response)
    assert accepted.state == state
    assert bool(await effects(Actor.ALARM)) == (state == "queued")
    assert f"alert-{state}" in [action for action, _, _ in await decisions()]


async def refused(alerts, effects, decisions, error, name, signed, raw):
    before = await decisions()
    with pytest.raises(error) as refusal:
        await alerts.submit(name, signed, raw)
    assert await effects(Actor.ALARM) == []
    assert await decisions() == before
    return refusal.value


async def test_who_is_not_who_they_say(alerts, effects, decisions, work):
    """No, wrong, foreign, cut, garbled signature; unknown or revoked sender: 401, and no telling which."""
    raw = body()
    texts = set()
    await Senders(work).enrol("revoked", PUBLIC_KEY)
    await Senders(work).revoke("revoked")
    other = SigningKey(b"o" * 32)
    for name, signed in (
        ("relay", signature(raw, key=other)),
        ("relay", signature(raw + b" ")),
        ("relay", signature(raw, name="relay2")),
        ("relay", signature(raw)[:-8]),
        ("relay", "AAAA"),
        ("relay", "nonsense!"),
        ("relay", "ก" * 88),
        ("nobody", signature(raw, "nobody")),
        ("revoked", signature(raw, "revoked")),
        ("x" * 100_000, signature(raw, "x" * 100_000)),
        ("nul\0", signature(raw, "nul\0")),
        ("\udcff", signature(raw, "\udcff")),
    ):
        error = await refused(alerts, effects, decisions, BadSignature, name, signed, raw)
        assert error.status == 401
        texts.add(str(error))
    assert len(texts) == 1
    for name, signed in ((None, signature(raw)), ("relay", None), ("", ""), ("relay", "")):
        error = await refused(alerts, effects, decisions, Unsigned, name, signed, raw)
        assert error.status == 401


async def test_nothing_is_parsed_before_the_signature(alerts, effects, decisions):
    """An unsigned body of brackets is answered as unsigned."""
    raw = b"[" * 30_000
    await refused(alerts, effects, decisions, BadSignature, "relay", "AAAA", raw)
    await refused(alerts, effects, decisions, BadBody, "relay", signature(raw), raw)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"areas": ["XX"]}, UnknownArea),
        ({"areas": ["MM-9"]}, UnknownArea),
        ({"status": "exercise"}, NotRelayed),
        ({"status": "test"}, NotRelayed),
        ({"sent": "2026-11-22T11:54:59Z"}, Stale),
        ({"kind": "party"}, BadBody),
    ],
)
async def test_what_cannot_be_relayed(alerts, effects, decisions, changes, error):
    """The right refusal each, and nothing written."""
    raw = body(**changes)
    refusal = await refused(alerts, effects, decisions, error, "relay", signature(raw), raw)
    assert refusal.status == 400


async def test_half_an_alert_is_none(alerts, effects, decisions, work):
    """When one room of the areas is missing nothing is sent to the others."""
    async with work() as tx:
        await tx.rooms.remove(room_key(RoomKind.ALERT, "MM-2"))
    raw = body()
    error = await refused(alerts, effects, decisions, AreaNotReady, "relay", signature(raw), raw)
    assert error.status == 409


async def test_a_replay_is_told_what_became_of_it(send, make, clock, effects):
    """The same body again, late, after a restart, or many times at once: the first id, nothing more."""
    first = await send()
    after = len(await effects(Actor.ALARM))
    for by in (None, make()):
        with pytest.raises(AlreadySent) as again:
            await (send(by=by) if by else send())
        assert (again.value.alert_id, again.value.status_url) == (first.id, first.status_url)
        assert again.value.code == "replayed"
        clock.forward(hours=30)
    clock.forward(hours=-60)
    results = await asyncio.gather(*(send(identifier="two") for _ in range(5)), return_exceptions=True)
    (second,) = [one for one in results if not isinstance(one, Exception)]
    assert {one.alert_id for one in results if isinstance(one, AlreadySent)} == {second.id}
    assert len(await effects(Actor.ALARM)) == 2 * after


async def test_an_identifier_is_used_once(send):
    """Another body under the same identifier is refused with the first one's id, by a code of its own."""
    first = await send()
    with pytest.raises(IdentifierUsed) as again:
        await send(kind="arrest")
    assert (again.value.alert_id, again.value.code, again.value.status) == (first.id, "identifier-used", 409)


async def test_another_sender_may_use_the_same_identifier(send, work):
    """Identifiers belong to their sender."""
    await Senders(work).enrol("other", PUBLIC_KEY, direct=True)
    assert (await send()).id != (await send("other")).id


async def test_a_sender_has_so_many_an_hour(send, network, clock, effects):
    """Then 429; the extreme ones have a bucket of their own; retries never count."""
    limits = network.limits
    for number in range(limits.alerts_per_hour):
        await send(identifier=f"n{number}")
    with pytest.raises(TooMany) as refusal:
        await send(identifier="more")
    assert refusal.value.status == 429
    with pytest.raises(AlreadySent):
        await send(identifier="n0")
    for number in range(limits.extreme_alerts_per_hour):
        await send(identifier=f"x{number}", severity="extreme")
    with pytest.raises(TooMany):
        await send(identifier="more", severity="extreme")
    clock.forward(hours=1)
    later = {"sent": clock.now().isoformat(), "expires": (clock.now() + timedelta(hours=1)).isoformat()}
    await send(identifier="later", **later)


@pytest.mark.parametrize(
    "mistake",
    [{"kind": "party"}, {"sent": "2001-01-01T00:00:00Z"}, {"areas": ["XX"]}, {"status": "exercise"}],
    ids=["bad-body", "stale", "unknown-area", "exercise"],
)
async def test_mistakes_use_up_nothing(send, network, mistake):
    """A wrong clock, or a recording of an old alert, keeps no real one out; a flood is stopped."""
    codes = set()
    for _ in range(network.limits.refused_alerts_per_minute + 1):
        with pytest.raises(Refused) as refusal:
            await send(**mistake)
        codes.add(refusal.value.status)
    assert codes == {400, 429}
    assert (await send()).state is AlertState.QUEUED


async def test_the_same_alert_many_times_at_once_counts_once(send, network):
    """A sender on a bad network posts it again before it has an answer."""
    answers = await asyncio.gather(*(send() for _ in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(AlreadySent) == 19
    for number in range(network.limits.alerts_per_hour - 1):
        await send(identifier=f"n{number}")


async def test_a_flood_of_forgeries_keeps_no_sender_out(alerts, send, network):
    """Beyond so many failures a minute the answer is 429, while the enrolled go through."""
    raw = body()
    codes = []
    for _ in range(network.limits.refused_alerts_per_minute + 10):
        with pytest.raises((BadSignature, TooMany)) as refusal:
            await alerts.submit("nobody", signature(raw, "nobody"), raw)
        codes.append(refusal.value.status)
    assert codes == [401] * network.limits.refused_alerts_per_minute + [429] * 10
    assert (await send()).state is AlertState.QUEUED


async def test_the_status_says_how_far_it_has_come(book, send, work, clock):
    """Per room: queued, then sent with its event, seen as a lower bound; failed when it never can be."""
    accepted = await send()
    alert_id, secret = accepted.status_url.removeprefix("https://a.test/alerts/").split("/")
    assert alert_id == accepted.id
    assert len(secret) == 32
    status = await book.status(alert_id, secret)
    assert [(room.area, room.state, room.event_id) for room in status.rooms] == [
        ("MM-1", Delivery.QUEUED, None),
        ("MM-2", Delivery.QUEUED, None),
    ]
    queued = clock.now()
    clock.forward(seconds=2)
    async with work() as tx:
        first, second = await tx.outbox.of_subject(alert_id)
        await tx.outbox.done(first.id, clock.now(), {"event_id": "$event"})
        await tx.outbox.dead(second.id, "room-gone")
    for people in (3, 5, 4):
        await book.saw("$event", people)
    first, second = (await book.status(alert_id, secret)).rooms
    assert (first.state, first.event_id, first.queued, first.sent, first.seen) == (
        Delivery.SENT,
        "$event",
        queued,
        clock.now(),
        5,
    )
    assert (second.state, second.event_id, second.sent) == (Delivery.FAILED, None, None)
    assert await book.all() == [await book.status(alert_id, secret)]


async def test_the_status_is_for_the_holder_of_the_link(book, send):
    """Wrong secret, wrong id and garbage are one and the same: not found."""
    accepted = await send()
    secret = accepted.status_url.rpartition("/")[2]
    for alert_id, tried in (
        (accepted.id, "0" * 32),
        (accepted.id, secret[:-1]),
        (accepted.id, ""),
        (accepted.id, "ก\ud800"),
        ("0" * 32, secret),
        ("nul\0\ud800", secret),
    ):
        with pytest.raises(NotFound, match="no such alert"):
            await book.status(alert_id, tried)


async def test_what_people_wrote_is_in_no_log(send, work, tmp_path, decisions):
    """Neither the log lines nor the log of decisions hold a word of the text."""
    with capture_logs() as logs:
        await send()
        with pytest.raises(AlreadySent):
            await send()
    assert "market" not in str(logs)
    assert "market" not in str(await decisions())


async def test_senders_are_enrolled_and_revoked(work, decisions):
    """A name belongs to one sender for ever; only sound keys are taken; both steps are in the log."""
    senders = Senders(work)
    await senders.enrol("relay", PUBLIC_KEY, direct=True)
    assert [(one.name, one.public_key, one.direct) for one in await senders.list()] == [
        ("relay", bytes(KEY.verify_key), True)
    ]
    with pytest.raises(Taken):
        await senders.enrol("relay", PUBLIC_KEY)
    await senders.revoke("relay")
    assert await senders.list() == []
    with pytest.raises(Taken):
        await senders.enrol("relay", PUBLIC_KEY)
    with pytest.raises(NotFound):
        await senders.revoke("relay")
    assert await decisions() == [
        ("sender-enrolled", "operator", {"direct": True}),
        ("sender-revoked", "operator", {}),
    ]
    for name, key in (
        ("Relay", PUBLIC_KEY),
        ("", PUBLIC_KEY),
        ("x" * 65, PUBLIC_KEY),
        ("good", "nonsense"),
        ("good", PUBLIC_KEY[:-4]),
        ("good", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("good", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ):
        with pytest.raises(UsedWrongly):
            await senders.enrol(name, key)
