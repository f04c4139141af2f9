"""Signed alerts for tests."""

import base64
import json
from datetime import timedelta

from nacl.signing import SigningKey

from banyan.domain.approvals import ProposalKind
from banyan.services.alert_decision import AlertDecision
from banyan.services.alerts import Links
from banyan.services.approvals import Approvals
from banyan.services.intake import Intake
from banyan.services.releasing import Releasing
from tests.fakes import NOON, FakeVault

KEY = SigningKey(b"k" * 32)
PUBLIC_KEY = base64.b64encode(bytes(KEY.verify_key)).decode()
WORDS = {"headline": "Stay away from the market", "description": "Checks at the gate.", "instruction": ""}

LINKS = Links(FakeVault(), "https://a.test")


def intake_over(work, clock, ids, network):
    """The intake as a new process has it, with what its held alerts wait in."""
    releasing = Releasing(clock, network)
    decisions = {ProposalKind.ALERT: AlertDecision(releasing, clock)}
    approvals = Approvals(work, clock, ids, network, decisions)
    intake = Intake(work, clock, ids, network=network, links=LINKS, releasing=releasing, approvals=approvals)
    return intake, approvals


def alert(**changes):
    """The fields of a good alert sent at noon; `None` leaves a field out."""
    fields = {
        "identifier": "one",
        "sent": NOON.isoformat(),
        "expires": (NOON + timedelta(hours=6)).isoformat(),
        "status": "actual",
        "areas": ["MM"],
        "kind": "raid",
        "severity": "severe",
        "response": "avoid",
        "texts": {"en": WORDS},
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def body(**changes):
    return json.dumps(alert(**changes)).encode()


def signature(raw, name="relay", key=KEY):
    """As the contract says it, not as the code does."""
    signed = b"banyan-alert-v1\n" + name.encode("utf-8", "surrogateescape") + b"\n" + raw
    return base64.b64encode(key.sign(signed).signature).decode()
