"""Networks that are smaller than the example, for what does not need all of it: every room costs time."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from banyan.settings import DEFAULT_NETWORK


def part_of_example(countries: Iterable[str], role: str, room: str) -> dict[str, Any]:
    """The example network with some of its countries, no themes, and one role with its one staff room."""
    raw = yaml.safe_load(DEFAULT_NETWORK.read_text())
    raw["countries"] = {key: raw["countries"][key] for key in countries}
    raw["themes"] = {}
    raw["staff"] = {room: raw["staff"][room]}
    raw["roles"] = {role: raw["roles"][role] | {"rooms": [room]}}
    return raw


def write_home(home: Path, network: dict[str, Any], **settings: Any) -> None:
    """A home of that network, to be started."""
    home.mkdir(parents=True)
    (home / "network.yaml").write_text(yaml.safe_dump(network, sort_keys=False))
    (home / "banyan.yaml").write_text(yaml.safe_dump({"network": "network.yaml", **settings}))
