"""One change of membership, patient with the limits that Synapse sets for everybody."""

from typing import Final

from synapse.module_api import ModuleApi
from synapse.module_api.errors import Codes, SynapseError

_PATIENCE_SECONDS: Final = 60.0
"""How long one change may be put off by rate limits before it counts as refused."""


async def change(api: ModuleApi, sender: str, user_id: str, room_id: str, membership: str) -> bool:
    """Let `sender` change what the user is to the room. False when the room refuses it."""
    waited = 0.0
    while True:
        try:
            await api.update_room_membership(sender, user_id, room_id, membership)
        except SynapseError as error:
            if error.errcode != Codes.LIMIT_EXCEEDED or waited >= _PATIENCE_SECONDS:
                return False
            pause = max(0.1, (getattr(error, "retry_after_ms", None) or 1000) / 1000)
            waited += pause
            await api.sleep(pause)
        else:
            return True
