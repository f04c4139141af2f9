"""Members: invited, admitted, given roles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, about_member
from banyan.domain.people import Accounts, Invitation, Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKind
from banyan.errors import BanyanError, NotFound, Taken, TokenSpent, WeakPassphrase
from banyan.network import LANGUAGES, Network
from banyan.services.access import join, let_in
from banyan.services.looking import set_powers
from banyan.services.ports import Clock, Ids, Registration, UnitOfWork, Work
from policies.placement import area_with_place, rooms_of

DRAWS = 200
"""How often a pseudonym is drawn before we say that none is free."""

GRACE = timedelta(hours=1)
"""How long an invitation outlives its token: the last one to register may not be heard of yet."""

SHORTEST = 14
"""Characters of a passphrase."""

SPENT = "The invitation was used or has run out. Ask whoever sent it to you for a new one."

logger = structlog.get_logger()


class NamesFull(BanyanError):
    """No pseudonym is free."""

    code = "names-full"


@dataclass(frozen=True)
class Invited:
    """A way in, told once."""

    user_id: str
    token: str
    expires: datetime
    ready: str
    """Id of the effect after which the token works."""


@dataclass(frozen=True)
class Look:
    """What the holder of a token may know before they register."""

    localpart: str
    language: str
    expires: datetime


@dataclass(frozen=True)
class Join:
    """Somebody joined a room, as the homeserver told."""

    user_id: str
    room_id: str


def token_hash(token: str) -> str:
    """Hex SHA-256: the only form in which a token is kept."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()  # whatever a URL can hold


def invitation_subject(token: str) -> str:
    """What the effects of one invitation belong to: the link works once all of them are done."""
    return f"invitation:{token_hash(token)}"


class Members:
    """Who is let in, and where."""

    def __init__(
        self,
        work: Work,
        clock: Clock,
        ids: Ids,
        *,
        network: Network,
        accounts: Accounts,
        registration: Registration,
    ) -> None:
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._accounts = accounts
        self._registration = registration

    async def invite(
        self,
        country: str,
        themes: Iterable[str] = (),
        roles: Iterable[str] = (),
        language: str | None = None,
        *,
        by: str = "operator",
    ) -> Invited:
        """Make a pseudonym and a single-use token.

        `country` is a code of the network, or the key of one cell. Raise `NotFound` for a place, theme, role
        or language that the network does not have, `CellsFull` and `NamesFull` when there is no place left.
        """
        async with self._work() as tx:
            return await self.write_invitation(tx, country, themes, roles, language=language, by=by)

    async def write_invitation(
        self,
        tx: UnitOfWork,
        country: str,
        themes: Iterable[str] = (),
        roles: Iterable[str] = (),
        *,
        language: str | None = None,
        by: str,
        asked_by: str | None = None,
    ) -> Invited:
        """`invite`, as part of a decision under way.

        `asked_by` is the id of the member who asked and gets the link: their freeze makes it void.
        """
        if language is not None and language not in LANGUAGES:
            raise NotFound(f"We do not speak {language!r}: choose one of {', '.join(LANGUAGES)}.")
        area = area_with_place(self._network, country, await tx.members.count_by_area())
        placement = Placement(area.key, frozenset(themes), frozenset(roles))
        keys = rooms_of(self._network, placement)
        member = await self._draw(tx, placement, language or area.language)
        token = self._ids.token()
        expires = self._clock.now() + timedelta(hours=self._network.limits.invitation_hours)
        await tx.invitations.add(Invitation(member.id, token_hash(token), expires, asked_by))
        codes = {"area": area.key, "themes": _listed(themes), "roles": _listed(roles)}
        await tx.log.append(about_member(Action.MEMBER_INVITED, by, member, details=codes))
        user_id, until = self._accounts.member(member.localpart), expires.isoformat()
        stands_for = {"localpart": member.localpart, "token_hash": token_hash(token), "expires": until}
        subject = invitation_subject(token)
        named = NewEffect(Actor.GATE, "invite", stands_for, lane=user_id, subject=subject)
        told = {"token": token, "expires": until}
        works = NewEffect(
            Actor.REGISTRAR,
            "registration_token",
            told,
            subject=subject,
            secret=True,
            after=await tx.outbox.put(named),
        )
        ready = await tx.outbox.put(works)
        await let_in(tx, user_id, keys)
        return Invited(user_id, token, expires, ready)

    async def look(self, token: str) -> Look:
        """What the join page shows. Raise `TokenSpent` for an unknown, used or expired token alike."""
        async with self._work.reading() as tx:
            return await self._look(tx, token)

    async def register(self, token: str, passphrase: str, language: str) -> str:
        """Make the account and return its user id. The passphrase is passed on and kept nowhere.

        Raise `TokenSpent`, `WeakPassphrase` or `HomeserverDown`; the token is spent only when it worked.
        """
        if len(passphrase) < SHORTEST:
            raise WeakPassphrase(f"Choose a passphrase of at least {SHORTEST} characters.")
        async with self._work() as tx:
            invited = await self._look(tx, token)
            member = await tx.members.by_localpart(invited.localpart)
            # Before the account exists: the first join may be heard, and the chat opened, while we wait.
            if member is not None and language in LANGUAGES:
                await tx.members.set_language(member.id, language)
        await self._registration.register(invited.localpart, passphrase, token)
        user_id = self._accounts.member(invited.localpart)
        await self.arrived(user_id)
        return user_id

    async def arrived(self, user_id: str) -> bool:
        """The account exists: admit the member. False when that was known, or it is nobody's we invited."""
        async with self._work() as tx:
            return await self._admit(tx, user_id)

    async def joined(self, tx: UnitOfWork, joins: Sequence[Join]) -> None:
        """Admit whoever joined the space of their area."""
        for joined in joins:
            room = await tx.rooms.by_id(joined.room_id)
            localpart = self._accounts.localpart(joined.user_id)
            member = await tx.members.by_localpart(localpart) if localpart else None
            if room and member and room.kind is RoomKind.SPACE and room.area == member.placement.area:
                await self._admit(tx, joined.user_id)

    async def awaited(self) -> Sequence[str]:
        """User ids of those invited: at start-up, whose account exists has arrived while nobody listened."""
        return [self._accounts.member(m.localpart) for m in await self.list(MemberStatus.INVITED)]

    async def expire_due(self) -> int:
        """End invitations that ran out; how many."""
        async with self._work() as tx:
            due = await tx.invitations.due(self._clock.now() - GRACE)
            for invitation in due:
                member = await tx.members.get(invitation.member_id)
                if member is None:
                    continue
                user_id = self._accounts.member(member.localpart)
                await tx.members.set_status(member.id, MemberStatus.EXPIRED)
                await tx.log.append(about_member(Action.INVITATION_EXPIRED, "service:schedule", member))
                await self._forget_token(tx, user_id, invitation.token_hash)
                nowhere = {"user_id": user_id, "room_ids": None}
                await tx.outbox.put(NewEffect(Actor.GATE, "withdraw", nowhere, lane=user_id))
        return len(due)

    async def list(self, *statuses: MemberStatus) -> Sequence[Member]:
        """Members with one of the statuses, or all, by pseudonym."""
        async with self._work.reading() as tx:
            return await tx.members.all(*statuses)

    async def _look(self, tx: UnitOfWork, token: str) -> Look:
        invitation = await tx.invitations.by_token_hash(token_hash(token))
        member = await tx.members.get(invitation.member_id) if invitation else None
        if invitation is None or member is None:
            raise TokenSpent(SPENT)
        if member.status is not MemberStatus.INVITED or invitation.expires <= self._clock.now():
            raise TokenSpent(SPENT)
        return Look(member.localpart, member.language, invitation.expires)

    async def _draw(self, tx: UnitOfWork, placement: Placement, language: str) -> Member:
        for _ in range(DRAWS):
            member = Member(self._ids.opaque(), self._ids.pseudonym(), placement, language)
            try:
                await tx.members.add(member)
            except Taken:
                continue
            return member
        raise NamesFull("No pseudonym is free. Add words to banyan/services/pseudonyms.py.")

    async def _admit(self, tx: UnitOfWork, user_id: str) -> bool:
        localpart = self._accounts.localpart(user_id)
        member = await tx.members.by_localpart(localpart) if localpart else None
        if member is None or member.status is MemberStatus.ADMITTED:
            return False
        if member.status is not MemberStatus.INVITED:
            logger.warning("arrived-after-expiry", member=member.id)
            return False
        await tx.members.set_status(member.id, MemberStatus.ADMITTED)
        await tx.log.append(about_member(Action.MEMBER_ADMITTED, "service:gate", member))
        chat = {"member_id": member.id, "user_id": user_id}
        once = f"open-chat:{member.id}"
        await tx.outbox.put(NewEffect(Actor.DESK, "open_chat", chat, lane=user_id, dedupe=once))
        await join(tx, user_id)
        await set_powers(tx, self._network, member.placement)
        return True

    async def _forget_token(self, tx: UnitOfWork, user_id: str, digest: str) -> None:
        payload = {"token_hash": digest}
        await tx.outbox.put(NewEffect(Actor.GATE, "forget_token", payload, lane=user_id))


def _listed(codes: Iterable[str]) -> str:
    return ",".join(sorted(codes))
