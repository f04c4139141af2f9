"""The same form twice."""

import asyncio

import pytest

from banyan.web import repeats
from banyan.web.repeats import KEPT_FORMS, KEPT_SECONDS, Repeats


class Desk:
    """Counts what it was asked to do."""

    def __init__(self):
        self.done = 0
        self.may = asyncio.Event()
        self.may.set()

    async def act(self):
        await self.may.wait()
        self.done += 1
        return str(self.done)


@pytest.fixture
def time():
    return [1000.0]


@pytest.fixture
def forms(time):
    return Repeats(lambda: time[0])


async def test_one_secret_acts_once(forms):
    """The second answer is the first; another secret acts for itself, however the parts are cut."""
    desk = Desk()
    assert await forms.once("ab", "c", act=desk.act) == await forms.once("ab", "c", act=desk.act) == "1"
    assert await forms.once("a", "bc", act=desk.act) == "2"


async def test_a_failure_is_forgotten(forms):
    """Whoever tries again after a failure is really tried again."""

    async def fail():
        raise OSError

    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011
            await forms.once("a", act=fail)
    assert await forms.once("a", act=Desk().act) == "1"


async def test_a_lost_caller_does_not_stop_the_act(forms):
    """The phone's connection dies in the middle; the answer is there when it comes back."""
    desk = Desk()
    desk.may.clear()
    lost = asyncio.create_task(forms.once("a", act=desk.act))
    await asyncio.sleep(0)
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    desk.may.set()
    another = Desk()
    assert await forms.once("a", act=another.act) == "1"
    assert (desk.done, another.done) == (1, 0)


async def test_it_is_remembered_for_a_while_and_not_for_everybody(forms, time):
    """Neither time nor a crowd makes it grow without end."""
    desk = Desk()
    await forms.once("a", act=desk.act)
    time[0] += KEPT_SECONDS + 1
    assert await forms.once("a", act=desk.act) == "2"
    for each in range(KEPT_FORMS + 10):
        await forms.once("b", str(each), act=desk.act)
    assert len(forms._known) <= KEPT_FORMS
    assert repeats.KEPT_SECONDS <= 3600


async def test_nothing_typed_is_kept(forms):
    """What is remembered is a keyed digest: a memory dump names neither token nor passphrase."""
    await forms.once("token", "teapot gravel orbit fern", act=Desk().act)
    assert "teapot" not in repr(forms.__dict__)
