"""Only people somebody vouches for: no account without a member, no member without vetting."""

from collections.abc import Iterator
from datetime import timedelta

from banyan.domain.findings import About, Severity
from banyan.domain.people import MemberStatus
from banyan.i18n import N_
from policies.engine import Drift, Unknown, rule
from policies.facts import PersonFacts, ServerFacts, World
from policies.rules.reading import fingerprint, who

_GONE = (MemberStatus.FROZEN, MemberStatus.EXPIRED)


@rule(
    "account-unknown",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("The homeserver has an account that belongs to no member: {who}."),
    remedy=N_("Lock it with the admin API, then find out who made it: nobody here did."),
    waived_by=(),
)
def unknown_account(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Every account is a member's, an invited person's, or ours."""
    known = world.accounts.all | {person.user_id for person in world.people}
    for account in server.accounts:
        if account.user_id not in known and not account.deactivated:
            name = who(account.user_id, world.accounts)
            yield {"subject": name, "who": name}


@rule(
    "member-leaver",
    about=About.MEMBER,
    severity=Severity.BREACH,
    title=N_("Their access was ended, but they still have {devices} devices and are in {rooms} rooms."),
    remedy=N_("Freeze them again. If that does not help, lock the account with the admin API."),
    waived_by=("devices", "rooms", "exactly"),
)
def leaver(person: PersonFacts, _: World) -> Iterator[Drift]:
    """Who is frozen, or was never admitted, has neither a device nor a room."""
    account = person.account
    if person.member.status not in _GONE or account is None or account.deactivated:
        return
    if account.devices or person.rooms:
        exactly = fingerprint([*(each.mark for each in account.devices), *person.rooms])
        yield {"devices": len(account.devices), "rooms": len(person.rooms), "exactly": exactly}


def _days_overdue(person: PersonFacts, world: World) -> int:
    """Days by which somebody ought to have vouched for a member; 0 and less when there is time."""
    last = person.vetted or person.since
    if last is None:
        raise Unknown
    due = last + timedelta(days=world.network.limits.vetting_days)
    return -((due - world.now) // timedelta(days=1))


@rule(
    "vetting-overdue",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("Somebody had to vouch for them again {days} days ago, and nobody did."),
    remedy=N_("Ask somebody who has met them to vouch for them again, or end their access."),
)
def overdue(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Somebody vouches for each member again, in time."""
    if person.admitted and not person.unanswered and (days := _days_overdue(person, world)) > 0:
        yield {"days": days}


@rule(
    "vetting-silent",
    about=About.MEMBER,
    severity=Severity.BREACH,
    title=N_("Somebody had to vouch for them again {days} days ago, nobody did, and they do not answer."),
    remedy=N_("Nobody knows who holds that phone: call them, and freeze them if you do not reach them."),
)
def silent(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Whose vetting has run out answers the next question."""
    if person.admitted and person.unanswered and (days := _days_overdue(person, world)) > 0:
        yield {"days": days}
