"""Whether an alert could be approved at every hour: who of those who may approve can be woken when."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from banyan.domain.findings import Audit
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.network import Network
from policies.permissions import holds

NEEDED: Final = 2
"""An alert needs two."""

AWAKE: Final = (7, 22)
"""When somebody can be reached who has said nothing: full hours of their zone, the last not among them."""

AHEAD: Final = 24
_QUARTER: Final = timedelta(minutes=15)
"""All zones differ from UTC by whole quarters of an hour: Kathmandu by 5:45."""


def uncovered(
    network: Network,
    members: Iterable[Member],
    duties: Mapping[str, tuple[int, int]],
    now: datetime,
) -> tuple[int, ...]:
    """Which of the next 24 hours have a moment with fewer than two approvers who can be reached.

    Counted from the full hour of `now`, which is 0. `duties` are hours by member id.
    """
    begins = now.replace(minute=0, second=0, microsecond=0)
    people = [
        (ZoneInfo(network.zone_of(member.placement.area)), duties.get(member.id, AWAKE))
        for member in members
        if member.status is MemberStatus.ADMITTED and holds(network, member.placement, Permission.APPROVE)
    ]

    def covered(moment: datetime) -> bool:
        return sum(_within(hours, moment.astimezone(zone).hour) for zone, hours in people) >= NEEDED

    hours = range(AHEAD)
    return tuple(n for n in hours if not all(map(covered, _quarters(begins + timedelta(hours=n)))))


def _quarters(begins: datetime) -> Iterator[datetime]:
    return (begins + n * _QUARTER for n in range(4))


def _within(hours: tuple[int, int], hour: int) -> bool:
    """Whether an hour of the day lies in duty hours, which may go over midnight; equal ends are no hours."""
    first, last = hours
    return first <= hour < last if first <= last else hour >= first or hour < last


def spans(audit: Audit) -> list[tuple[datetime, datetime]]:
    """The uncovered hours of an audit as times from and to, those that touch in one."""
    begins = audit.at.replace(minute=0, second=0, microsecond=0)
    found: list[tuple[datetime, datetime]] = []
    for hour in sorted(audit.uncovered):
        first = begins + timedelta(hours=hour)
        if found and found[-1][1] == first:
            first = found.pop()[0]
        found.append((first, begins + timedelta(hours=hour + 1)))
    return found
