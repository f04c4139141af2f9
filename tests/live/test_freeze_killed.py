"""kill -9 of everything in each step of a freeze: the next start carries it to its end."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from banyan.clock import SystemClock
from banyan.domain.people import Accounts
from banyan.matrix import Api, MatrixError
from banyan.network import load_network
from banyan.services.freezing import Freezing
from banyan.services.ids import RandomIds
from banyan.store import SqlWork, open_store
from homeserver.admin import Admin
from tests.banyan.stores import sqlite_url
from tests.client.network import PASSPHRASE, Network
from tests.live.networks import part_of_example, write_home
from tests.waiting import until

pytestmark = pytest.mark.live

STEPS = ("freeze", "end_sessions", "new_password", "lock", "expel")
FAR = datetime(9999, 1, 1, tzinfo=UTC)
NOTHING_ENDS = "CREATE TRIGGER nothing_ends BEFORE UPDATE OF state ON outbox BEGIN SELECT RAISE(IGNORE); END"
"""From now on nothing can be written down as done."""


async def test_a_freeze_survives_kill_9_in_each_step(tmp_path, record_property):
    """Five freezes, each killed in another step; afterwards nobody has a session, a room or a way back."""
    home = tmp_path / "home"
    write_home(home, part_of_example(("KH",), "security_officer", "security"), server_name="killed.test")
    network = load_network(home / "network.yaml")
    async with aiohttp.ClientSession() as http:
        whole = Network(home, http)
        try:
            await whole.start()
            people = await asyncio.gather(*(_at_their_phone(whole) for _ in STEPS))
            frozen = {
                step: await _word(whole, network, user_id, step)
                for step, (user_id, _) in zip(STEPS, people, strict=True)
            }
            await until(lambda: all(_reached(whole.home, *each) for each in frozen.items()))
            _write(whole.home, NOTHING_ENDS)
            _write(whole.home, "UPDATE outbox SET not_before = queued WHERE not_before > '9998'")
            await until(lambda: all(_begun(whole.home, *each) for each in frozen.items()), every=0.001)
            await whole.kill()
            _write(whole.home, "DROP TRIGGER nothing_ends")
            left = {step: _left(whole.home, subject) for step, subject in frozen.items()}
            assert all(step in left[step] for step in STEPS)
            await whole.start()
            await until(lambda: not any(_left(whole.home, subject) for subject in frozen.values()))
            for user_id, token in people:
                await _nothing_is_left(whole, user_id, token)
        finally:
            await whole.stop()
    record_property("not written down as done when everything died", left)


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


async def _word(whole: Network, declared, user_id: str, step: str) -> str:
    """Say it from a process beside, as a command would; what follows is done by `banyan up`.

    It goes on up to that step only, which waits. Return the subject of all steps.
    """
    engine, clock = open_store(sqlite_url(whole.home)), SystemClock()
    accounts = Accounts(whole.run.server_name)
    try:
        async with SqlWork(engine, clock, RandomIds())() as tx:
            member = await tx.members.by_localpart(accounts.localpart(user_id))
            subject = await Freezing(clock, declared, accounts).freeze(tx, member, by="operator")
            for effect in await tx.outbox.of_subject(subject):
                if effect.kind == step:
                    await tx.outbox.retry(effect.id, FAR, "")
            return subject
    finally:
        await engine.dispose()


def _reached(home: Path, step: str, subject: str) -> bool:
    """Whether everything before that step is done."""
    return _left(home, subject)[:1] == [step]


def _begun(home: Path, step: str, subject: str) -> bool:
    query = "SELECT 1 FROM outbox WHERE subject = ? AND kind = ? AND attempts > 0"
    return bool(_rows(home, query, subject, step))


def _left(home: Path, subject: str) -> list[str]:
    query = "SELECT kind FROM outbox WHERE subject = ? AND state != 'done' ORDER BY seq"
    return [kind for (kind,) in _rows(home, query, subject)]


def _rows(home: Path, query: str, *values: str) -> list:
    with closing(sqlite3.connect(home / "banyan.db", timeout=30)) as books:
        return books.execute(query, values).fetchall()


def _write(home: Path, change: str) -> None:
    with closing(sqlite3.connect(home / "banyan.db", timeout=30)) as books, books:
        books.execute(change)


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
