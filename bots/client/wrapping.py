"""What lies around the room keys in the store: a key of our own, made anew every few hours.

SQLite overwrites what is deleted, but not everywhere: where it moves rows between pages, one deleted key in
some ten thousand stays behind until that place is used again. So each room key is stored encrypted under the
present wrapping key, and the pass that takes old room keys away wraps the rest anew (forgetting.py). Then the
old wrapping key is destroyed, and with it all that it still opens, wherever that lies. There are never more
than a few wrapping keys, in one page that SQLite has no reason to rebuild.
"""

import secrets
from collections.abc import Callable

from nio.crypto import InboundGroupSession, OutboundGroupSession

from bots.client.canonical import decode, encode
from bots.client.store import Store

EVERY_MS = 6 * 3600 * 1000
"""How long one is the present one."""


class Wrapping:
    """Lives in the table `wrapping`."""

    def __init__(self, store: Store, pickle_key: str, *, clock: Callable[[], float]) -> None:
        """Load them, or make the first."""
        self._store = store
        self._pickle_key = pickle_key
        self._clock = clock
        self._secrets: dict[int, str] = dict(store.rows("SELECT wrapping_id, secret FROM wrapping"))
        if not self._secrets:
            self.begin()
        else:
            (self._made_ms,) = store.rows("SELECT made_ms FROM wrapping ORDER BY wrapping_id")[-1]

    @property
    def present(self) -> int:
        """The one under which everything is stored now."""
        return max(self._secrets)

    @property
    def halfway(self) -> bool:
        """Whether a pass has begun and not ended: something may still lie under an old one."""
        return len(self._secrets) > 1

    @property
    def due(self) -> bool:
        """Whether there is a pass to make, or to finish."""
        young = 0 <= self._now_ms() - self._made_ms < EVERY_MS  # a clock put back must not stop us for long
        return self.halfway or not young

    def wrap(self, session: InboundGroupSession | OutboundGroupSession) -> tuple[int, bytes]:
        """Return which wrapping key was used, and the session as it is to be stored."""
        return self.present, decode(session.pickle(self._passphrase(self.present)).decode())

    def inbound(
        self, room_id: str, wrapping_id: int, stored: bytes | str, *, ed25519: str = "", curve25519: str = ""
    ) -> InboundGroupSession:
        """Open somebody's key. Raises ValueError, and KeyError when its wrapping key is destroyed."""
        passphrase = self._passphrase(wrapping_id)
        return InboundGroupSession.from_pickle(_pickle(stored), ed25519, curve25519, room_id, passphrase)

    def outbound(self, wrapping_id: int, stored: bytes | str) -> OutboundGroupSession:
        """Open a key of our own. Raises as `inbound` does."""
        return OutboundGroupSession.from_pickle(_pickle(stored), self._passphrase(wrapping_id))

    def begin(self) -> None:
        """Make a new one and use it from now on."""
        wrapping_id, secret = max(self._secrets, default=0) + 1, secrets.token_hex(32)
        self._made_ms = self._now_ms()
        self._store.run("INSERT INTO wrapping VALUES (?, ?, ?)", wrapping_id, secret, self._made_ms)
        self._secrets[wrapping_id] = secret

    def destroy_old(self) -> None:
        """Destroy all but the present one: nothing that is still needed may lie under them."""
        with self._store.transaction(durable=True):
            self._store.run("DELETE FROM wrapping WHERE wrapping_id < ?", self.present)
        self._secrets = {self.present: self._secrets[self.present]}
        self._store.fold()

    def _passphrase(self, wrapping_id: int) -> str:
        return self._pickle_key + self._secrets[wrapping_id]

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _pickle(stored: bytes | str) -> bytes:
    """Stores of before kept the text; without base64 a row fits into its page, and a pass writes a fifth."""
    return (stored if isinstance(stored, str) else encode(stored)).encode()
