"""What our books say that an audit needs, read in one view."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from banyan.domain.checkins import closes
from banyan.domain.people import Member, MemberStatus
from banyan.domain.rooms import Room
from banyan.domain.sight import SeenToken
from banyan.services.ports import UnitOfWork


@dataclass(frozen=True)
class Books:
    """Our side of an audit."""

    rooms: Sequence[Room] = ()
    members: Sequence[Member] = ()
    """All but those whose invitation ran out; the frozen ones too, for they must be nowhere."""
    terms: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    """Member id → role → since when it is held."""
    unanswered: Mapping[str, int] = field(default_factory=dict)
    """Pseudonym → roll calls in a row, the latest included, without an answer while it was open."""
    tokens: frozenset[str] = frozenset()
    """Hex SHA-256 of the registration tokens that we gave out and nobody has used."""
    spent: frozenset[str] = frozenset()
    """Of those that stand for nobody any more: the gate lets no second person in by them."""
    identities: Mapping[str, str] = field(default_factory=dict)
    """User id → the master key that was seen first."""
    cuts: frozenset[str] = frozenset()
    """Partner servers that are cut off."""
    duties: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Member id → when they may be woken."""


async def read_books(tx: UnitOfWork, now: datetime, tokens: Iterable[SeenToken] = ()) -> Books:
    """Read all of it, and what we know of the tokens that were seen."""
    open_ = frozenset(each.token_hash for each in await tx.invitations.of_invited())
    there = [status for status in MemberStatus if status is not MemberStatus.EXPIRED]
    return Books(
        rooms=await tx.rooms.all(),
        members=await tx.members.all(*there),
        terms=await tx.members.terms(),
        unanswered=await _unanswered(tx, now),
        tokens=open_,
        spent=frozenset([each.digest for each in tokens if await _spent(tx, each, now, open_)]),
        identities=await tx.identities.all(),
        cuts=await tx.cuts.all(),
        duties=await tx.duties.all(),
    )


async def _spent(tx: UnitOfWork, token: SeenToken, now: datetime, open_: frozenset[str]) -> bool:
    """Whether it is one of ours that somebody has used. What has run out needs no look: Synapse keeps it."""
    if token.digest in open_ or (token.expires is not None and token.expires <= now):
        return False
    return await tx.invitations.by_token_hash(token.digest) is not None


async def _unanswered(tx: UnitOfWork, now: datetime) -> Mapping[str, int]:
    """Count backwards from the latest roll call that is over, until each has given an answer."""
    silent: Counter[str] = Counter()
    answered: set[str] = set()
    for alert_id in await tx.checkins.called():
        alert = await tx.alerts.get(alert_id)
        if alert is None or closes(alert) > now:
            continue
        for line in await tx.checkins.answers(alert_id):
            if line.answer is not None:
                answered.add(line.localpart)
            elif line.localpart not in answered:
                silent[line.localpart] += 1
    return silent
