"""A module inside Synapse, beside the gate, for tests only: does what an attacker who owns the server does.

While one request lasts nobody asks the gate. What the room itself forbids stays forbidden.
"""

from contextlib import contextmanager

from synapse.module_api import DirectServeJsonResource, parse_json_object_from_request

PATH = "/_synapse/client/drift"


class Drift:
    """Registers the resource."""

    def __init__(self, config, api):
        api.register_web_resource(PATH, DriftResource(api))

    @staticmethod
    def parse_config(config):
        return config


class DriftResource(DirectServeJsonResource):
    """POST {"sender", "room_id"} with {"type", "state_key", "content"} or {"user_id", "membership"}.

    Or {"register": localpart}: answers {"user_id", "device_id", "access_token"}.
    """

    def __init__(self, api):
        super().__init__()
        self._api = api

    async def _async_render_POST(self, request):  # noqa: N802
        asked = parse_json_object_from_request(request)
        with self._unguarded():
            if "register" in asked:
                user_id = await self._api.register_user(asked["register"])
                device_id, token, *_ = await self._api.register_device(user_id)
                return 200, {"user_id": user_id, "device_id": device_id, "access_token": token}
            if "membership" in asked:
                await self._api.update_room_membership(
                    asked["sender"], asked["user_id"], asked["room_id"], asked["membership"]
                )
            else:
                await self._api.create_and_send_event_into_room(asked)
        return 200, {}

    @contextmanager
    def _unguarded(self):
        callbacks = self._api._hs.get_module_api_callbacks()
        guards = (
            callbacks.third_party_event_rules._check_event_allowed_callbacks,
            callbacks.spam_checker._check_event_for_spam_callbacks,
            callbacks.spam_checker._user_may_join_room_callbacks,
            callbacks.spam_checker._user_may_invite_callbacks,
            callbacks.spam_checker._check_registration_for_spam_callbacks,
        )
        asked = [[*guard] for guard in guards]
        for guard in guards:
            guard.clear()
        try:
            yield
        finally:
            for guard, callback in zip(guards, asked, strict=True):
                guard.extend(callback)
