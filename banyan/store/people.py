"""Members and their invitations."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.people import TRANSITIONS, Invitation, Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.errors import IllegalMove, Taken
from banyan.services.ports import Clock
from banyan.store.tables import invitations, members, placements
from banyan.store.transactions import insert_new


class SqlMembers:
    """`ports.Members`."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, member: Member) -> None:
        """Raise `Taken` when the pseudonym exists."""
        new = await insert_new(
            self._connection,
            members,
            {
                "id": member.id,
                "localpart": member.localpart,
                "area": member.placement.area,
                "language": member.language,
                "status": member.status.value,
                "chat": member.chat,
                "welcomed": member.welcomed,
                "since": member.since,
                "vetted": member.vetted,
            },
        )
        if not new:
            raise Taken("This pseudonym is taken; draw another.")
        placement = member.placement
        for kind, codes in (
            ("theme", placement.themes),
            ("role", placement.roles),
            ("barred", placement.barred),
        ):
            for code in sorted(codes):
                await self._add(member.id, kind, code)

    async def get(self, member_id: str) -> Member | None:
        """The member with that id."""
        return await self._one(id=member_id)

    async def by_localpart(self, localpart: str) -> Member | None:
        """The member with that pseudonym."""
        return await self._one(localpart=localpart)

    async def by_chat(self, room_id: str) -> Member | None:
        """The member whose chat with the desk that is."""
        return await self._one(chat=room_id)

    async def all(self, *statuses: MemberStatus) -> Sequence[Member]:
        """Members with one of the statuses, or all of them, by pseudonym."""
        if not statuses:
            return await self._some()
        return await self._some(members.c.status.in_([status.value for status in statuses]))

    async def asked_for_by(self, member_id: str) -> Sequence[Member]:
        """Everybody whose invitation that member asked for, whatever became of it, by pseudonym."""
        theirs = select(invitations.c.member_id).where(invitations.c.asked_by == member_id)
        return await self._some(members.c.id.in_(theirs))

    async def with_roles(self) -> Sequence[Member]:
        """Admitted members who hold a role."""
        holders = select(placements.c.member_id).where(placements.c.kind == "role")
        here = members.c.status == MemberStatus.ADMITTED.value
        return await self._some(members.c.id.in_(holders), here)

    async def count_by_area(self) -> Mapping[str, int]:
        """Invited and admitted members per area."""
        there = (MemberStatus.INVITED.value, MemberStatus.ADMITTED.value)
        query = (
            select(members.c.area, func.count()).where(members.c.status.in_(there)).group_by(members.c.area)
        )
        return dict((await self._connection.execute(query)).all())

    async def set_status(self, member_id: str, status: MemberStatus) -> None:
        """Raise `IllegalMove` unless `TRANSITIONS` allows it."""
        before = [old.value for old, after in TRANSITIONS.items() if status in after]
        move = update(members).where(members.c.id == member_id, members.c.status.in_(before))
        values: dict[str, object] = {"status": status.value}
        if status is MemberStatus.ADMITTED:
            values["since"] = values["vetted"] = self._clock.now()
        result = await self._connection.execute(move.values(values))
        if result.rowcount != 1:
            raise IllegalMove(f"This member cannot become {status.value} from where they stand.")

    async def set_language(self, member_id: str, language: str) -> None:
        """Speak that language with the member from now on."""
        await self._set(member_id, language=language)

    async def set_chat(self, member_id: str, room_id: str) -> None:
        """The room id of the member's chat with the desk."""
        await self._set(member_id, chat=room_id)

    async def set_welcomed(self, member_id: str) -> None:
        """The first words to the member are on their way."""
        await self._set(member_id, welcomed=True)

    async def grant(self, member_id: str, role: str) -> None:
        """Add a role; nothing happens when the member has it."""
        await self._add(member_id, "role", role)

    async def revoke(self, member_id: str, role: str) -> None:
        """Take a role away; nothing happens when the member has it not."""
        await self._take(member_id, "role", role)

    async def add_theme(self, member_id: str, theme: str) -> None:
        """Add a theme; nothing happens when the member has it."""
        await self._add(member_id, "theme", theme)

    async def bar(self, member_id: str, key: RoomKey) -> None:
        """Keep the member out of one conversation."""
        await self._add(member_id, "barred", key)

    async def unbar(self, member_id: str, key: RoomKey) -> None:
        """Keep the member out of that conversation no longer."""
        await self._take(member_id, "barred", key)

    async def terms(self) -> Mapping[str, Mapping[str, datetime]]:
        """Member id → role → since when it is held."""
        held = select(placements.c.member_id, placements.c.code, placements.c.since)
        terms: dict[str, dict[str, datetime]] = {}
        for member_id, role, since in await self._connection.execute(held.where(placements.c.kind == "role")):
            terms.setdefault(member_id, {})[role] = since
        return terms

    async def _add(self, member_id: str, kind: str, code: str) -> None:
        row = {"member_id": member_id, "kind": kind, "code": code, "since": self._clock.now()}
        await insert_new(self._connection, placements, row)

    async def _take(self, member_id: str, kind: str, code: str) -> None:
        of = placements.c
        await self._connection.execute(
            delete(placements).where(of.member_id == member_id, of.kind == kind, of.code == code)
        )

    async def _set(self, member_id: str, **values: str | bool) -> None:
        await self._connection.execute(update(members).where(members.c.id == member_id).values(values))

    async def _some(self, *where: ColumnElement[bool]) -> Sequence[Member]:
        query = select(members).where(*where).order_by(members.c.localpart)
        rows = (await self._connection.execute(query)).all()
        codes = select(placements.c.member_id, placements.c.kind, placements.c.code).join(members)
        by_member: dict[str, list[tuple[str, str]]] = {}
        for member_id, kind, code in await self._connection.execute(codes.where(*where)):
            by_member.setdefault(member_id, []).append((kind, code))
        return [_member(row, by_member.get(row.id, [])) for row in rows]

    async def _one(self, **where: str) -> Member | None:
        query = select(members).filter_by(**where)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        codes = select(placements.c.kind, placements.c.code).where(placements.c.member_id == row.id)
        return _member(row, [(kind, code) for kind, code in await self._connection.execute(codes)])


class SqlInvitations:
    """`ports.Invitations`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, invitation: Invitation) -> None:
        """Remember a way in."""
        await self._connection.execute(
            invitations.insert().values(
                token_hash=invitation.token_hash,
                member_id=invitation.member_id,
                expires=invitation.expires,
                asked_by=invitation.asked_by,
            )
        )

    async def by_token_hash(self, token_hash: str) -> Invitation | None:
        """The invitation whose token has that hash."""
        query = select(invitations).where(invitations.c.token_hash == token_hash)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _invitation(row)

    async def of_invited(self) -> Sequence[Invitation]:
        """Every invitation of a member still invited, run out or not."""
        return [_invitation(row) for row in await self._connection.execute(self._pending())]

    async def due(self, now: datetime) -> Sequence[Invitation]:
        """Those that have run out and belong to members still invited."""
        query = self._pending().where(invitations.c.expires <= now)
        return [_invitation(row) for row in await self._connection.execute(query)]

    @staticmethod
    def _pending() -> Select[Any]:
        invited = members.c.status == MemberStatus.INVITED.value
        whose = invitations.join(members, members.c.id == invitations.c.member_id)
        return select(invitations).select_from(whose).where(invited).order_by(invitations.c.expires)


def _member(row: Row[Any], codes: Sequence[tuple[str, str]]) -> Member:
    return Member(
        id=row.id,
        localpart=row.localpart,
        placement=Placement(
            area=row.area,
            themes=frozenset(code for kind, code in codes if kind == "theme"),
            roles=frozenset(code for kind, code in codes if kind == "role"),
            barred=frozenset(code for kind, code in codes if kind == "barred"),
        ),
        language=row.language,
        status=MemberStatus(row.status),
        chat=row.chat,
        welcomed=row.welcomed,
        since=row.since,
        vetted=row.vetted,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        member_id=row.member_id, token_hash=row.token_hash, expires=row.expires, asked_by=row.asked_by
    )
