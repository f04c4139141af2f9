"""Who is joined to rooms at the moment of registration."""

from types import SimpleNamespace
from typing import Any

from homeserver.gate.joining import Joining


class FakeApi:
    """Remembers what was started in the background."""

    def __init__(self) -> None:
        self.admitted: list[str] = []

    def run_as_background_process(self, _: str, work: Any, user_id: str) -> None:
        self.admitted.append(user_id)


async def test_our_own_accounts_are_not_members():
    """They register before the first table is written: to look them up there would log six tracebacks."""
    api = FakeApi()
    joining = Joining(api, SimpleNamespace(accounts=frozenset({"desk"})), table=None)
    await joining.on_user_registration("@desk:banyan.test")
    await joining.on_user_registration("@desk-lamp:banyan.test")
    assert api.admitted == ["@desk-lamp:banyan.test"]
