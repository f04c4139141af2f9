"""The arithmetic by which a budget is kept or over."""

import asyncio
import time

import pytest

from benchmarks.measure import Kind, Pair, alone, compared, in_turns, stalls


def test_the_median_round_is_held_against_the_limit():
    """One round in which the machine was busy elsewhere decides nothing."""
    pairs = [Pair(1.2, 1.0), Pair(1.1, 1.0), Pair(9.0, 1.0)]
    result = compared("alert", Kind.RATIO, 1.3, pairs, {})
    assert result.figure == pytest.approx(1.2)
    assert result.ok


def test_faster_means_the_peer_takes_longer():
    """A product that is slower than its peer is never `so many times faster`."""
    assert compared("share", Kind.FASTER, 4, [Pair(1.0, 5.0)], {}).ok
    assert not compared("share", Kind.FASTER, 4, [Pair(5.0, 1.0)], {}).ok


@pytest.mark.parametrize(("figure", "ok"), [(0, True), (1, False)])
def test_a_limit_of_none_at_all(figure, ok):
    """One write is one too many."""
    assert alone("second apply", 0, figure, "writes", {}).ok is ok


async def test_both_take_turns_and_going_first():
    """Whoever goes second finds warm caches: that must not always be the same one."""
    order = []

    def turn(name):
        async def work():
            order.append(name)
            return 1.0

        return work

    await in_turns(turn("ours"), turn("peer"), 2)
    assert order == ["ours", "peer", "peer", "ours"]


async def test_a_stall_is_seen():
    """Also one that begins right away and ends with the block."""
    async with stalls() as found:
        await asyncio.sleep(0)
        time.sleep(0.05)  # noqa: ASYNC251 - the fault itself
    assert found.longest >= 0.04
