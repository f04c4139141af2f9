"""The sample alert: signed, posted, followed until every room has it and every reader has read it."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from nacl.signing import SigningKey

from banyan.demo.network import Running
from banyan.demo.sample import Reader
from banyan.errors import BanyanError, Taken
from banyan.files import create_secret
from banyan.services.signatures import signed

SENDER = "sample-relay"
PATIENCE = 60
"""Seconds until the last room."""
ACCEPTED = 202

TEXTS = {
    "en": {
        "headline": "Checkpoint on the road to the market",
        "description": "Two people saw it this morning. Phones are looked through.",
        "instruction": "Take another road. Leave your phone at home if you can.",
    },
    "my": {
        "headline": "ဈေးသွားရာလမ်းတွင် စစ်ဆေးရေးဂိတ် ရှိသည်",
        "description": "ယနေ့မနက် လူနှစ်ဦး တွေ့ခဲ့သည်။ ဖုန်းများကို စစ်ဆေးသည်။",
        "instruction": "အခြားလမ်းကို သွားပါ။ ဖြစ်နိုင်လျှင် ဖုန်းကို အိမ်တွင် ထားခဲ့ပါ။",
    },
}


class AlertRefused(BanyanError):
    """The intake did not accept the sample alert."""

    code = "alert-refused"


@dataclass(frozen=True)
class Told:
    """An alert on its way."""

    marker: str
    """Part of its text: how a reader knows it."""
    posted: float
    """`time.monotonic()` just before the request."""
    accepted_ms: float
    status: dict[str, Any]

    @property
    def posted_ms(self) -> float:
        """From acceptance until the last room had it, by the status that its sender sees."""
        moments = [
            [datetime.fromisoformat(room[when]) for when in ("queued", "sent")]
            for room in self.status["rooms"]
        ]
        return (
            max(sent for _, sent in moments) - min(queued for queued, _ in moments)
        ).total_seconds() * 1000


async def raise_alarm(network: Running, areas: Sequence[str]) -> Told:
    """Post a signed alert and wait until every room has it."""
    key = SigningKey(bytes.fromhex(create_secret(network.parts.home.secret(f"{SENDER}.key"))))
    with suppress(Taken):  # an earlier run enrolled it
        await network.parts.senders.enrol(SENDER, b64encode(bytes(key.verify_key)).decode(), direct=True)
    marker = uuid4().hex[:8]
    body = json.dumps(_alert(network, areas, marker)).encode()
    signature = key.sign(signed(SENDER, body)).signature
    headers = {
        "Content-Type": "application/json",
        "Banyan-Sender": SENDER,
        "Banyan-Signature": b64encode(signature).decode(),
    }
    posted = time.monotonic()
    async with network.http.post(f"{network.web_url}/alerts", data=body, headers=headers) as answer:
        told = await answer.json()
        if answer.status != ACCEPTED:
            raise AlertRefused(f"The alert intake answered {answer.status}: {told.get('message')}")
    accepted_ms = (time.monotonic() - posted) * 1000
    return Told(marker, posted, accepted_ms, await _everywhere(network, told["status_url"]))


async def read_by(reader: Reader, marker: str) -> float | None:
    """When the reader decrypted the alert (`time.monotonic()`), or None when they never did."""
    try:
        await reader.until(lambda: reader.alert(marker), PATIENCE)
    except TimeoutError:
        return None
    return reader.read[reader.alert(marker)][1]


def _alert(network: Running, areas: Sequence[str], marker: str) -> dict[str, Any]:
    now = network.parts.clock.now()
    texts = {language: dict(text) for language, text in TEXTS.items()}
    for text in texts.values():
        text["headline"] += f" ({marker})"
    return {
        "identifier": uuid4().hex,
        "sent": now.isoformat(timespec="seconds"),
        "expires": (now + timedelta(hours=3)).isoformat(timespec="seconds"),
        "status": "actual",
        "areas": list(areas),
        "kind": "surveillance",
        "severity": "severe",
        "response": "avoid",
        "texts": texts,
    }


async def _everywhere(network: Running, status_url: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with network.http.get(status_url) as answer:
            status: dict[str, Any] = await answer.json()
        if status["rooms"] and all(room["state"] == "sent" for room in status["rooms"]):
            return status
        await asyncio.sleep(0.02)
    raise AlertRefused("Not every room had the alert in time; `banyan alert` shows how far it came.")
