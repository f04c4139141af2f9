"""Registering a member by the public way: what any client would do with the token (Matrix UIA)."""

from typing import Any, Final

from banyan.errors import TokenSpent, WeakPassphrase
from banyan.matrix import Api, MatrixError

_STAGES: Final = ("m.login.registration_token", "m.login.dummy")
_ROUNDS: Final = len(_STAGES) + 1


class PublicRegistration:
    """`ports.Registration`: the passphrase passes through and stays nowhere."""

    def __init__(self, homeserver_url: str) -> None:
        self._api = Api(homeserver_url, None, patience=20)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def register(self, localpart: str, passphrase: str, token: str) -> None:
        """Make the account. Raise `TokenSpent`, `WeakPassphrase` or `HomeserverDown`.

        No device comes of it: the first one is the person's own, so that every key reaches their phone.
        """
        body: dict[str, Any] = {"username": localpart, "password": passphrase, "inhibit_login": True}
        for _ in range(_ROUNDS):
            try:
                await self._api.request("POST", "/register", body=body)
            except MatrixError as error:
                if error.errcode in ("M_PASSWORD_TOO_SHORT", "M_WEAK_PASSWORD"):
                    raise WeakPassphrase("The passphrase is too short.") from None
                if error.status != 401 or "session" not in error.answer:  # noqa: PLR2004
                    raise TokenSpent("The invitation was used or has run out.") from None
                if error.errcode != "M_UNKNOWN":  # the last stage was refused
                    raise TokenSpent("The invitation was used or has run out.") from None
                body["auth"] = self._next(error.answer, token)
            else:
                return
        raise TokenSpent("The invitation was used or has run out.")

    @staticmethod
    def _next(answer: Any, token: str) -> dict[str, Any]:
        done = answer.get("completed", [])
        stage = next((each for each in _STAGES if each not in done), _STAGES[-1])
        auth = {"type": stage, "session": answer["session"]}
        return auth | {"token": token} if stage == _STAGES[0] else auth
