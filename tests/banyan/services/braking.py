"""The brake over a real store, and both actors at the end of its outbox."""

import asyncio
from collections.abc import Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from banyan.domain.effects import Actor
from banyan.errors import HomeserverDown
from banyan.services.freezing import Freezing
from banyan.services.outbox import Drain

BY = "security_officer:teal-otter"
STEPS = ["end_sessions", "new_password", "lock", "expel"]
PASSPHRASE = "a long enough passphrase"


@pytest.fixture
def freezing(clock, network, accounts):
    return Freezing(clock, network, accounts)


@pytest.fixture
def freeze(work, freezing):
    """Say the word about a user id; the subject of what follows."""

    async def freeze(user_id, by=BY):
        async with work() as tx:
            member = await tx.members.by_localpart(user_id[1:].partition(":")[0])
            return await freezing.freeze(tx, member, by=by)

    return freeze


async def admitted(members, country="KH", **more) -> str:
    """User id of somebody who came in."""
    invited = await members.invite(country, **more)
    await members.register(invited.token, PASSPHRASE, "en")
    return invited.user_id


class World:
    """Both actors at the end of the outbox. Everything waits until the test lets a kind of effect through."""

    def __init__(self) -> None:
        self.done: list[str] = []
        """Kinds of what a freeze had done, in order."""
        self.subjects: list[tuple[str, str]] = []
        """The same with the subject before each kind."""
        self.fails: set[str] = set()

    async def __call__(self, effect) -> Mapping[str, object]:
        if effect.kind in self.fails:
            raise HomeserverDown("not now")
        if effect.subject is not None and effect.subject.startswith("freeze:"):
            self.done.append(effect.kind)
            self.subjects.append((effect.subject, effect.kind))
        return {}


@asynccontextmanager
async def draining(work, clock, world):
    """Both actors work until the end of the block; what is under way then is torn off."""
    kinds = ["admit", "allow", "freeze", "invite", "registration_token", *STEPS]
    handlers = dict.fromkeys(kinds, world)
    drains = [
        asyncio.create_task(Drain(work, actor, handlers, clock, poll=0.01).run())
        for actor in (Actor.GATE, Actor.REGISTRAR)
    ]
    try:
        yield
    finally:
        for each in drains:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each


def over(work, freezing, subject, clock=None):
    """Whether all is done. With a clock, time goes on: what failed is tried again."""

    async def over():
        if clock:
            clock.forward(minutes=1)
        async with work.reading() as tx:
            return all(step.done for step in await freezing.times(tx, subject))

    return over
