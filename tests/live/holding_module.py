"""A module inside Synapse, for tests only: holds an event that says so, made but not yet in its room."""

from pathlib import Path

from synapse.module_api import NOT_SPAM

HELD = "social.banyan.test.held"
BEGUN, GO = "held", "go"
"""Files in the directory it is given: an event is held; it may go."""


class Holding:
    """Registers the callback: asked when an event knows what it stands on, before it is anywhere."""

    def __init__(self, config, api):
        self._directory = Path(config["directory"])
        self._api = api
        api.register_spam_checker_callbacks(check_event_for_spam=self.check_event_for_spam)

    @staticmethod
    def parse_config(config):
        return config

    async def check_event_for_spam(self, event):
        if event.content.get(HELD):
            (self._directory / BEGUN).touch()
            while not (self._directory / GO).exists():
                await self._api.sleep(0.05)
        return NOT_SPAM
