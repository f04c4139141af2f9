"""What the demo found out, and the one question it asks of the outsiders."""

from collections.abc import Sequence
from dataclasses import dataclass

from banyan.demo.alarm import Told
from banyan.demo.sample import Reader


@dataclass(frozen=True)
class Report:
    """`report.json`. Times in milliseconds, from the moment the alert was posted."""

    rooms: int
    """Spaces, declared rooms, and the members' chats with the desk."""
    encrypted_rooms: int
    """Encrypted rooms, the members' chats with the desk included."""
    members: int
    countries: int
    addressed: int
    decrypted: int
    outside_area_decrypted: int
    alert_accepted_ms: float
    alert_first_room_ms: float
    """Until a member in the first room had read it."""
    alert_last_room_ms: float
    """Until a member in the last room that has members had read it."""
    approvals: int = 0
    """Persons who stood behind the alert that was asked for in a chat."""
    answered: int = 0
    """Members who answered whether they are safe."""
    rsvp: int = 0
    reminded: int = 0
    freeze_logged_out_ms: float = -1
    """From the word until the taken phone was logged out."""

    @property
    def good(self) -> bool:
        """Everybody addressed read it, and nobody else could."""
        return 0 < self.addressed == self.decrypted and self.outside_area_decrypted == 0


async def outside_decrypted(told: Told, addressed: Sequence[Reader], outside: Sequence[Reader]) -> int:
    """How many of the outsiders can read the alert when somebody hands them its encrypted events."""
    events = {}
    for reader in addressed:
        if event_id := reader.alert(told.marker):
            room_id, _ = reader.read[event_id]
            events[room_id] = await reader.client.event(room_id, event_id)
    return sum(
        any(reader.client.can_read(room_id, event) for room_id, event in events.items()) for reader in outside
    )
