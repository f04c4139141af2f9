"""An audit as a bad day gives it, for the pages that show one."""

from datetime import timedelta

from banyan.domain.findings import Audit, Finding, Judgement, Subject
from policies.rules import BY_ID
from tests.fakes import NOON

VALUES = {
    "power-person": {"who": "amber-heron", "level": 100},
    "room-stranger": {"who": "quick-otter"},
    "room-extra-state": {"kind": "m.room.topic"},
    "room-absent": {"count": 3},
    "room-name": {"name": "Larch shade"},
    "room-size": {"count": 131, "limit": 120},
    "device-unsigned": {"count": 2},
    "device-telling": {"count": 1},
    "device-many": {"count": 6, "limit": 4},
    "member-dormant": {"count": 3},
    "vetting-overdue": {"days": 12},
    "role-term": {"role": "focal_point", "days": 4},
    "token-unknown": {"token": "4f1d22ab"},
    "account-device": {"count": 1},
    "duty-few": {"duty": "freeze", "count": 1, "least": 2},
    "role-abroad": {"rooms": "talk:LA, guide:LA"},
}


def finding(rule, name, waived=None, **values):
    """A finding of a rule that exists."""
    found = BY_ID[rule]
    return Finding(rule, found.severity, Subject(found.about, name), VALUES.get(rule, {}) | values, waived)


FINDINGS = (
    finding("room-history", "talk:MM-1"),
    finding("power-person", "talk:LA"),
    finding("room-stranger", "staff:security"),
    finding("room-stranger", "theme:climate"),
    finding("account-device", "desk"),
    finding("role-abroad", "amber-heron"),
    finding("token-unknown", "4f1d22ab"),
    finding("room-extra-state", "guide:KH"),
    finding("room-name", "talk:LA"),
    finding("room-size", "talk:TH"),
    finding("vetting-overdue", "quiet-lamp"),
    finding("member-dormant", "quiet-lamp"),
    finding("device-telling", "amber-heron"),
    finding("device-many", "still-boat"),
    finding("device-unsigned", "green-ladder"),
    finding("duty-few", "freeze"),
    finding("room-absent", "alert:VN"),
    finding("room-stray", "!olXeAy-EyIH2AD9p5WYv0ylTpF_YWjOehQKEZRNh0cw", count=2),
)
SEPARATIONS = tuple(
    finding(rule, name)
    for rule in ("duty-invite-approve", "duty-freeze-audit")
    for name in ("amber-heron", "calm-river")
)
WAIVED = (finding("room-retention", "talk:KH", NOON + timedelta(days=9), days=30),)

BAD = Audit("bad", NOON, "daily", Judgement(FINDINGS, WAIVED, SEPARATIONS), 3541, 3500, (3, 4, 5, 6, 7))
GOOD = Audit("good", NOON, "daily", Judgement(()), 41, 60)
