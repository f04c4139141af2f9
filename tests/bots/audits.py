"""An audit of a small network, as its security staff come to hear of it."""

from banyan.domain.effects import Actor
from banyan.domain.findings import Finding, Subject
from banyan.services.audit import WANTED
from policies.rules import RULES
from tests.bots.stage import Person
from tests.fakes import room_id

OFFICER, COLLEAGUE, VETTER, MEMBER = "teal-otter", "jade-finch", "coral-swan", "amber-heron"
CAST = (
    Person(OFFICER, "KH", ("security_officer",)),
    Person(COLLEAGUE, "TH", ("security_officer",)),
    Person(VETTER, "KH", ("vetting_officer",)),
    Person(MEMBER, "KH"),
)
SECURITY, VETTING = room_id("staff:security"), room_id("staff:vetting")
BY_ID = {rule.id: rule for rule in RULES}


def found(rule, name, **values):
    """A finding of a real rule."""
    each = BY_ID[rule]
    return Finding(rule, each.severity, Subject(each.about, name), values)


GUESTS = found("room-guests", "talk:KH")
LISTED = found("room-listed", "talk:VN")
MISSING = found("room-missing", "theme:climate")
DEVICES = found("device-many", MEMBER, count=5, limit=3)
ABSENT = found("room-absent", "talk:KH", count=2)
ADMIN = found("server-admin", "homeserver", who="somebody")
SIZE = found("room-size", "talk:LA", count=130, limit=120)
MANY = (ABSENT, SIZE, DEVICES, MISSING, GUESTS, LISTED, ADMIN)


async def asked(stage, name, room):
    """What somebody is being asked there."""
    async with stage.hearing.work.reading() as tx:
        return await tx.conversations.get(room, (await stage.look(name)).id)


async def looks(stage):
    """Rooms that the warden was told to look at."""
    return [payload["room_id"] for kind, payload in await stage.effects(Actor.WARDEN) if kind == "look"]


async def wanted(stage):
    async with stage.hearing.work.reading() as tx:
        return await tx.noted.get(WANTED)


def numbered(said):
    """The lines that begin with a number."""
    return [line for line in said.splitlines() if line[:1].isdigit()]
