"""Who may make which room."""

from typing import Any, Final

from synapse.module_api import EventBase, ModuleApi, Requester, StateMap, UserID
from synapse.module_api.errors import Codes

from homeserver.gate.refusals import Refusals
from homeserver.gate.setting import GateSetting
from homeserver.gate.table import Table, TableUnavailableError

ENCRYPTION: Final = "m.room.encryption"
ALGORITHM: Final = "m.megolm.v1.aes-sha2"
_PRIVATE_PRESETS: Final = ("private_chat", "trusted_private_chat")

State = dict[str, dict[str, Any]]
"""Event type → content, for state keys that are empty."""


class Creating:
    """The keeper and the warden make rooms, the desk and the steward chats, members private chats.

    Everything hangs on `on_create_room`: unlike `user_may_create_room` it is asked for server admins too.
    Rooms made by upgrading another never come here; `judging` sees their first event.
    """

    def __init__(self, api: ModuleApi, setting: GateSetting, table: Table, refusals: Refusals) -> None:
        self._api = api
        self._setting = setting
        self._table = table
        self._refusals = refusals

    async def on_create_room(self, requester: Requester, config: dict[str, Any], is_admin: bool) -> None:
        """Refuse the room, or let it through with its private settings filled in."""
        refuse = self._refusals.refuse
        if config.get("visibility") == "public" or config.get("preset") == "public_chat":
            refuse("public")
        if config.get("room_alias_name"):
            refuse("room-address")
        if config.get("invite_3pid"):
            refuse("outside-invite")
        state = _initial_state(config)
        maker = requester.user.localpart
        if maker in self._setting.growers:
            if not (_encrypted(state) or _is_space(config)):
                refuse("unencrypted")
            return
        try:
            if maker in self._setting.chatters:
                self._judge_chat(config, state)
            else:
                self._judge_private_chat(requester.user.to_string(), config, state)
        except TableUnavailableError:
            refuse("unavailable")

    async def check_visibility(self, room_id: str, state: StateMap[EventBase], visibility: str) -> bool:
        """No room is listed."""
        if visibility == "private":
            return True
        self._refusals.count("public")
        return False

    async def user_may_publish_room(self, user_id: str, room_id: str) -> tuple[Codes, dict[str, Any]]:
        """No room is listed, whoever asks."""
        return self._refusals.answer("public")

    def _judge_chat(self, config: dict[str, Any], state: State) -> None:
        if not _encrypted(state):
            self._refusals.refuse("unencrypted")
        invitee = self._only_invitee(config)
        if self._is_ours(invitee) or not self._table.knows(invitee):
            self._refusals.refuse("not-expected")

    def _judge_private_chat(self, maker: str, config: dict[str, Any], state: State) -> None:
        refuse = self._refusals.refuse
        if config.get("is_direct") is not True or config.get("preset") not in _PRIVATE_PRESETS:
            refuse("room-maker")
        if not self._setting.private_chats:
            refuse("private-chats-off")
        if not _encrypted(state):
            refuse("unencrypted")
        invitee = self._only_invitee(config)
        creation = config.get("creation_content") or {}
        if creation.get("type") or creation.get("additional_creators") or creation.get("predecessor"):
            refuse("private-chat-shape")
        if invitee == maker or self._is_ours(invitee) or not self._table.share_a_room(maker, invitee):
            refuse("nothing-shared")
        _close(config)

    def _is_ours(self, user_id: str) -> bool:
        return UserID.from_string(user_id).localpart in self._setting.accounts

    def _only_invitee(self, config: dict[str, Any]) -> str:
        invitees = config.get("invite")
        if not (isinstance(invitees, list) and len(invitees) == 1 and isinstance(invitees[0], str)):
            self._refusals.refuse("private-chat-shape")
        if not self._api.is_mine(invitees[0]):
            self._refusals.refuse("outside-invite")
        return str(invitees[0])


def _initial_state(config: dict[str, Any]) -> State:
    """Read `initial_state`; what is malformed is left out here and refused by Synapse."""
    events = config.get("initial_state")
    state: State = {}
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and not event.get("state_key") and isinstance(event.get("content"), dict):
            state[str(event.get("type"))] = event["content"]
    return state


def _encrypted(state: State) -> bool:
    return state.get(ENCRYPTION, {}).get("algorithm") == ALGORITHM


def _is_space(config: dict[str, Any]) -> bool:
    return bool((config.get("creation_content") or {}).get("type") == "m.space")


def _close(config: dict[str, Any]) -> None:
    """Put the private settings in that clients leave out.

    Synapse's own would show the past to whoever joins and let guests in. Element sends its first message
    together with the invitation, so the past begins at the invitation. The room's members are on this server.
    """
    closed = {
        "m.room.history_visibility": {"history_visibility": "invited"},
        "m.room.guest_access": {"guest_access": "forbidden"},
        "m.room.join_rules": {"join_rule": "invite"},
    }
    given = [event for event in config.get("initial_state") or [] if event.get("type") not in closed]
    config["initial_state"] = given + [
        {"type": kind, "state_key": "", "content": content} for kind, content in closed.items()
    ]
    config["creation_content"] = {"m.federate": False}
    config["room_version"] = "12"
