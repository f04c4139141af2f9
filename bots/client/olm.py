"""Our account and the one-to-one (Olm) sessions with other devices.

Built on nio's session classes. nio's own machine around them is not used: it loads every session at start,
saves each through an ORM and lets a malformed message through as an uncaught exception
(tests/bots/client/test_nio.py). Nothing is kept in memory but the account: a session is read, used and
written back in one transaction.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import vodozemac
from nio.crypto import InboundSession, OlmAccount, OutboundSession, Session

from banyan.matrix import Api
from bots.client.canonical import Json, canonical_json, decode, encode, signed_by
from bots.client.errors import Undecryptable, WrongStore
from bots.client.store import Store
from bots.client.trust import Device

OLM = "m.olm.v1.curve25519-aes-sha2"
MEGOLM = "m.megolm.v1.aes-sha2"
SESSIONS_KEPT = 4
"""Olm sessions kept for one device: more than one, since both sides may begin at once; not a flood."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What was inside a to-device message, and the keys of the device that sent it."""

    sender: str
    curve25519: str
    ed25519: str
    type: str
    content: Json


async def publish_keys(api: Api, olm: "Olm") -> Json:
    """See to it that the homeserver has all the device's keys, and return its public device keys.

    In one request: once others see the device they claim its one-time keys. Raises what Api.request raises.
    """
    device_keys = olm.device_keys()
    answer = await api.request("POST", "/keys/upload", repeatable=True)
    left = int(answer["one_time_key_counts"].get("signed_curve25519", 0))
    more = olm.keys_to_upload(left, fallback_used=left == 0)
    await api.request("POST", "/keys/upload", body={"device_keys": device_keys} | more, repeatable=True)
    olm.mark_uploaded()
    return device_keys


class Olm:
    """The device's own keys. Lives in the table `olm_session` and the fact `account`."""

    def __init__(
        self, store: Store, user_id: str, device_id: str, pickle_key: str, *, clock: Callable[[], float]
    ) -> None:
        """Load the account, or make one in a new store. Raises WrongStore."""
        self._store = store
        self._pickle_key = pickle_key
        self._clock = clock
        self.user_id = user_id
        self.device_id = device_id
        owner = json.dumps([user_id, device_id])
        pickle = store.meta("account")
        if pickle is None:
            self._account = OlmAccount()
            with store.transaction():
                store.set_meta("owner", owner)
                store.set_meta("created_ms", str(int(clock() * 1000)))
                self._save_account()
        elif store.meta("owner") != owner:
            raise WrongStore
        else:
            try:
                self._account = OlmAccount.from_pickle(pickle.encode(), pickle_key)
            except ValueError:
                raise WrongStore from None
        self.curve25519: str = self._account.identity_keys["curve25519"]
        self.ed25519: str = self._account.identity_keys["ed25519"]

    def device_keys(self) -> Json:
        """The device's public keys, signed by itself, as /keys/upload takes them."""
        return self._signed(
            {
                "algorithms": [OLM, MEGOLM],
                "device_id": self.device_id,
                "user_id": self.user_id,
                "keys": {
                    f"curve25519:{self.device_id}": self.curve25519,
                    f"ed25519:{self.device_id}": self.ed25519,
                },
            }
        )

    def keys_to_upload(self, one_time_keys_left: int, *, fallback_used: bool) -> Json:
        """Body for /keys/upload, empty when nothing is needed.

        New one-time keys once half of them are gone; 0 left is a count like any other. Saved before they are
        handed out, so a crash between here and `mark_uploaded` uploads the same keys again.
        """
        body: Json = {}
        wanted = self._account.max_one_time_keys
        if one_time_keys_left <= wanted // 2:
            waiting = len(self._account.one_time_keys["curve25519"])
            self._account.generate_one_time_keys(max(0, wanted - one_time_keys_left - waiting))
            body["one_time_keys"] = {
                f"signed_curve25519:{key_id}": self._signed({"key": key})
                for key_id, key in self._account.one_time_keys["curve25519"].items()
            }
        # nio wraps no fallback keys, its account's inner vodozemac object has them.
        inner = self._account._account  # noqa: SLF001
        if fallback_used and not inner.fallback_key:
            inner.generate_fallback_key()
        if inner.fallback_key:
            body["fallback_keys"] = {
                f"signed_curve25519:{key_id}": self._signed({"key": key.to_base64(), "fallback": True})
                for key_id, key in inner.fallback_key.items()
            }
        if body:
            self._save_account()
        return body

    def mark_uploaded(self) -> None:
        """The homeserver has the keys of the last `keys_to_upload`."""
        self._account.mark_keys_as_published()
        self._save_account()

    def without_session(self, devices: Iterable[Device]) -> list[Device]:
        """Those we cannot yet write to."""
        known = {row[0] for row in self._store.rows("SELECT DISTINCT curve25519 FROM olm_session")}
        return [device for device in devices if device.curve25519 not in known]

    def begin(self, claimed: Iterable[tuple[Device, Any]]) -> int:
        """Begin sessions with claimed one-time keys, as /keys/claim lists them. Returns how many worked."""
        rows = []
        now = self._now_ms()
        for device, key in claimed:
            if not signed_by(key, device.user_id, device.device_id, device.ed25519):
                continue
            try:
                session = OutboundSession(self._account, device.curve25519, key["key"])
            except (ValueError, KeyError, TypeError):
                continue
            rows.append((session.id, device.curve25519, self._pickle(session), now, 0))
        self._store.run_many("REPLACE INTO olm_session VALUES (?, ?, ?, ?, ?)", rows)
        return len(rows)

    def encrypt(self, devices: Sequence[Device], kind: str, content: Json) -> tuple[list[Device], Json]:
        """Encrypt one content for some devices, at most a slice of them.

        Returns those that have a session, and the `messages` for /sendToDevice. The ratchets are saved.
        """
        messages: Json = {}
        done, rows = [], []
        with self._store.transaction(durable=True):
            for device in devices:
                session = self._newest_session(device.curve25519)
                if session is None:
                    continue
                kind_of_message, ciphertext = session.encrypt(
                    self._plaintext(device, kind, content)
                ).to_parts()
                rows.append((self._pickle(session), session.id))
                done.append(device)
                messages.setdefault(device.user_id, {})[device.device_id] = {
                    "algorithm": OLM,
                    "sender_key": self.curve25519,
                    "ciphertext": {device.curve25519: {"type": kind_of_message, "body": encode(ciphertext)}},
                }
            self._store.run_many("UPDATE olm_session SET pickle = ? WHERE session_id = ?", rows)
        return done, messages

    def decrypt(self, event: Mapping[str, Any]) -> Payload:
        """Open one m.room.encrypted to-device event. Raises Undecryptable, whatever is wrong with it.

        Call it in the transaction that also keeps what was inside: a ratchet that has moved on cannot open
        the message again.
        """
        try:
            sender, content = event["sender"], event["content"]
            curve25519 = content["sender_key"]
            if not isinstance(curve25519, str):
                raise Undecryptable("a key is no text")
            part = content["ciphertext"][self.curve25519]
            message = vodozemac.AnyOlmMessage.from_parts(part["type"], decode(part["body"]))
            payload = json.loads(self._open(curve25519, message))
            return self._checked(sender, curve25519, payload)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise Undecryptable("a to-device message cannot be read") from error

    def drop_sessions(self, curve25519_keys: Iterable[str]) -> None:
        """Forget the sessions with devices that are gone."""
        self._store.run_many(
            "DELETE FROM olm_session WHERE curve25519 = ?", [(key,) for key in curve25519_keys]
        )

    def newest_created_ms(self, curve25519: str) -> int:
        """When the newest session with a device was made; 0 without one."""
        row = self._store.row("SELECT max(created_ms) FROM olm_session WHERE curve25519 = ?", curve25519)
        return int(row[0]) if row and row[0] is not None else 0

    def _open(self, curve25519: str, message: vodozemac.AnyOlmMessage) -> str:
        prekey = message.to_pre_key()
        for row in self._store.rows(
            "SELECT pickle, session_id FROM olm_session WHERE curve25519 = ? ORDER BY received_ms DESC",
            curve25519,
        ):
            session = self._unpickle(row[0])
            if prekey is not None and not session.matches(prekey):
                continue
            try:
                plaintext = session.decrypt(message, unicode_errors="strict")
            except ValueError:
                if prekey is not None:
                    raise
                continue
            sql = "UPDATE olm_session SET pickle = ?, received_ms = ? WHERE session_id = ?"
            self._store.run(sql, self._pickle(session), self._now_ms(), row[1])
            return str(plaintext)
        if prekey is None:
            raise Undecryptable("no session opens the message")
        return self._open_first(curve25519, prekey)

    def _open_first(self, curve25519: str, prekey: vodozemac.PreKeyMessage) -> str:
        session = InboundSession(self._account, prekey, curve25519)
        plaintext = session.decrypt(prekey, unicode_errors="strict")
        now = self._now_ms()
        with self._store.transaction():
            self._save_account()  # its one-time key is used up
            self._store.run(
                "REPLACE INTO olm_session VALUES (?, ?, ?, ?, ?)",
                session.id,
                curve25519,
                self._pickle(session),
                now,
                now,
            )
            self._store.run(
                "DELETE FROM olm_session WHERE curve25519 = ?1 AND session_id NOT IN "
                "(SELECT session_id FROM olm_session WHERE curve25519 = ?1 "
                "ORDER BY received_ms DESC, created_ms DESC LIMIT ?2)",
                curve25519,
                SESSIONS_KEPT,
            )
        return str(plaintext)

    def _checked(self, sender: str, curve25519: str, payload: Any) -> Payload:
        """Hold the payload to the envelope: without this a server could readdress messages (Matrix, Olm)."""
        addressed = (payload["sender"], payload["recipient"], payload["recipient_keys"]["ed25519"])
        if addressed != (sender, self.user_id, self.ed25519):
            raise Undecryptable("a to-device message is not from or for whom it claims")
        ed25519, kind, content = payload["keys"]["ed25519"], payload["type"], payload["content"]
        if not (isinstance(ed25519, str) and isinstance(kind, str) and isinstance(content, dict)):
            raise Undecryptable("a to-device message is not well-formed")
        return Payload(sender, curve25519, ed25519, kind, content)

    def _plaintext(self, device: Device, kind: str, content: Json) -> str:
        return canonical_json(
            {
                "type": kind,
                "content": content,
                "sender": self.user_id,
                "sender_device": self.device_id,
                "keys": {"ed25519": self.ed25519},
                "recipient": device.user_id,
                "recipient_keys": {"ed25519": device.ed25519},
            }
        ).decode()

    def _newest_session(self, curve25519: str) -> Session | None:
        row = self._store.row(
            "SELECT pickle FROM olm_session WHERE curve25519 = ? "
            "ORDER BY received_ms DESC, created_ms DESC LIMIT 1",
            curve25519,
        )
        return None if row is None else self._unpickle(row[0])

    def _signed(self, value: Json) -> Json:
        signature = self._account.sign(canonical_json(value).decode())
        return value | {"signatures": {self.user_id: {f"ed25519:{self.device_id}": signature}}}

    def _unpickle(self, pickle: str) -> Session:
        return Session.from_pickle(pickle.encode(), datetime.now(UTC), self._pickle_key)

    def _pickle(self, session: Session) -> str:
        return str(session.pickle(self._pickle_key).decode())

    def _save_account(self) -> None:
        with self._store.transaction(durable=True):
            self._store.set_meta("account", self._account.pickle(self._pickle_key).decode())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
