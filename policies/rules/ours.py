"""Our own accounts: there, with no more power, devices or rooms than each needs."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.domain.sight import SeenDevice
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import OurFacts, Place, World
from policies.rules.reading import fingerprint, listed


@rule(
    "account-away",
    about=About.ACCOUNT,
    severity=Severity.WARNING,
    title=N_("This account of ours does not exist, or is locked."),
    remedy=N_("Run `banyan up` anew. Until then nobody does this account's work."),
)
def away(ours: OurFacts, _: World) -> Iterator[Drift]:
    """Every account of ours works."""
    account = ours.account
    if account is None or account.locked or account.deactivated:
        yield {}


@rule(
    "account-powerless",
    about=About.ACCOUNT,
    severity=Severity.WARNING,
    title=N_("The registrar does not administer the homeserver: nobody can be invited or frozen."),
    remedy=N_("Run `banyan up` anew, and find out who took its power."),
)
def powerless(ours: OurFacts, world: World) -> Iterator[Drift]:
    """The registrar is an administrator. That nobody else is, `server-admin` asks."""
    if ours.user_id == world.accounts.registrar and ours.account and not ours.account.admin:
        yield {}


@rule(
    "account-device",
    about=About.ACCOUNT,
    severity=Severity.BREACH,
    title=N_("This account of ours has {count} devices that it ought not to have."),
    remedy=N_(
        "Somebody may be using its key: make a new one, remove the devices, and say nothing through it."
    ),
    waived_by=("devices",),
)
def device(ours: OurFacts, _: World) -> Iterator[Drift]:
    """A speaker has its one device. The others have none that encrypts, so no app sends them a key."""
    if marks := [device.mark for device in _devices(ours) if _is_strange(ours, device)]:
        yield {"count": len(marks), "devices": fingerprint(marks)}


def _is_strange(ours: OurFacts, device: SeenDevice) -> bool:
    own = {ours.device_id, *ours.retired}
    return device.encrypts if ours.device_id is None else device.device_id not in own


@rule(
    "account-device-unsigned",
    about=About.ACCOUNT,
    severity=Severity.WARNING,
    title=N_("The one device of this account of ours is gone, or not confirmed."),
    remedy=N_("Run `banyan up` anew. Until then apps may show its messages as untrusted, or not at all."),
)
def device_unsigned(ours: OurFacts, _: World) -> Iterator[Drift]:
    """A speaker's device is there and signed with the account's own keys."""
    if ours.account is None or ours.device_id is None:
        return
    if not any(
        device.device_id == ours.device_id and device.signed and device.encrypts for device in _devices(ours)
    ):
        yield {}


def _devices(ours: OurFacts) -> tuple[SeenDevice, ...]:
    return tuple(ours.account.devices) if ours.account else ()


@rule(
    "account-identity",
    about=About.ACCOUNT,
    severity=Severity.BREACH,
    title=N_("The keys of this account of ours are not those it was given at the first start."),
    remedy=N_("Somebody else may speak as this account: tell staff by another way, and stop it."),
    waived_by=("key",),
)
def identity(ours: OurFacts, _: World) -> Iterator[Drift]:
    """Each account keeps the identity that was published for it. One taken away counts as changed."""
    if ours.account and ours.master_key is not None and ours.account.master_key != ours.master_key:
        yield {"key": ours.account.master_key or ""}


@rule(
    "account-astray",
    about=About.ACCOUNT,
    severity=Severity.BREACH,
    title=N_("This account of ours is in rooms where it does not belong: {rooms}."),
    remedy=N_("Find out who put it there, and have it leave."),
    waived_by=("rooms", "exactly"),
)
def astray(ours: OurFacts, world: World) -> Iterator[Drift]:
    """It is in its own rooms and nowhere else. Rooms where `room-bot` tells it are left out."""
    told = {room.room_id for room in world.rooms if room.place is not Place.STRAY}
    elsewhere = ours.rooms - ours.expected - told
    if elsewhere and not ours.anywhere:
        names = listed(world.names.get(room, room) for room in elsewhere)
        yield {"rooms": names, "exactly": fingerprint(elsewhere)}
