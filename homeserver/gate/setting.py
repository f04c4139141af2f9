"""What the gate is told in homeserver.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class GateSetting:
    """The module's configuration; accounts are localparts."""

    table: Path
    secret: str
    """Bearer secret of the web resources."""
    accounts: frozenset[str]
    """Our own accounts, the only ones that exist without an invitation."""
    growers: frozenset[str]
    """Who makes the network's rooms."""
    chatters: frozenset[str]
    """Who opens a chat with one member."""
    insiders: frozenset[str]
    """Who of ours may be in the network's rooms: growers freely, the others where the table says."""
    inviter: str
    """Who invites members to rooms that cannot be joined without."""
    private_chats: bool

    @classmethod
    def parse(cls, config: dict[str, Any]) -> "GateSetting":
        """Read the configuration. Raises KeyError, OSError or ValueError: Synapse then refuses to start."""
        secret = Path(config["secret_path"]).read_text(encoding="utf-8").strip()
        if not secret:
            raise ValueError("the gate's secret file is empty")
        return cls(
            table=Path(config["table"]),
            secret=secret,
            accounts=frozenset(config["accounts"]),
            growers=frozenset(config["growers"]),
            chatters=frozenset(config["chatters"]),
            insiders=frozenset(config["insiders"]),
            inviter=str(config["inviter"]),
            private_chats=config["private_chats"] is True,
        )
