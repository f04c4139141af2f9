"""kill -9 of everything in each step of a freeze: the next start carries it to its end."""

import asyncio
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from banyan.clock import SystemClock
from banyan.domain.people import Accounts
from banyan.matrix import Api, MatrixError
from banyan.services.freezing import Freezing
from banyan.services.ids import RandomIds
from banyan.store import SqlWork, open_store
from homeserver.admin import Admin
from tests.banyan.stores import sqlite_url
from tests.client.network import PASSPHRASE, Network
from tests.live.test_kill import _kill_all

pytestmark = pytest.mark.live

STEPS = ("freeze", "end_sessions", "new_password", "lock", "expel")


async def test_a_freeze_survives_kill_9_in_each_step(tmp_path, network, record_property):
    """Killed while a step is under way; afterwards nobody has a session, a room or a way back."""
    declared = network
    left: dict[str, list[str]] = {}
    async with aiohttp.ClientSession() as http:
        whole = Network(tmp_path / "home", http)
        await whole.start()
        try:
            people = [await _at_their_phone(whole) for _ in STEPS]
            for step, (user_id, _) in zip(STEPS, people, strict=True):
                subject = await _word(whole, declared, user_id)
                await _begun(whole.home, subject, step)
                _kill_all(whole.pid)
                await whole.ended()
                left[step] = _left(whole.home, subject)
                await whole.start()
                await _over(whole.home, subject)
            for user_id, token in people:
                await _nothing_is_left(whole, user_id, token)
        finally:
            await whole.stop()
    record_property("not written down as done when everything died", left)
    assert all(step in left[step] for step in STEPS), "the kills came too late to mean anything"


async def _at_their_phone(whole: Network) -> tuple[str, str]:
    """A new member with a session: user id and access token."""
    invited = await whole.invite("KH")
    await whole.join(invited)
    async with Api(whole.run.homeserver_url, None) as api:
        return invited.user_id, (await _log_in(api, invited.user_id))["access_token"]


async def _log_in(api: Api, user_id: str):
    who = {"type": "m.id.user", "user": user_id}
    body = {"type": "m.login.password", "identifier": who, "password": PASSPHRASE}
    return await api.request("POST", "/login", body=body)


async def _word(whole: Network, declared, user_id: str) -> str:
    """Say it from a process beside, as a command would; what follows is done by `banyan up`."""
    engine, clock = open_store(sqlite_url(whole.home)), SystemClock()
    accounts = Accounts(whole.run.server_name)
    try:
        async with SqlWork(engine, clock, RandomIds())() as tx:
            member = await tx.members.by_localpart(accounts.localpart(user_id))
            return await Freezing(clock, declared, accounts).freeze(tx, member, by="operator")
    finally:
        await engine.dispose()


async def _begun(home: Path, subject: str, step: str) -> None:
    query = "SELECT 1 FROM outbox WHERE subject = ? AND kind = ? AND attempts > 0"
    async with asyncio.timeout(20):
        while not _rows(home, query, subject, step):  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(0.001)


async def _over(home: Path, subject: str) -> None:
    async with asyncio.timeout(60):
        while _left(home, subject):  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(0.05)


def _left(home: Path, subject: str) -> list[str]:
    query = "SELECT kind FROM outbox WHERE subject = ? AND state != 'done' ORDER BY seq"
    return [kind for (kind,) in _rows(home, query, subject)]


def _rows(home: Path, query: str, *values: str) -> list:
    connection = sqlite3.connect(home / "banyan.db", timeout=10)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


async def _nothing_is_left(whole: Network, user_id: str, token: str) -> None:
    url = whole.run.homeserver_url
    registrar = (whole.home / "secrets" / "registrar.token").read_text().strip()
    async with Admin(url, registrar) as admin, Api(url, token) as phone, Api(url, None) as stranger:
        assert (await admin.user(user_id))["locked"] is True
        assert await admin.devices(user_id) == []
        found = await admin.request("GET", "/_synapse/admin/v1/users/{}/memberships", user_id)
        assert not {"join", "invite", "knock"} & set(found["memberships"].values())
        with pytest.raises(MatrixError) as caught:
            await phone.request("GET", "/account/whoami")
        assert caught.value.errcode == "M_UNKNOWN_TOKEN"
        assert not caught.value.answer.get("soft_logout")
        with pytest.raises(MatrixError) as caught:
            await _log_in(stranger, user_id)
        assert caught.value.errcode in ("M_FORBIDDEN", "M_USER_LOCKED")
    allowed = sqlite3.connect(whole.home / "gate.db")
    assert not allowed.execute("SELECT 1 FROM allow WHERE user_id = ?", (user_id,)).fetchall()
    allowed.close()
