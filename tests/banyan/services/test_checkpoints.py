"""Checkpoints: signed when it is time, said once, and never over a log that is not what it was."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from banyan.domain.effects import Actor
from banyan.domain.log import GENESIS, SECURITY_DECISIONS, Action, NewEntry, entry_body, leaf_hash
from banyan.domain.notes import read_note
from banyan.notary import FileNotary
from banyan.services.checkpoints import AT_LATEST, SLICE, Checkpoints
from banyan.services.log import DecisionLog
from banyan.settings import Home
from banyan.store import tables

SIGNER, ROOT = Path(__file__).with_name("signer.py"), Path(__file__).parents[3]
ROUTINE, DECISION = Action.HOME_FOUNDED, Action.MEMBER_FROZEN


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def notary(home):
    return FileNotary(home, "banyan.test")


@pytest.fixture
def checkpoints(work, clock, notary, rooms):
    return Checkpoints(work, clock, notary)


@pytest.fixture
def write(work):
    async def write(*actions):
        async with work() as tx:
            for action in actions:
                await tx.log.append(NewEntry(action, "operator", "thing"))

    return write


async def kept(work):
    async with work.reading() as tx:
        return [each.size for each in await tx.checkpoints.all()]


def test_what_nobody_thought_about_is_a_security_decision():
    """Routine is listed; a freeze, a role, an approval and every new action are signed at once."""
    assert {Action.MEMBER_FROZEN, Action.ROLE_GRANTED, Action.APPROVED} <= SECURITY_DECISIONS
    assert Action.MEMBER_ADMITTED not in SECURITY_DECISIONS


async def test_decisions_are_signed_at_once_and_routine_within_the_hour(checkpoints, work, clock, write):
    """Nothing is signed over an empty log, nor again when nothing is new."""
    assert await checkpoints.tend() is None
    await write(ROUTINE)
    assert (await checkpoints.tend()).size == 1
    await write(ROUTINE)
    assert await checkpoints.tend() is None
    await write(DECISION, ROUTINE)
    assert (await checkpoints.tend()).size == 4
    await write(ROUTINE)
    clock.forward(seconds=AT_LATEST.total_seconds() - 1)
    assert await checkpoints.tend() is None
    clock.forward(seconds=1)
    assert (await checkpoints.tend()).size == 5
    clock.forward(hours=5)
    assert await checkpoints.tend() is None
    assert await kept(work) == [1, 4, 5]


async def test_a_decision_before_a_restart_is_signed_after_it(checkpoints, work, clock, notary, write):
    """What was decided is read from the log, not remembered."""
    await write(ROUTINE)
    await checkpoints.tend()
    await write(DECISION)
    assert (await Checkpoints(work, clock, notary).tend()).size == 2


async def test_the_security_room_is_told_once(checkpoints, work, clock, notary, write, effects):
    """The note itself, in the same unit of work as it is kept: another process signs it no second time."""
    await write(*[DECISION] * (SLICE + 1))
    first = await checkpoints.tend()
    assert await Checkpoints(work, clock, notary).tend() is None
    ((kind, payload),) = await effects(Actor.STEWARD)
    assert (kind, payload["note"], payload["size"]) == ("checkpoint", first.note, SLICE + 1)
    assert read_note(first.note).doubt([notary.key]) is None
    assert (await DecisionLog(work).book()).examine([notary.key]).proven == (read_note(first.note).head,)


async def test_it_is_kept_and_told_or_neither(checkpoints, work, clock, notary, write, effects, monkeypatch):
    """Killed while signing: afterwards it is signed once, with the same bytes."""
    await write(DECISION)

    async def killed(*_args, **_options):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("banyan.services.checkpoints.tell_security", killed)
        with pytest.raises(ConnectionError):
            await checkpoints.tend()
    assert await kept(work) == []
    assert (await checkpoints.tend()).size == 1
    assert len(await effects(Actor.STEWARD)) == 1


async def unguarded(tx):
    for verb in ("update", "delete"):
        await tx.log._connection.execute(text(f"DROP TRIGGER IF EXISTS log_no_{verb}"))


async def rebuild(tx, *actions):
    """The whole log anew, every hash right."""
    await unguarded(tx)
    rows = await tx.log.all()
    await tx.log._connection.execute(delete(tables.openings))
    await tx.log._connection.execute(delete(tables.log))
    prev = GENESIS
    for seq, action in enumerate(actions, 1):
        at = rows[0].at + timedelta(seconds=seq)
        body = entry_body(NewEntry(action, "operator", "other"), seq=seq, at=at, prev=prev)
        prev = leaf_hash(body)
        await tx.log._connection.execute(tables.log.insert().values(seq=seq, at=at, body=body, hash=prev))


async def flip(tx):
    await unguarded(tx)
    await tx.log._connection.execute(text("UPDATE log SET hash = replace(hash, 'a', 'b') WHERE seq = 2"))


async def rewrite(tx):
    await rebuild(tx, *[DECISION] * 4)


async def shorten(tx):
    await rebuild(tx, DECISION)


async def rewrite_and_forget(tx):
    await rebuild(tx, *[DECISION] * 4)
    await tx.log._connection.execute(delete(tables.checkpoints))


async def spoil(tx):
    await unguarded(tx)
    await tx.log._connection.execute(text("UPDATE log SET at = 'never' WHERE seq = 2"))


@pytest.mark.parametrize("attack", [flip, rewrite, shorten, rewrite_and_forget, spoil])
async def test_a_changed_log_is_not_signed(checkpoints, work, clock, write, effects, attack):
    """Within the hour staff are told, once; then it signs no more, whatever else is decided."""
    await write(*[DECISION] * 3)
    await checkpoints.tend()
    async with work() as tx:
        await attack(tx)
        signed = len(await tx.checkpoints.all())
    clock.forward(seconds=AT_LATEST.total_seconds())
    for _ in range(6):
        await write(DECISION)
        assert await checkpoints.tend() is None
    assert len(await kept(work)) == signed
    told = [payload["reason"] for kind, payload in await effects(Actor.STEWARD) if kind == "warn"]
    assert told == ["log-changed"]


async def test_the_key_is_made_once_and_only_the_owner_reads_it(home, notary):
    """Another start signs with the same key; a lost one gets a successor, and the old stays known."""
    secret, public = home.secret("log.key"), home.path / "log.pub"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert public.read_text() == f"{notary.key}\n"
    assert secret.read_text().strip() not in public.read_text()
    assert FileNotary(home, "banyan.test").key == notary.key
    secret.unlink()
    later = FileNotary(home, "banyan.test").key
    assert later != notary.key
    assert public.read_text() == f"{notary.key}\n{later}\n"


async def test_kill_9_loses_no_checkpoint_and_says_none_twice(
    work, clock, home, notary, rooms, effects, tmp_path
):
    """Killed in the middle, three times: each one kept was handed out exactly once, and the log goes on."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'banyan.db'}"
    answered = []
    for lines in (7, 3, 11):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, SIGNER, url, str(home.path)),
            cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            answered += [int(await child.stdout.readline()) for _ in range(lines)]
            child.kill()
            await child.communicate()
    clock.time = datetime.now(UTC)
    await Checkpoints(work, clock, notary).tend()
    sizes = await kept(work)
    assert set(answered) <= set(sizes)
    assert [payload["size"] for _, payload in await effects(Actor.STEWARD)] == sizes
    verdict = (await DecisionLog(work).book()).examine([notary.key])
    assert verdict.sound
    assert [head.size for head in verdict.proven] == sizes
    assert sizes[-1] == verdict.entries
