"""The page of an audit: all that was found, under names that say nothing, and nothing from elsewhere."""

import re
from dataclasses import replace

import pytest

from banyan.domain.findings import Judgement, Severity
from banyan.domain.rooms import RoomKind
from banyan.i18n import SOURCE
from banyan.services.wording import said
from banyan.web.grid import MOST, SHOWN, members_by_rules, rooms_by_rules
from banyan.web.report import report
from policies.rooms import declared_rooms
from policies.rules import GONE_TITLE
from tests.audit_samples import BAD, FINDINGS, GOOD, WAIVED, finding


def worded(found):
    return said(found, SOURCE)


def test_every_finding_is_on_the_page(network):
    """With its remedy; what is waived and what a small team lives with stand apart, with their end."""
    page = report(BAD, network)
    words = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))
    for each in (*FINDINGS, *WAIVED):
        assert each.rule in words
    assert "quick-otter is in this room, or asked in, and does not belong there." in words
    assert "Lived with until 2026-12-01 19:00." in words
    assert words.index("What was found") < words.index("What so small a team") < words.index("Waived in")
    assert "All rules are kept." not in words
    assert "All rules are kept." in report(GOOD, network)


def test_rooms_stand_under_their_code_names(network):
    """No key says on a seized phone which room is for what; not in sentences either."""
    page = report(BAD, network)
    keys = {str(room.key) for room in declared_rooms(network)}
    assert {key for key in keys if key in page} == set()
    assert not re.search(rf"\b({'|'.join(RoomKind)}):[a-zA-Z]", page.partition("</style>")[2])
    assert "Plover" in page
    assert "Larch path, Larch shade" in page or "Larch shade, Larch path" in page


def test_the_page_fetches_nothing_and_runs_nothing(network):
    """It may be opened anywhere, by anybody's browser."""
    page = report(BAD, network)
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<img|<link|<iframe|https?:|url\(|@import| on[a-z]+=", page)


def test_what_came_from_outside_stays_text(network):
    """A hostile name of a server or of state makes no markup, in a sentence or in a hint."""
    hostile = finding("room-extra-state", "talk:KH", kind='"><script>alert(1)</script>')
    page = report(replace(BAD, judgement=Judgement((hostile,))), network)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_picture_shows_the_worst_where_a_room_meets_a_rule(network):
    """Every declared room once, grouped; a cell counts what is open before what is waived."""
    waived = WAIVED[0]
    both = Judgement(
        (replace(waived, waived=None),), (waived, finding("room-absent", "talk:KH", waived.waived))
    )
    picture = rooms_by_rules(replace(BAD, judgement=both), network, worded)
    assert sum(len(group.rows) for group in picture.groups) == len(declared_rooms(network))
    [shade] = [row for group in picture.groups for row in group.rows if row.name == "Juniper shade"]
    cells = {rule.id: cell for rule, cell in zip(picture.rules, shade.cells, strict=True)}
    assert (cells["room-retention"].worst, cells["room-retention"].waived) == (Severity.WARNING, True)
    assert (cells["room-absent"].worst, cells["room-absent"].waived) == (None, True)
    assert picture.clean_rules == len(picture.rules) - 2
    assert picture.clean_rows == len(declared_rooms(network)) - 1


def test_rooms_that_nobody_declared_come_last(network):
    """Under the beginning of their id."""
    picture = rooms_by_rules(BAD, network, worded)
    [stray] = picture.groups[-1].rows
    assert stray.name == f"{FINDINGS[-1].subject.name[:SHOWN]}…"


@pytest.mark.parametrize(("people", "left"), [(MOST, 0), (MOST + 40, 40)])
def test_a_picture_of_members_stays_readable(people, left):
    """The worst first; beyond some they are counted."""
    many = [finding("device-many", f"stone-{n}") for n in range(people - 1)]
    audit = replace(BAD, judgement=Judgement((*many, finding("member-identity", "zebra"))))
    [group] = members_by_rules(audit, worded).groups
    assert (len(group.rows), group.left_out) == (MOST, left)
    assert group.rows[0].name == "zebra"


def test_a_finding_of_another_version_is_still_said():
    """Its rule is gone, or says other things now."""
    old = finding("room-stranger", "talk:KH")
    assert said(replace(old, rule="gone"), SOURCE)[0] == GONE_TITLE
    assert said(replace(old, values={}), SOURCE)[0] == GONE_TITLE
