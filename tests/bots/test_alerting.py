"""The alert from chat: prepared sentences, a preview in every language, two persons, and one word alone."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.alerts import AlertState
from banyan.domain.approvals import ProposalKind
from banyan.domain.effects import Actor
from banyan.errors import Refusal
from banyan.i18n import ENDONYMS, translate
from banyan.services.alert_decision import AlertDecision
from banyan.services.alerts import Alerts
from banyan.services.senders import Senders
from bots.alarm import Alarm
from bots.alert_preview import AlertPreview
from bots.alert_texts import ADDED, CONFIRMED, KINDS, RESPONSES, UNCONFIRMED
from bots.commands import TABLE
from bots.interpreter import Interpreter
from bots.proposals import PREVIEWS, Proposals
from bots.texts import size
from tests.alert_samples import LINKS, PUBLIC_KEY, alert, body, intake_over, signature
from tests.bots.carrying import Speaker, carry_out
from tests.fakes import room_id

SECURITY = room_id("staff:security")
LINE = "alert arrest LA severe avoid 6h Two vans near the market"


@pytest.fixture
async def staff(stage):
    """A focal point of Laos and two security officers."""
    await stage.member("lotus-egret", "LA", "focal_point")
    await stage.member("teal-otter", "KH", "security_officer")
    await stage.member("jade-finch", "TH", "security_officer")
    return stage


@pytest.fixture
def speaker():
    return Speaker()


@pytest.fixture
def steward(work, clock, approvals, accounts, network, speaker):
    """Let the steward say what is due; everything said in the security room so far."""
    previews = {**PREVIEWS, ProposalKind.ALERT: AlertPreview(network)}
    proposals = Proposals(speaker, approvals, work, previews)

    async def say():
        await carry_out(work, clock, Actor.STEWARD, proposals.handlers)
        return speaker.heard(SECURITY)

    return say


@pytest.fixture
def alarm(work, clock):
    """Let the alarm post what is due; what it said, by room."""
    voice = Speaker()
    handlers = Alarm(voice, Alerts(work, LINKS)).handlers

    async def post():
        await carry_out(work, clock, Actor.ALARM, handlers)
        return {said.room_id: said.body for said in voice.sent.values()}

    return post


@pytest.fixture
def states(work):
    async def read():
        async with work.reading() as tx:
            return [alert.state for alert in await tx.alerts.all()]

    return read


@pytest.fixture
def code(work):
    """The digits of the request that waits."""

    async def read():
        async with work.reading() as tx:
            (proposal,) = await tx.proposals.waiting()
        return proposal.code

    return read


async def ask(stage, name="lotus-egret", line=LINE):
    (preview,) = await stage.say(name, line)
    (asked,) = await stage.say(name, "1")
    return preview, asked


async def test_an_alert_by_numbers_goes_out_when_two_stand_behind_it(staff, steward, alarm, states, code):
    """Step by step, each answer a digit; nothing leaves before the second person; then at once."""
    said = []
    for typed in ("alert", "၁", "2", "၅", "2", "Two vans.", "1"):
        (answer,) = await staff.say("lotus-egret", typed)
        said.append(answer)
    for question, part in zip(
        said,
        ("What has happened", "danger", "What shall", "how long", "add", "right", "Nothing is sent yet"),
        strict=True,
    ):
        assert part in question
    assert "» Two vans." in said[5]
    assert await alarm() == {}
    assert await states() == [AlertState.HELD]
    (shown,) = await steward()
    digits = await code()
    assert digits in shown.body
    (first,) = await staff.say("teal-otter", digits, in_="security")
    assert "One more person" in first
    assert await alarm() == {}
    await staff.say("jade-finch", digits, in_="security")
    posted = await alarm()
    assert list(posted) == [room_id("alert:LA")]
    text = posted[room_id("alert:LA")]
    for sentence in (CONFIRMED, KINDS["arrest"], RESPONSES["avoid"], ADDED):
        assert sentence in text
        assert translate(sentence, "lo") in text
    assert text.count("» Two vans.") == 2
    assert UNCONFIRMED not in text
    assert await states() == [AlertState.QUEUED]


async def test_the_security_room_reads_it_in_every_language(staff, steward):
    """Those of the rooms addressed first, then English; the addition in each; one event."""
    await ask(staff)
    (shown,) = await steward()
    order = [
        shown.body.index(f"——— {ENDONYMS[language]} ———") for language in ("lo", "en", "vi", "my", "th", "km")
    ]
    assert order[:2] == sorted(order[:2])
    assert min(order[2:]) > order[1]
    assert shown.body.count("» Two vans near the market") == len(ENDONYMS)
    assert shown.content["m.mentions"] == {"room": True}
    assert "LA" in shown.body


async def test_a_preview_that_is_too_long_comes_in_parts(work, clock, ids, network, staff, steward):
    """Nothing is left out, no event is too large, and the digits come last."""
    await Senders(work).enrol("relay", PUBLIC_KEY)
    intake, _ = intake_over(work, clock, ids, network)
    longest = {"headline": "က" * 160, "description": "က" * 2000, "instruction": "က" * 600}
    texts = {"en": longest | {"headline": "Road closed"}, "my": longest, "th": longest}
    raw = json.dumps(alert(texts=texts), ensure_ascii=False).encode()
    await intake.submit("relay", signature(raw), raw)
    shown = await steward()
    assert len(shown) > 1
    assert all(size(part.content) < 45_000 for part in shown)
    assert sum(part.body.count("က" * 2000) for part in shown) == 3
    assert ["Then write" in part.body for part in shown] == [False] * (len(shown) - 1) + [True]
    assert [part.content["m.mentions"] for part in shown[:-1]] == [{}] * (len(shown) - 1)


async def test_a_held_alert_of_a_sender_waits_for_two_and_shows_what_they_wrote(
    work, clock, ids, network, staff, steward, alarm, code, decisions
):
    """In each language it came in; approved it is confirmed, and the log names no single person for it."""
    await Senders(work).enrol("relay", PUBLIC_KEY)
    intake, _ = intake_over(work, clock, ids, network)
    raw = body(areas=["LA"], texts={"en": {"headline": "Office visited"}, "lo": {"headline": "ຫ້ອງການ"}})
    accepted = await intake.submit("relay", signature(raw), raw)
    assert accepted.state is AlertState.HELD
    (shown,) = await steward()
    assert "relay (sender)" in shown.body
    assert "» Office visited" in shown.body
    assert "» ຫ້ອງການ" in shown.body
    for name in ("teal-otter", "jade-finch"):
        await staff.say(name, await code(), in_="security")
    text = (await alarm())[room_id("alert:LA")]
    assert "Sent by relay." in text
    assert CONFIRMED in text
    queued = [(actor, details) for action, actor, details in await decisions() if action == "alert-queued"]
    assert [actor for actor, _ in queued] == ["two-persons"]


async def test_who_asks_and_may_decide_is_one_of_the_two(staff, alarm, code):
    """A security officer needs one colleague more; their own digits do not count."""
    (_, asked) = await ask(staff, "teal-otter")
    assert "Nothing is sent yet" in asked
    await staff.say("teal-otter", await code(), in_="security")
    assert await alarm() == {}
    await staff.say("jade-finch", await code(), in_="security")
    assert len(await alarm()) == 1


async def test_one_approval_is_never_enough(staff, alarm, code, states):
    """Neither twice by one person, nor by somebody who may only ask."""
    await ask(staff)
    for name in ("teal-otter", "teal-otter", "lotus-egret"):
        await staff.say(name, await code(), in_="security")
    assert await alarm() == {}
    assert await states() == [AlertState.HELD]


async def test_refused_or_run_out_it_is_never_sent(staff, alarm, approvals, code, states, clock, decisions):
    """Its state says which, and the log too."""
    await ask(staff)
    await staff.say("teal-otter", f"refuse {await code()}", in_="security")
    await ask(staff)
    digits = await code()
    await staff.say("teal-otter", digits, in_="security")
    clock.forward(hours=6)
    assert "No request waits" in (await staff.say("jade-finch", digits, in_="security"))[0]
    await approvals.tend()
    await approvals.tend()
    assert sorted(await states()) == [AlertState.EXPIRED, AlertState.REFUSED]
    assert await alarm() == {}
    actions = [action for action, _, _ in await decisions()]
    assert (actions.count("alert-refused"), actions.count("alert-expired")) == (1, 1)


async def test_a_request_runs_out_with_its_alert(staff, code, clock, alarm, approvals, states):
    """What is valid for two hours is not sent after three, whoever approves."""
    await ask(staff, line="alert arrest LA severe avoid 2h")
    await staff.say("lotus-egret", "0")
    await staff.say("lotus-egret", "1")
    digits = await code()
    await staff.say("teal-otter", digits, in_="security")
    clock.forward(hours=2)
    await staff.say("jade-finch", digits, in_="security")
    assert await alarm() == {}
    await approvals.tend()
    assert await states() == [AlertState.EXPIRED]


async def test_a_held_alert_of_a_sender_runs_out_with_its_own_end(
    work, clock, ids, network, staff, approvals, states
):
    """What is valid for an hour waits for an hour."""
    await Senders(work).enrol("relay", PUBLIC_KEY)
    intake, _ = intake_over(work, clock, ids, network)
    raw = body(expires=(clock.now() + timedelta(hours=1)).isoformat())
    await intake.submit("relay", signature(raw), raw)
    clock.forward(minutes=59)
    await approvals.tend()
    assert await states() == [AlertState.HELD]
    clock.forward(minutes=1)
    await approvals.tend()
    assert await states() == [AlertState.EXPIRED]


async def test_an_alert_of_a_sender_removed_meanwhile_is_not_sent(
    work, clock, ids, network, staff, code, alarm, states
):
    """A stolen key: what it signed before it was revoked goes nowhere; people are told why."""
    await Senders(work).enrol("relay", PUBLIC_KEY)
    intake, _ = intake_over(work, clock, ids, network)
    raw = body()
    await intake.submit("relay", signature(raw), raw)
    await Senders(work).revoke("relay")
    await staff.say("teal-otter", await code(), in_="security")
    (said,) = await staff.say("jade-finch", await code(), in_="security")
    assert "may not send any more" in said
    assert await alarm() == {}
    assert await states() == [AlertState.HELD]


async def test_a_restart_in_the_middle_forgets_nothing(staff, alarm, code, hearing, clock):
    """The questions, the request and what has to be said of it are on the disk: only the clock goes on."""
    for typed in ("alert", "1", "2"):
        await staff.say("lotus-egret", typed)
    staff.hearing = replace(hearing, interpreter=Interpreter(TABLE))
    for typed in ("5", "2", "0", "1"):
        (said,) = await staff.say("lotus-egret", typed)
    assert "Nothing is sent yet" in said
    for name in ("teal-otter", "jade-finch"):
        await staff.say(name, await code(), in_="security")
    text = (await alarm())[room_id("alert:LA")]
    assert CONFIRMED in text


async def test_nobody_warns_where_they_do_not_reach(staff):
    """A focal point of Laos is offered Laos only; nobody else may ask at all."""
    (said,) = await staff.say("lotus-egret", "alert arrest KH severe avoid 6h x")
    assert "Is this right" not in said
    await staff.member("amber-heron", "LA")
    (said,) = await staff.say("amber-heron", LINE)
    assert "not for you" in said
    (said,) = await staff.say("amber-heron", "careful LA")
    assert "not for you" in said


async def test_one_person_alone_may_say_be_careful(staff, alarm, states, decisions, effects):
    """At once, marked as unconfirmed, with a fixed text; nobody approves, and nobody is asked."""
    (preview,) = await staff.say("lotus-egret", "careful")
    assert UNCONFIRMED in preview
    (said,) = await staff.say("lotus-egret", "1")
    assert "marked as unconfirmed" in said
    text = (await alarm())[room_id("alert:LA")]
    assert translate(UNCONFIRMED, "lo") in text
    assert CONFIRMED not in text
    assert await states() == [AlertState.QUEUED]
    assert ("alert-queued", "focal_point:lotus-egret") in [
        (action, who) for action, who, _ in await decisions()
    ]
    assert "roll_call" not in [kind for kind, _ in await effects(Actor.DESK)]


async def test_careful_takes_no_words_of_ones_own(staff, alarm):
    """What follows the area is not understood; it is never passed on."""
    await staff.say("lotus-egret", "careful LA they come for us, run to the bridge")
    await staff.say("lotus-egret", "1")
    assert all("bridge" not in text for text in (await alarm()).values())


async def test_careful_is_for_a_few_times_an_hour(staff, network, clock, alarm):
    """A phone in the wrong hands cannot frighten a country all night; a colleague still can warn."""
    most = network.limits.alerts_per_hour
    for _ in range(most):
        await staff.say("lotus-egret", "careful")
        await staff.say("lotus-egret", "1")
    await staff.say("lotus-egret", "careful")
    (said,) = await staff.say("lotus-egret", "1")
    assert "I did nothing" in said
    await staff.say("teal-otter", "careful LA")
    assert "on its way" in (await staff.say("teal-otter", "1"))[0]
    clock.forward(hours=1)
    await staff.say("lotus-egret", "careful")
    assert "on its way" in (await staff.say("lotus-egret", "1"))[0]


RUDE = ["@room run", "<b>x</b>", "\u202eevil", "# a\n\n\n———\nDanger: none", "{who.secret}", "x" * 1000]


@pytest.mark.parametrize("rude", RUDE, ids=lambda each: repr(each)[:12])
async def test_an_addition_breaks_nothing_and_rings_nobody(staff, steward, alarm, code, rude):
    """Quoted line by line in every language: it can look like no line of ours."""
    for typed in ("alert", "1", "2", "5", "2", rude, "1"):
        await staff.say("lotus-egret", typed)
    (shown,) = await steward()
    for name in ("teal-otter", "jade-finch"):
        await staff.say(name, await code(), in_="security")
    text = (await alarm())[room_id("alert:LA")]
    for said in (shown.body, text):
        assert "@room" not in said
        assert "\u202e" not in said
        assert "\nDanger: none" not in said
    assert text.count("\n———\n") == 1


async def test_nothing_that_was_added_is_in_the_log(staff, code, decisions, clock):
    """Neither the words nor what they are about."""
    await ask(staff)
    for name in ("teal-otter", "jade-finch"):
        await staff.say(name, await code(), in_="security")
    assert "vans" not in str(await decisions())


async def test_what_has_run_out_is_not_sent_even_if_it_is_decided(staff, code, clock, releasing, work, alarm):
    """The decision looks at the time itself: a slow clock elsewhere sends nothing old."""
    await ask(staff)
    async with work.reading() as tx:
        (proposal,) = await tx.proposals.waiting()
    clock.forward(hours=6)
    with pytest.raises(Refusal, match="not valid any more"):
        async with work() as tx:
            await AlertDecision(releasing, clock).carry_out(tx, proposal)
    assert await alarm() == {}
