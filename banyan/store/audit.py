"""What the audit, the reconciler and the partners' servers leave behind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject, Tally
from banyan.store.tables import audits, cuts, duties, identities, noted, repairs
from banyan.store.transactions import insert_new


class SqlAudits:
    """`ports.Audits`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, audit: Audit) -> None:
        """Keep an audit."""
        judgement = audit.judgement
        parts = {"open": judgement.findings, "waived": judgement.waived, "apart": judgement.separations}
        await self._connection.execute(
            audits.insert().values(
                id=audit.id,
                at=audit.at,
                cause=audit.cause,
                rooms=audit.rooms,
                members=audit.members,
                findings={part: [_plain(finding) for finding in found] for part, found in parts.items()},
                uncovered=list(audit.uncovered),
                notices=judgement.count(Severity.NOTICE),
                warnings=judgement.count(Severity.WARNING),
                breaches=judgement.count(Severity.BREACH),
            )
        )

    async def latest(self) -> Audit | None:
        """The last one."""
        query = select(audits).order_by(audits.c.at.desc()).limit(1)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _audit(row)

    async def tallies(self, since: datetime) -> Sequence[Tally]:
        """How many findings each audit since then had, oldest first."""
        of = audits.c
        query = select(of.at, of.notices, of.warnings, of.breaches).where(of.at >= since).order_by(of.at)
        return [Tally(*row) for row in await self._connection.execute(query)]

    async def forget(self, before: datetime) -> int:
        """Erase those from before that moment; how many."""
        return (await self._connection.execute(delete(audits).where(audits.c.at < before))).rowcount


class SqlIdentities:
    """`ports.Identities`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> Mapping[str, str]:
        """User id → the master key that was seen first."""
        query = select(identities.c.user_id, identities.c.master_key)
        return {row.user_id: row.master_key for row in await self._connection.execute(query)}

    async def pin(self, seen: Mapping[str, str], at: datetime) -> None:
        """Remember identities by user id; those that are known keep what was seen first."""
        rows = [{"user_id": user_id, "master_key": key, "since": at} for user_id, key in seen.items()]
        if rows:  # in one statement: the first audit of a large network must keep nobody waiting
            await insert_new(self._connection, identities, *rows)

    async def accept(self, user_id: str, master_key: str, at: datetime) -> None:
        """Somebody made sure that this is theirs now."""
        changed = update(identities).where(identities.c.user_id == user_id)
        await self._connection.execute(changed.values(master_key=master_key, since=at))


class SqlRepairs:
    """`ports.Repairs`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, room_id: str, things: Sequence[str], at: datetime) -> None:
        """Note that these were put right."""
        if things:
            rows = [{"room_id": room_id, "thing": thing, "at": at} for thing in things]
            await self._connection.execute(repairs.insert(), rows)

    async def count(self, room_id: str, since: datetime) -> Mapping[str, int]:
        """How often each thing was put right in that room since then."""
        of = repairs.c
        query = select(of.thing, func.count()).where(of.room_id == room_id, of.at >= since)
        return dict((await self._connection.execute(query.group_by(of.thing))).all())

    async def clear(self, room_id: str) -> None:
        """Begin to count anew."""
        await self._connection.execute(delete(repairs).where(repairs.c.room_id == room_id))

    async def forget(self, before: datetime) -> int:
        """Erase those from before that moment; how many."""
        return (await self._connection.execute(delete(repairs).where(repairs.c.at < before))).rowcount


class SqlDuties:
    """`ports.Duties`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def set(self, member_id: str, begins: int, ends: int) -> None:
        """When somebody may be woken: full hours of their own zone, the last one not among them."""
        await self._connection.execute(delete(duties).where(duties.c.member_id == member_id))
        row = {"member_id": member_id, "begins": begins, "ends": ends}
        await self._connection.execute(duties.insert().values(row))

    async def all(self) -> Mapping[str, tuple[int, int]]:
        """Member id → first hour and the hour after the last; who has said nothing is not there."""
        return {
            row.member_id: (row.begins, row.ends) for row in await self._connection.execute(select(duties))
        }


class SqlCuts:
    """`ports.Cuts`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, server: str, at: datetime) -> bool:
        """Cut a partner's server off. False when it was."""
        return await insert_new(self._connection, cuts, {"server": server, "at": at})

    async def remove(self, server: str) -> bool:
        """Speak with it again. False when it was not cut."""
        return (await self._connection.execute(delete(cuts).where(cuts.c.server == server))).rowcount > 0

    async def all(self) -> frozenset[str]:
        """Servers that are cut off."""
        return frozenset((await self._connection.execute(select(cuts.c.server))).scalars())


class SqlNoted:
    """`ports.Noted`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, key: str) -> str | None:
        """What was noted under that key."""
        query = select(noted.c.value).where(noted.c.key == key)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def set(self, key: str, value: str) -> None:
        """Note it; what stood there is replaced."""
        await self._connection.execute(delete(noted).where(noted.c.key == key))
        await self._connection.execute(noted.insert().values(key=key, value=value))


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": int(finding.severity),
        "about": finding.subject.about.value,
        "name": finding.subject.name,
        "values": dict(finding.values),
        "waived": finding.waived.isoformat() if finding.waived else None,
        "needs_keeper": finding.needs_keeper,
    }


def _finding(plain: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=plain["rule"],
        severity=Severity(plain["severity"]),
        subject=Subject(About(plain["about"]), plain["name"]),
        values=plain["values"],
        waived=datetime.fromisoformat(plain["waived"]) if plain["waived"] else None,
        needs_keeper=plain.get("needs_keeper", False),
    )


def _audit(row: Row[Any]) -> Audit:
    parts = {part: tuple(_finding(each) for each in found) for part, found in row.findings.items()}
    return Audit(
        id=row.id,
        at=row.at,
        cause=row.cause,
        judgement=Judgement(parts["open"], parts["waived"], parts["apart"]),
        rooms=row.rooms,
        members=row.members,
        uncovered=tuple(row.uncovered),
    )
