"""How `apply` finds a room again: opaque state that only the holder of the home secret can read."""

from collections.abc import Callable
from typing import Protocol

from banyan.domain.rooms import RoomKey

Locator = Callable[[RoomKey], str]
"""The mark of a room, from its key."""


class _Macs(Protocol):
    def mac(self, purpose: str, message: str) -> str: ...


def locator_of(vault: _Macs) -> Locator:
    """Return the marks of one home: hex HMACs that say nothing of the key they stand for."""
    return lambda key: vault.mac("locator", key)
