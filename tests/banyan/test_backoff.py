"""Waiting longer each time, but never for ever."""

from banyan.backoff import backoff


def test_pauses_double_up_to_the_longest():
    """The first is short, so that a hiccup is not noticed."""
    assert [backoff(failures, longest=5) for failures in range(1, 6)] == [1, 2, 4, 5, 5]


def test_a_long_outage_is_outlived():
    """After days of failing, counting them does not itself fail."""
    assert backoff(10**6, longest=60) == 60
