"""Every rule of membership, one file a topic, each listed here by hand: nothing registers itself."""

from collections.abc import Mapping
from typing import Final

from policies.engine import Rule

RULES: Final[tuple[Rule, ...]] = ()

BY_ID: Final[Mapping[str, Rule]] = {each.id: each for each in RULES}
