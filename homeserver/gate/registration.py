"""Who may have an account, and under which name."""

from collections.abc import Collection
from typing import Any, Final

from synapse.spam_checker_api import RegistrationBehaviour

from homeserver.gate.refusals import Refusals
from homeserver.gate.setting import GateSetting
from homeserver.gate.table import Table, TableUnavailableError

_TOKEN_STAGE: Final = "m.login.registration_token"  # noqa: S105 - the name of a login stage
_NOBODY: Final = ""
"""No account can have this name: `check` refuses it with a sentence, which a failure here could not carry."""


class Registration:
    """The token decides the name; without one there is no account."""

    def __init__(self, setting: GateSetting, table: Table, refusals: Refusals) -> None:
        self._setting = setting
        self._table = table
        self._refusals = refusals

    async def username_for(self, uia_results: dict[str, Any], params: dict[str, Any]) -> str:
        """Return the name that the token stands for, whatever the person typed.

        Always a string: with None Synapse would take the typed name, and whoever holds any token could then
        take a name that another person's token stands for.
        """
        token = uia_results.get(_TOKEN_STAGE)
        if not isinstance(token, str):
            return _NOBODY
        try:
            return self._table.localpart_for(token) or _NOBODY
        except TableUnavailableError:
            return _NOBODY

    async def check(
        self,
        email_threepid: dict[str, Any] | None,
        username: str | None,
        request_info: Collection[tuple[str, str]],
        auth_provider_id: str | None = None,
    ) -> RegistrationBehaviour:
        """Let our own accounts be made, and names that a live token stands for; nobody else."""
        if username in self._setting.accounts:
            return RegistrationBehaviour.ALLOW
        try:
            expected = bool(username) and self._table.expects(str(username))
            self._table.check()
        except TableUnavailableError:
            self._refusals.refuse("unavailable")
        if not expected:
            self._refusals.refuse("no-invitation")
        return RegistrationBehaviour.ALLOW
