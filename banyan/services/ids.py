"""Randomness from the operating system."""

import secrets

from banyan.services.pseudonyms import QUALITIES, THINGS


class RandomIds:
    """`ports.Ids`."""

    def opaque(self) -> str:
        """32 hex digits: 128 bits."""
        return secrets.token_hex(16)

    def token(self) -> str:
        """32 characters of the URL alphabet: 192 bits."""
        return secrets.token_urlsafe(24)

    def code(self) -> str:
        """Four digits, the first not 0."""
        return str(1000 + secrets.randbelow(9000))

    def pseudonym(self) -> str:
        """A quality and a thing, e.g. `amber-heron`."""
        return f"{secrets.choice(QUALITIES)}-{secrets.choice(THINGS)}"
