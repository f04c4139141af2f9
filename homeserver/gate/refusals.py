"""Every way to be refused: a reason to count and a sentence for the person."""

from collections import Counter
from http import HTTPStatus
from typing import Any, Final, NoReturn

from prometheus_client import Counter as Metric
from synapse.module_api.errors import Codes, SynapseError

SENTENCES: Final = {
    "unavailable": "This cannot be checked right now, so it is not allowed. Please try again later.",
    "no-invitation": "This invitation has ended or was already used. Ask whoever invited you for a new one.",
    "unencrypted": "Rooms here are always encrypted.",
    "in-clear": "Messages here are always encrypted. Use an app that can encrypt, such as Element.",
    "public": "Rooms here are never public.",
    "room-address": "Rooms here have no public address.",
    "room-maker": "Rooms are made by the network. You may start a private chat with one member.",
    "private-chats-off": "Private chats are turned off in this network.",
    "private-chat-shape": "A private chat is between you and one other member.",
    "nothing-shared": "You can only chat with members you share a room with.",
    "unfinished-room": "This chat was not set up properly. Leave it and start a new one.",
    "two-people": "A private chat stays between two people.",
    "not-expected": "This room does not expect this account.",
    "room-protected": "These settings of a room cannot be changed.",
    "room-too-open": "This would open the room too far.",
    "room-power": "This would give somebody too much power in the room.",
    "outside-invite": "People are invited by the network, not by address or from other servers.",
    "unknown-room": "This room is not one of the network's.",
    "nobody-known": "This is told only to servers of people in the same room.",
}


_REFUSED: Final = Metric("banyan_gate_refused", "What the gate inside this process refused", ["reason"])
for _reason in SENTENCES:
    _REFUSED.labels(_reason)  # from 0, so that the first refusal shows as one


class Refusals:
    """Counts refusals by reason, never by person: for `ping`, and for whoever reads Synapse's metrics."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """Note a refusal that has no answer of its own."""
        self.counts[reason] += 1
        _REFUSED.labels(reason).inc()

    def refuse(self, reason: str) -> NoReturn:
        """Raise the 403 whose text the person sees."""
        self.count(reason)
        raise SynapseError(HTTPStatus.FORBIDDEN, SENTENCES[reason], Codes.FORBIDDEN)

    def answer(self, reason: str) -> tuple[Codes, dict[str, Any]]:
        """Return a refusal for those callbacks whose own text Synapse would show instead of ours."""
        self.count(reason)
        return Codes.FORBIDDEN, {"error": SENTENCES[reason]}
