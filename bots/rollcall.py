"""The roll call, as members are asked and as staff are told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from banyan.domain.alerts import Alert
from banyan.domain.checkins import Answer, RollLine
from banyan.domain.effects import Effect
from banyan.i18n import N_, Text, render
from banyan.services.outbox import Handler, Never
from banyan.services.rollcall import RollCall
from bots.alert_texts import KINDS
from bots.client import Message
from bots.context import Context
from bots.desk import Desk
from bots.interpreter import Said
from bots.outgoing import Outgoing
from bots.polls import POLL, answers_of, poll
from bots.texts import Content, lines, message

QUESTION = N_("Are you safe?")

ANSWERS = {
    Answer.SAFE: N_("I am safe"),
    Answer.HELP: N_("I need help"),
    Answer.SILENT: N_("I cannot talk now"),
}

HOW = (
    N_("There was a safety message, so I ask everybody it was sent to: are you safe?"),
    N_("Tap an answer above, or write its number:"),
    N_("Only staff who look after safety see it. Answer again whenever something changes."),
)

THANKS = {
    Answer.SAFE: N_("Thank you, I am glad. If that changes, write “need help”."),
    Answer.HELP: N_(
        "The security staff know now that you need help, and will try to reach you. When you are safe, write "
        "“safe”."
    ),
    Answer.SILENT: N_("Understood. I ask nothing more. When you can, write “safe” or “need help”."),
}

TOO_LATE = N_(
    "That question is over, so I did not count it. To answer the newest one, write “safe”, “need help” or "
    "“cannot talk”."
)

NEEDS_HELP = N_("🔴 {who} ({area}) needs help.")
CHANGED = N_("{who} ({area}) said before that they need help. Now they say: {answer}.")

ROLL_CALL = N_("Who is safe? Answers after the message of {received} ({what}):")
COUNTS = N_("{safe} safe, {help} need help, {silent} cannot talk, {none} without an answer")
LINE = N_("{area}: {counts}")
IN_NEED = N_("They need help: {names}")


class Asking:
    """Handlers of the desk's effects: everybody is asked in their chat."""

    def __init__(self, desk: Desk, roll_call: RollCall) -> None:
        self._desk = desk
        self._roll_call = roll_call

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"roll_call": self.begin, "ask": self.ask}

    async def begin(self, effect: Effect) -> Mapping[str, Any]:
        """Have everybody asked. Result: how many are expected to answer."""
        return {"addressed": await self._roll_call.begin(effect.payload["alert_id"])}

    async def ask(self, effect: Effect) -> Mapping[str, Any]:
        """Ask one member: a poll to tap, and the same with numbers. Result: `{"event_id"}`."""
        alert_id, member_id, room_id = (effect.payload[each] for each in ("alert_id", "member_id", "room_id"))
        question = await self._roll_call.question(alert_id, member_id)
        if question is None:
            return {}  # they have answered meanwhile, or it is over
        language = question.member.language
        tapped = [(question.answers[answer], render(Text(ANSWERS[answer]), language)) for answer in Answer]
        content = poll(render(Text(QUESTION), language), tapped)
        await self._roll_call.ask(alert_id, member_id)  # before: the answer may be as quick as a thumb
        event_id = await self._desk.speak(effect, room_id, content, type=POLL)
        await self._desk.speak(effect, room_id, how(language), part="-follow")
        return {"event_id": event_id}


class Telling:
    """Handlers of the steward's effects: staff hear who needs help, and how many are safe."""

    def __init__(self, outgoing: Outgoing, roll_call: RollCall) -> None:
        self._outgoing = outgoing
        self._roll_call = roll_call

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"needs_help": self.needs_help, "roll_call_summary": self.summary}

    async def needs_help(self, effect: Effect) -> Mapping[str, Any]:
        """Say at once that a member needs help, or no longer. Result: `{"event_id"}`.

        Help rings, unless theirs rang often in the last hour.
        """
        asked = effect.payload
        answer = Answer(asked["answer"])
        said = Text(
            NEEDS_HELP if answer is Answer.HELP else CHANGED,
            who=asked["who"],
            area=asked["area"],
            answer=Text(ANSWERS[answer]),
        )
        return await self._say(effect, [said], rings=asked.get("rings", answer is Answer.HELP))

    async def summary(self, effect: Effect) -> Mapping[str, Any]:
        """Say once how many have answered. Result: `{"event_id"}`."""
        found = await self._roll_call.summary(effect.payload["alert_id"])
        if found is None:
            raise Never("no-such-alert")
        return await self._say(effect, counted(*found, named=True), rings=False)

    async def _say(self, effect: Effect, said: Iterable[Text], *, rings: bool) -> Mapping[str, Any]:
        content = message(said, effect.payload["language"], effect.payload["zone"], rings=rings)
        if rings:
            content["m.mentions"] = {"room": True}
        return {"event_id": await self._outgoing.send(effect, effect.payload["room_id"], content)}


async def tapped(ctx: Context, said: Message) -> Said | None:
    """Take a tap on a poll of ours. The id of the answer counts, whatever poll it is said to belong to."""
    picked = answers_of(said)
    for answer_id in picked[:1]:
        answer = await ctx.services.roll_call.tapped(ctx.tx, ctx.member, answer_id)
        return Said((Text(THANKS[answer] if answer else TOO_LATE),))
    return None


def how(language: str) -> Content:
    """Return what comes right after the poll: the answers by number; it rings."""
    first, tap, last = HOW
    numbered = (
        Text("{number}. {label}", number=number, label=Text(label))
        for number, label in enumerate(ANSWERS.values(), start=1)
    )
    return message([Text(first), Text(tap), lines(numbered), Text(last)], language, rings=True)


def counted(alert: Alert, found: Sequence[RollLine], *, named: bool) -> list[Text]:
    """Return how many of each area answered what and, if `named`, who needs help."""
    areas = list(dict.fromkeys(sorted(line.area for line in found)))
    per_area = [
        Text(LINE, area=area, counts=_counts(line for line in found if line.area == area)) for area in areas
    ]
    said = [Text(ROLL_CALL, received=alert.received, what=Text(KINDS[alert.kind])), lines(per_area)]
    if len(areas) > 1:
        said.append(_counts(found))
    if named and (names := ", ".join(line.localpart for line in found if line.answer is Answer.HELP)):
        said.append(Text(IN_NEED, names=names))
    return said


def _counts(found: Iterable[RollLine]) -> Text:
    answers = [line.answer for line in found]
    counts = {answer.value: answers.count(answer) for answer in Answer}
    return Text(COUNTS, **counts, none=answers.count(None))
