"""What an account needs to log on, in files that only we can read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from banyan.files import write_private


@dataclass(frozen=True, slots=True)
class Credentials:
    """One device of one account."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)

    def save(self, path: Path) -> None:
        """Write them with mode 0600."""
        write_private(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises FileNotFoundError."""
        return cls(**json.loads(path.read_bytes()))
