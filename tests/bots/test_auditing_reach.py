"""Who is told of an audit where duties are cut in another way: auditors of one area, people beside them."""

import pytest

from banyan.domain.findings import Audit, Judgement
from banyan.domain.permissions import Permission
from tests.bots.test_auditing import DEVICES, GUESTS, LISTED, MEMBER, MISSING, asked, found, numbered
from tests.fakes import room_id

OFFICER, FOCAL, VETTER = "teal-otter", "lone-pine", "coral-swan"
SECURITY = room_id("staff:security")


@pytest.fixture
def network(network):
    """Focal points audit their own area; vetting officers sit in the security room and audit nothing."""
    roles = dict(network.roles)
    focal, vetting = roles["focal_point"], roles["vetting_officer"]
    roles["focal_point"] = focal.model_copy(update={"may": (*focal.may, Permission.AUDIT)})
    roles["vetting_officer"] = vetting.model_copy(update={"rooms": ("vetting", "security")})
    return network.model_copy(update={"roles": roles})


@pytest.fixture
async def told(stage):
    """Somebody of each duty and a member, after an audit of two areas and of the network."""
    for name, area, *roles in (
        (OFFICER, "TH", "security_officer"),
        (FOCAL, "KH", "focal_point"),
        (VETTER, "KH", "vetting_officer"),
        (MEMBER, "KH"),
    ):
        await stage.member(name, area, *roles)
    hearing = stage.hearing
    elsewhere = found("device-many", OFFICER, count=5, limit=3)
    findings = (GUESTS, LISTED, MISSING, DEVICES, elsewhere)
    audit = Audit("a", hearing.clock.now(), "daily", Judgement(findings), 60, 4)
    async with hearing.work() as tx:
        await hearing.services.reports.told(tx, audit)
        await tx.audits.add(audit)
    return stage


async def test_a_number_is_taken_of_those_who_audit_and_are_there(told):
    """Not of who is in the room without the duty, nor of who has the duty and is not in the room."""
    assert (await asked(told, OFFICER, SECURITY)).command == "finding"
    assert await asked(told, VETTER, SECURITY) is None
    assert await asked(told, FOCAL, SECURITY) is None


async def test_an_auditor_of_one_area_is_not_let_into_the_console(told, console, work):
    """Its pages show every area. Nor may they stay in there whose duty is made smaller."""
    (said,) = await told.say(FOCAL, "console")
    assert "not for you" in said
    assert not console.may_enter(await told.look(FOCAL))
    async with work() as tx:
        link = await console.link(tx, await told.look(FOCAL))
    assert await console.enter(link.rpartition("/")[2], "Element") is None
    assert console.may_enter(await told.look(OFFICER))


async def test_an_auditor_of_one_area_sees_that_area(told):
    """Its rooms and its members; nothing else is there for them, by number or by name."""
    (said,) = await told.say(FOCAL, "audit")
    assert len(numbered(said)) == 2
    assert "Juniper shade" in said
    assert MEMBER in said
    (said,) = await told.say(FOCAL, "2")
    assert MEMBER in said
    assert OFFICER not in said
    for typed in (
        "audit room talk:VN",
        f"audit member {OFFICER}",
        "finding room-listed",
        "finding room-missing",
    ):
        said = "\n".join(await told.say(FOCAL, typed))
        for hidden in ("public list", "does not exist", "5 devices; 3"):
            assert hidden not in said.replace(f"{MEMBER}: They have 5 devices; 3", ""), typed
