"""Judging events before Synapse takes them: who comes into a room, and what guards it.

`check_event_allowed` is asked for every event made on this server, also for those of server admins and of the
admin API, and knows the room's state: so it decides. The spam-checker callbacks skip admins; they only refuse
earlier, or where no local event is made.
"""

from typing import Any, Final

from synapse.module_api import NOT_SPAM, EventBase, ModuleApi, StateMap, UserID

from homeserver.gate.guarded import PROTECTED, is_closed_enough
from homeserver.gate.refusals import Refusals
from homeserver.gate.setting import GateSetting
from homeserver.gate.table import Table, TableUnavailableError

CREATE: Final = ("m.room.create", "")
ENCRYPTION: Final = ("m.room.encryption", "")
COMING_IN: Final = ("join", "invite", "knock")

NEVER_ENCRYPTED: Final = frozenset(
    {"m.room.encrypted", "m.reaction", "m.room.redaction", "org.matrix.dummy_event"}
)
"""What is sent as it is: a wrapped event, what the specification leaves bare, and Synapse's own."""

_SET_ONCE: Final = frozenset(
    {
        "m.room.encryption",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.guest_access",
        "m.room.power_levels",
    }
)
"""Settings of a private chat: written while it is made, never after."""

_NEVER_SET: Final = frozenset({"m.room.canonical_alias", "m.room.server_acl", "m.room.tombstone"})
"""Settings a private chat has no use for."""


class Judging:
    """Three kinds of rooms, told apart by who made them: the network's, chats of our own, private chats."""

    def __init__(self, api: ModuleApi, setting: GateSetting, table: Table, refusals: Refusals) -> None:
        self._api = api
        self._setting = setting
        self._table = table
        self._refusals = refusals

    async def check_event_allowed(
        self, event: EventBase, state: StateMap[EventBase]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Let the event through or raise a 403 with a sentence."""
        if event.is_state():
            try:
                self._judge_state(event, state)
            except TableUnavailableError:
                self._refusals.refuse("unavailable")
        elif ENCRYPTION in state and event.type not in NEVER_ENCRYPTED:
            # an app that cannot encrypt would show the server what people say, a stolen token post an alarm
            self._refusals.refuse("in-clear")
        elif event.type == "m.room.redaction" and self._takes_state_away(event, state):
            self._refusals.refuse("room-protected")
        return True, None

    async def user_may_join_room(self, user_id: str, room_id: str, is_invited: bool) -> Any:
        """Refuse early whom nothing speaks for, before Synapse asks another server for the room."""
        try:
            if is_invited or self._is_ours(user_id) or self._table.allows(user_id, room_id):
                return NOT_SPAM
        except TableUnavailableError:
            return self._refusals.answer("unavailable")
        return self._refusals.answer("not-expected")

    async def federated_user_may_invite(self, event: EventBase) -> Any:
        """Nobody on another server invites anybody here."""
        return self._refusals.answer("outside-invite")

    async def user_may_send_3pid_invite(self, inviter: str, medium: str, address: str, room_id: str) -> Any:
        """Nobody is invited by address."""
        return self._refusals.answer("outside-invite")

    async def check_threepid_can_be_invited(
        self, medium: str, address: str, state: StateMap[EventBase]
    ) -> bool:
        """Nobody is invited by address."""
        self._refusals.count("outside-invite")
        return False

    def _judge_state(self, event: EventBase, state: StateMap[EventBase]) -> None:
        if event.type == CREATE[0]:
            self._judge_creation(event)
            return
        create = state.get(CREATE)
        if create is None:
            # An invitation to a room this server knows nothing of may be declined, nothing else
            if event.type != "m.room.member" or event.content.get("membership") in COMING_IN:
                self._refusals.refuse("unknown-room")
            return
        private = not self._made_by(create, self._setting.growers | self._setting.chatters)
        if event.type == "m.room.member":
            if event.content.get("membership") in COMING_IN and not _is_in(state, event.state_key):
                self._judge_coming_in(event, state, create)
        elif event.type == "m.room.third_party_invite" and event.content:  # the warden takes one back by {}
            self._refusals.refuse("outside-invite")
        elif private:
            self._judge_private_setting(event, state)
        else:
            self._judge_setting(event)

    def _judge_creation(self, event: EventBase) -> None:
        """Judge a room's first event: one made by upgrading another shows itself only here."""
        if self._made_by(event, self._setting.growers | self._setting.chatters):
            return
        if event.content.get("predecessor") or event.content.get("type"):
            self._refusals.refuse("room-maker")

    def _judge_coming_in(self, event: EventBase, state: StateMap[EventBase], create: EventBase) -> None:
        if self._made_by(create, self._setting.growers):
            self._judge_standing(event)
        else:
            self._judge_chat(event.state_key, state, create)

    def _judge_standing(self, event: EventBase) -> None:
        """Judge who comes into a room of the network.

        An account of ours that owns a device may be asked in, but comes only where the table says: else two
        stolen tokens, the warden's and a bot's, would put that bot into a conversation. People of partner
        servers are asked in by the warden alone.
        """
        person, inviting = event.state_key, event.content.get("membership") == "invite"
        if inviting and not self._api.is_mine(person) and event.sender != self._inviter():
            self._refusals.refuse("outside-invite")
        asked = inviting and self._is_ours(person)
        if not (asked or self._is_grower(person) or self._table.allows(person, event.room_id)):
            self._refusals.refuse("not-expected")

    def _judge_chat(self, person: str, state: StateMap[EventBase], create: EventBase) -> None:
        """Judge who comes into a chat of two: one of ours with a member, or two members'."""
        others = [user for user in _people(state) if user != person]
        if len(others) > 1:
            self._refusals.refuse("two-people")
        if person == create.sender and not others:
            return  # the maker comes in first
        if not self._api.is_mine(person):
            self._refusals.refuse("outside-invite")
        if not all((kind, "") in state for kind in _SET_ONCE):
            # Synapse keeps a room whose making failed half way, open and in clear
            self._refusals.refuse("unfinished-room")
        if self._made_by(create, self._setting.chatters):
            if person != create.sender and (self._is_ours(person) or not self._table.knows(person)):
                self._refusals.refuse("not-expected")
        elif self._is_ours(person) or not all(self._table.share_a_room(person, other) for other in others):
            self._refusals.refuse("nothing-shared")

    def _judge_private_setting(self, event: EventBase, state: StateMap[EventBase]) -> None:
        if event.type in _NEVER_SET or (event.type in _SET_ONCE and (event.type, event.state_key) in state):
            self._refusals.refuse("room-protected")
        if event.type == "m.room.power_levels":
            users = event.content.get("users")
            if not isinstance(users, dict) or not set(users) <= {*_people(state)}:
                self._refusals.refuse("room-power")
        elif not is_closed_enough(
            event.type, event.content, trusted=frozenset(), server=self._api.server_name
        ):
            self._refusals.refuse("room-too-open")

    def _judge_setting(self, event: EventBase) -> None:
        """By content, never by sender: the admin API writes power levels in the name of a room's creator."""
        trusted = frozenset(self._api.get_qualified_user_id(name) for name in self._setting.insiders)
        if not is_closed_enough(event.type, event.content, trusted=trusted, server=self._api.server_name):
            self._refusals.refuse("room-power" if event.type == "m.room.power_levels" else "room-too-open")

    def _takes_state_away(self, redaction: EventBase, state: StateMap[EventBase]) -> bool:
        """Whether it would empty a setting: whoever may redact could so undo encryption.

        Of what guards nothing, a room's name say, only those who set it may: a focal point could else make
        the warden put it back until that counts as a fight, and the room is silenced.
        """
        by_us = self._is_grower(redaction.sender)
        return any(
            event.event_id == redaction.redacts and (kind in PROTECTED or not by_us)
            for (kind, _), event in state.items()
        )

    def _made_by(self, create: EventBase, makers: frozenset[str]) -> bool:
        return self._api.is_mine(create.sender) and UserID.from_string(create.sender).localpart in makers

    def _inviter(self) -> str:
        return str(self._api.get_qualified_user_id(self._setting.inviter))

    def _is_ours(self, user_id: str) -> bool:
        return self._api.is_mine(user_id) and UserID.from_string(user_id).localpart in self._setting.insiders

    def _is_grower(self, user_id: str) -> bool:
        return self._api.is_mine(user_id) and UserID.from_string(user_id).localpart in self._setting.growers


def _people(state: StateMap[EventBase]) -> list[str]:
    return [
        user
        for (kind, user), event in state.items()
        if kind == "m.room.member" and event.content.get("membership") in ("join", "invite")
    ]


def _is_in(state: StateMap[EventBase], user_id: str) -> bool:
    """Whether the user is joined already: an event that only repeats it lets nobody in."""
    member = state.get(("m.room.member", user_id))
    return member is not None and member.content.get("membership") == "join"
