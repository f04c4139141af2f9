from tests.parts import (
    access,
    accounts,
    clock,
    effects,
    empty_database,
    ids,
    members,
    network,
    registration,
    rooms,
    wakes,
    work,
)

__all__ = [
    "access",
    "accounts",
    "clock",
    "effects",
    "empty_database",
    "ids",
    "members",
    "network",
    "registration",
    "rooms",
    "wakes",
    "work",
]
