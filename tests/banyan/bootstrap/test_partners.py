"""The last word to a server that is cut off."""

import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from banyan.bootstrap import partners
from banyan.bootstrap.partners import last_word


class Busy:
    """A homeserver that has something left to send, for as many questions as that."""

    def __init__(self, questions: int) -> None:
        self.left = questions
        self.asked: list[str] = []

    async def __call__(self, server: str) -> bool:
        self.asked.append(server)
        self.left -= 1
        return self.left > 0


async def test_it_is_sent_before_the_server_is_cut_off(monkeypatch):
    """Each is asked after until it has heard all of it."""
    monkeypatch.setattr(partners, "PAUSE", 0)
    owes = Busy(3)
    await last_word(owes, ["harbour.test", "lantern.test"])
    assert owes.asked == ["harbour.test"] * 3 + ["lantern.test"]


async def test_nobody_waits_long_for_it(monkeypatch):
    """A server that does not listen holds nothing up."""
    monkeypatch.setattr(partners, "LAST_WORD", 0.01)
    monkeypatch.setattr(partners, "PAUSE", 0)
    owes = Busy(10**9)
    await asyncio.wait_for(last_word(owes, ["harbour.test"]), 60)
    assert owes.asked


async def test_nothing_that_goes_wrong_with_it_keeps_the_server(tmp_path):
    """Not even a key of ours that lies elsewhere; the operator's log says what it was."""
    home = SimpleNamespace(secret=tmp_path.joinpath)
    parts = SimpleNamespace(home=home, addresses=SimpleNamespace(homeserver="http://127.0.0.1:1"))
    with capture_logs() as logs:
        await partners._told(parts, ["harbour.test"])
    assert [(line["event"], line["why"]) for line in logs] == [("partner-not-told", "FileNotFoundError")]


@pytest.mark.parametrize("servers", [[], ["harbour.test"]])
async def test_who_has_heard_all_waits_for_nothing(servers):
    """Readmitting asks nobody; a cut-off server that is owed nothing is asked once."""
    owes = Busy(0)
    await last_word(owes, servers)
    assert owes.asked == servers
