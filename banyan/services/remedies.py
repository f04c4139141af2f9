"""What our own accounts can do about a finding, once somebody of the security staff says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from banyan.domain.findings import About, Finding
from banyan.domain.log import Action, NewEntry, about_member
from banyan.domain.people import Accounts, Member
from banyan.domain.rooms import Room, RoomKey
from banyan.services.looking import look
from banyan.services.ports import UnitOfWork
from banyan.services.reconciling import thaw
from policies.rules import BY_ID


class Deed(StrEnum):
    """What can be done."""

    RESTORE = "restore"
    """The warden sets rooms as they ought to be."""
    THAW = "thaw"
    """People may speak in a frozen room again."""
    ACCEPT = "accept"
    """The keys that a member has now are theirs: somebody heard their voice."""


@dataclass(frozen=True)
class Remedy:
    """One thing that can be done about some findings."""

    deed: Deed
    rooms: tuple[Room, ...] = ()
    member: Member | None = None
    master_key: str = ""
    """What was seen by the audit: what has come since then is not accepted."""


class Remedies:
    """Finds what can be done, and has it done."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def find(self, tx: UnitOfWork, findings: Sequence[Finding], *, by: Member) -> Remedy | None:
        """What can be done about findings of one rule; None where it is for people. `by` asks for it.

        What has to be decided case by case is there for a single finding only. Findings call a declared room
        by its key; in any other the warden does nothing.
        """
        match findings:
            case [Finding(rule="room-frozen", subject=subject)]:
                room = await tx.rooms.get(RoomKey(subject.name))
                return Remedy(Deed.THAW, (room,)) if room and room.frozen else None
            case [Finding(rule="member-identity", subject=subject, values={"key": str(seen)})] if seen:
                member = await tx.members.by_localpart(subject.name)
                mine = member is None or member.id == by.id  # nobody vouches for themselves
                return None if mine else Remedy(Deed.ACCEPT, member=member, master_key=seen)
        rooms = await _restorable(tx, findings)
        return Remedy(Deed.RESTORE, rooms) if rooms else None

    async def carry_out(self, tx: UnitOfWork, remedy: Remedy, *, by: str) -> None:
        """Do it; `by` is role and pseudonym."""
        for room in remedy.rooms:
            if remedy.deed is Deed.THAW:
                await thaw(tx, room.key, by=by)
            else:
                await tx.log.append(NewEntry(Action.ROOM_CHANGED, by, room.key, reason="repair-asked"))
                await look(tx, room.room_id)
        if remedy.member is not None:
            entry = about_member(Action.IDENTITY_ACCEPTED, by, remedy.member)
            at = (await tx.log.append(entry)).at
            user_id = self._accounts.member(remedy.member.localpart)
            await tx.identities.accept(user_id, remedy.master_key, at)


async def _restorable(tx: UnitOfWork, findings: Iterable[Finding]) -> tuple[Room, ...]:
    """Rooms of ours that the warden can put right.

    In a frozen one it does by itself what it does, and leaves what was fought over until the room is thawed.
    """
    found: dict[RoomKey, Room] = {}
    for finding in findings:
        rule, subject = BY_ID.get(finding.rule), finding.subject
        if rule is not None and rule.repaired and not finding.needs_keeper and subject.about is About.ROOM:
            room = await tx.rooms.get(RoomKey(subject.name))
            if room is not None and not room.frozen:
                found[room.key] = room
    return tuple(found.values())
