"""The names of our own accounts and of the two application services. Nothing else decides them."""

from typing import Final

KEEPER: Final = "keeper"
"""Creator of the standing rooms; its token is offline but while the network grows."""

WARDEN: Final = "warden"
"""Power 100 in the rooms. Owns no device, so no client ever sends it a key."""

REGISTRAR: Final = "registrar"
"""Server admin: tokens, sessions, limits. In no room, speaks to nobody."""

DESK: Final = "desk"
ALARM: Final = "alarm"
STEWARD: Final = "steward"

SPEAKERS: Final = (DESK, ALARM, STEWARD)
OWN: Final = (KEEPER, WARDEN, REGISTRAR, *SPEAKERS)

WARDEN_SERVICE: Final = "warden"
SPEAKERS_SERVICE: Final = "speakers"
SERVICES: Final = (WARDEN_SERVICE, SPEAKERS_SERVICE)
