"""Telling who pulled the brake how long each step took."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from banyan.domain.effects import Effect
from banyan.i18n import N_, Text
from banyan.services.freezing import Freezing, Step
from banyan.services.outbox import Handler
from banyan.services.ports import Work
from bots.texts import Content, lines, message

Say = Callable[[Effect, str, Content], Awaitable[str]]
"""How an account says something: effect, room id and content to event id."""

DONE = N_("All access of {name} is ended:")
NOT_ALL = N_("Not everything worked for {name}. Please call the operator now.")
STEPS = {
    "freeze": N_("let in nowhere any more: after {seconds} s"),
    "end_sessions": N_("every app logged out: after {seconds} s"),
    "new_password": N_("passphrase void: after {seconds} s"),
    "lock": N_("account locked: after {seconds} s"),
    "expel": N_("out of every room: after {seconds} s"),
}
FAILED = N_("not done: {step}")


class Brake:
    """Handlers of the effects that tell about a freeze, for whichever account was asked."""

    def __init__(self, say: Say, freezing: Freezing, work: Work) -> None:
        self._say = say
        self._freezing = freezing
        self._work = work

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"frozen": self.frozen}

    async def frozen(self, effect: Effect) -> Mapping[str, Any]:
        """Tell the times. Result: `{"event_id"}`."""
        known = effect.payload
        async with self._work.reading() as tx:
            steps = await self._freezing.times(tx, known["subject"])
        whole = all(step.done for step in steps)
        first = Text(DONE if whole else NOT_ALL, name=known["name"])
        content = message([first, lines(map(_line, steps))], known["language"], rings=not whole)
        return {"event_id": await self._say(effect, known["room_id"], content)}


def _line(step: Step) -> Text:
    if step.seconds is None:
        return Text(FAILED, step=step.name.replace("_", " "))
    return Text(STEPS[step.name], seconds=f"{step.seconds:.1f}")
