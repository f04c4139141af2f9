"""People, a gathering they are asked to, and an outbox that is emptied."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from banyan.domain.effects import Actor
from banyan.domain.gatherings import Gathering
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.services.outbox import Drain
from tests.fakes import NOON

TITLE = "Tea under the tree"
STARTS = NOON + timedelta(days=2)
REMIND = STARTS - timedelta(hours=1)


def person(localpart, area="KH", language="km", status=MemberStatus.ADMITTED):
    """A member whose chat with the desk exists."""
    return Member(
        f"id-{localpart}", localpart, Placement(area), language, status, chat=f"!{localpart}", welcomed=True
    )


def gathering(**changes):
    values = {"id": "g1", "title": TITLE, "starts": STARTS, "areas": ("KH",), "author": "id-heron"}
    return Gathering(**values | changes)


async def emptied(work, clock, handlers):
    """Carry out what is queued for the desk now, in a new process that ends then."""
    task = asyncio.create_task(Drain(work, Actor.DESK, handlers, clock, poll=0.002).run())
    try:
        async with asyncio.timeout(10):
            while True:
                async with work.reading() as tx:
                    if not (await tx.outbox.waiting())[Actor.DESK]:
                        return
                await asyncio.sleep(0.005)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
