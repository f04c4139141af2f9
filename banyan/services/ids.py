"""Randomness from the operating system."""

import secrets

from banyan.services.pseudonyms import QUALITIES, THINGS

CODES = [number for number in range(1000, 10_000) if number // 100 not in (19, 20, 25)]
"""Neither years of our era nor, as people write them in Thailand, of the Buddhist one."""


class RandomIds:
    """`ports.Ids`."""

    def opaque(self) -> str:
        """32 hex digits: 128 bits."""
        return secrets.token_hex(16)

    def token(self) -> str:
        """32 characters of the URL alphabet: 192 bits."""
        return secrets.token_urlsafe(24)

    def code(self) -> str:
        """Four digits, the first not 0, and not a year: people write those by themselves."""
        return str(secrets.choice(CODES))

    def pseudonym(self) -> str:
        """A quality and a thing, e.g. `amber-heron`."""
        return f"{secrets.choice(QUALITIES)}-{secrets.choice(THINGS)}"
