"""What comes from partner servers: their people's joins, and what they send into joint rooms.

Three ways in, and no one callback of Synapse sees all three:

- asking for a join (`make_join`): `check_event_allowed` in `judging`, which can refuse;
- the join itself (`send_join`): nothing that a module may register refuses it. Whoever keeps an answer to
  `make_join` from better days can sign it today, be handed the room's state and have the join passed on.
  So we stand before the function that takes it;
- everything else (`/send`): to refuse an event loses the ones that build on it. It is marked instead, so that
  nobody is shown it (soft failure). A later event of somebody else can still pull a marked membership in:
  the reconciler takes it out again.
"""

from typing import Any, Final

from synapse.module_api import NOT_SPAM, EventBase, ModuleApi, UserID

from homeserver.gate.judging import COMING_IN, CREATE, ENCRYPTION, NEVER_ENCRYPTED
from homeserver.gate.refusals import Refusals
from homeserver.gate.setting import GateSetting
from homeserver.gate.table import Table, TableUnavailableError

_MEMBER: Final = "m.room.member"


class Partners:
    """Their people come in where the table says, talk encrypted, leave, and do nothing else."""

    def __init__(self, api: ModuleApi, setting: GateSetting, table: Table, refusals: Refusals) -> None:
        self._api = api
        self._setting = setting
        self._table = table
        self._refusals = refusals

    def stand_before_joins(self) -> None:
        """Judge each join, leave and knock that another server sends, before Synapse takes it.

        By replacing a method of Synapse's: where it has gone, this raises and Synapse does not start.
        `check_event_for_spam` is no way: it is not asked about an event whose hash is wrong.
        """
        handler = self._api._hs.get_federation_event_handler()  # noqa: SLF001
        take = handler.on_send_membership_event

        async def judge_and_take(origin: str, event: EventBase) -> Any:
            if reason := await self._against(event):
                self._refusals.refuse(reason)
            return await take(origin, event)

        handler.on_send_membership_event = judge_and_take

    async def check_event_for_spam(self, event: EventBase) -> Any:
        """Mark what a partner's server sends and may not. Our own people's events are judged elsewhere."""
        if reason := await self._against(event):
            return self._refusals.answer(reason)
        return NOT_SPAM

    async def should_drop_federated_event(self, event: EventBase) -> bool:
        """Mark what was not judged for its wrong hash. Never drop it: it would only be fetched later."""
        known = event.internal_metadata
        if not known.is_soft_failed() and (reason := await self._against(event)):
            self._refusals.count(reason)
            known.soft_failed = known.spam_checker_spammy = True
        return False

    async def _against(self, event: EventBase) -> str | None:
        """Return the reason to refuse an event of another server's person, or None."""
        if self._api.is_mine(event.sender):
            return None
        person = (_MEMBER, event.sender)
        state = await self._api.get_room_state(event.room_id, [CREATE, ENCRYPTION, person])
        create = state.get(CREATE)
        if create is None or not self._is_grower(create.sender):
            return "unknown-room"
        if event.type == _MEMBER:
            there = state.get(person)
            joined = there is not None and there.content.get("membership") == "join"
            return self._against_membership(event, joined=joined)
        if event.is_state():
            return "room-protected"
        return "in-clear" if ENCRYPTION in state and event.type not in NEVER_ENCRYPTED else None

    def _against_membership(self, event: EventBase, *, joined: bool) -> str | None:
        membership = event.content.get("membership")
        if event.state_key != event.sender:
            return "outside-invite" if membership == "invite" else "room-protected"
        if membership not in COMING_IN or joined:
            return None
        try:
            return None if self._table.allows(event.sender, event.room_id) else "not-expected"
        except TableUnavailableError:
            return "unavailable"

    def _is_grower(self, user_id: str) -> bool:
        return self._api.is_mine(user_id) and UserID.from_string(user_id).localpart in self._setting.growers
