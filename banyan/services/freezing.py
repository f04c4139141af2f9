"""The brake: one word ends all access of a member, and nothing here gives it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from banyan.domain.effects import Actor, EffectState, NewEffect
from banyan.domain.log import Action, about_member
from banyan.domain.people import Accounts, Member, MemberStatus
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.limits import Limit
from banyan.services.looking import set_powers
from banyan.services.ports import Clock, UnitOfWork

RECENT = timedelta(hours=72)
"""How far back somebody's newcomers are looked at: a link may have left the phone before the word came."""

INVITER_FROZEN = "inviter-frozen"
"""Reason code of a name that nobody has used: who asked for its invitation was frozen."""

UNDER_WAY = timedelta(minutes=1)
"""Longer than any registration lasts that had begun before its invitation was void."""

OVER = N_("This invitation has run out: nobody can come in with it. There is nothing to stop.")
ENOUGH = N_(
    "You have frozen {count} members within an hour, so I did nothing. Ask a colleague to do it, in case "
    "your own phone is in the wrong hands."
)


@dataclass(frozen=True)
class Step:
    """One step of a freeze, and how far it is."""

    name: str
    """`freeze` (let in nowhere any more), `end_sessions`, `new_password`, `lock` or `expel`."""
    word: datetime
    """When it was asked for."""
    done: datetime | None
    """When it was done; None while it is waited for, or when it can never be."""

    @property
    def seconds(self) -> float | None:
        """From the word until it was done."""
        return None if self.done is None else (self.done - self.word).total_seconds()


@dataclass(frozen=True)
class Newcomers:
    """Who comes in, or came, by invitations that one member asked for."""

    awaited: Sequence[Member]
    """Nobody has used these invitations yet: a freeze makes them void."""
    joined: Sequence[Member]
    """Admitted in the last 72 hours, and here. No freeze of another touches them."""


class Freezing:
    """Sessions ended, password unknown, account locked, out of every room, invitations void."""

    def __init__(self, clock: Clock, network: Network, accounts: Accounts) -> None:
        self._accounts = accounts
        self._network = network
        self._limit = Limit("freeze", network.limits.freezes_per_hour, timedelta(hours=1))
        self._clock = clock

    async def freeze(self, tx: UnitOfWork, member: Member, *, by: str, reason: str = "") -> str:
        """End all access of a member. Return the subject of the effects, for `times`; again: the same one.

        Invitations that they asked for and nobody has used are void too: the links were told on that phone.
        `by` is role and pseudonym, `reason` a code. Raise `Refusal` for an invitation that is over, and for
        who has frozen too many: one stolen phone must not freeze everybody.
        """
        if member.status is MemberStatus.EXPIRED:
            raise Refusal(OVER)
        if member.status is MemberStatus.FROZEN:
            subject = await self._once_more(tx, member, by)
        # another role is no other phone
        elif await self._limit.take(tx, by.rpartition(":")[2], self._clock.now()):
            subject = await self._end(tx, member, by, reason)
        else:
            raise Refusal(ENOUGH, count=self._limit.most)
        for invited in (await self.newcomers(tx, member)).awaited:
            await self._end(tx, invited, by, INVITER_FROZEN)
        return subject

    async def newcomers(self, tx: UnitOfWork, member: Member) -> Newcomers:
        """Whom that member asked to let in, of those who may still be looked at or stopped."""
        theirs, since = await tx.members.asked_for_by(member.id), self._clock.now() - RECENT
        return Newcomers(
            [each for each in theirs if each.status is MemberStatus.INVITED],
            [
                each
                for each in theirs
                if each.status is MemberStatus.ADMITTED and each.since is not None and each.since >= since
            ],
        )

    async def _end(self, tx: UnitOfWork, member: Member, by: str, reason: str) -> str:
        """Write down that it ends, and all that follows. Return the subject."""
        subject = _subject(member)
        await tx.members.set_status(member.id, MemberStatus.FROZEN)
        await tx.log.append(about_member(Action.MEMBER_FROZEN, by, member, reason=reason))
        user_id = self._accounts.member(member.localpart)
        shut = await tx.outbox.put(NewEffect(Actor.GATE, "freeze", {"user_id": user_id}, subject=subject))
        if member.status is MemberStatus.INVITED:
            await _end_account(tx, user_id, subject, after=shut)
            # Who was registering at that moment has an account only now, in no room.
            await _end_account(tx, user_id, not_before=self._clock.now() + UNDER_WAY)
        else:
            out = await _end_account(tx, user_id, subject)
            await set_powers(tx, self._network, member.placement, after=out)
        return subject

    async def _once_more(self, tx: UnitOfWork, member: Member, by: str) -> str:
        """End what somebody frozen has again, by a hand in the homeserver; nothing while it is under way.

        Return the subject of what is being done.
        """
        subject = _subject(member)
        steps = await tx.outbox.of_subject(subject)
        while steps and all(step.state is not EffectState.QUEUED for step in steps):
            subject = f"{_subject(member)}:{steps[-1].seq}"
            steps = await tx.outbox.of_subject(subject)
        if not steps:
            await tx.log.append(about_member(Action.MEMBER_FROZEN, by, member, reason="again"))
            await _end_account(tx, self._accounts.member(member.localpart), subject)
        return subject

    async def times(self, tx: UnitOfWork, subject: str) -> Sequence[Step]:
        """The steps of a freeze in their order, and how far each is."""
        return [
            Step(each.kind, each.queued, each.done if each.state is EffectState.DONE else None)
            for each in await tx.outbox.of_subject(subject)
        ]


def _subject(member: Member) -> str:
    return f"freeze:{member.id}"


async def _end_account(
    tx: UnitOfWork,
    user_id: str,
    subject: str | None = None,
    *,
    after: str | None = None,
    not_before: datetime | None = None,
) -> str | None:
    """One step after the other, whatever else waits for that member (so in no lane). Return the last's id.

    Sessions first: to a locked account's device the homeserver says that it may keep what it has. Out of the
    rooms last: it is slowest, and without a session nothing is read meanwhile.
    """
    for actor, kind in (
        (Actor.REGISTRAR, "end_sessions"),
        (Actor.REGISTRAR, "new_password"),
        (Actor.REGISTRAR, "lock"),
        (Actor.GATE, "expel"),
    ):
        payload = {"user_id": user_id, "room_ids": None} if kind == "expel" else {"user_id": user_id}
        after = await tx.outbox.put(
            NewEffect(actor, kind, payload, subject=subject, after=after, not_before=not_before)
        )
    return after
