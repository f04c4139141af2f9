"""The network file: one YAML file declares a network; read once into frozen objects."""

from banyan.network.loading import SCHEMA_FILE, load_network, parse_network, schema_text
from banyan.network.model import (
    Area,
    Country,
    JointRoom,
    Limits,
    Network,
    Package,
    Partner,
    Programme,
    Regional,
    Role,
    RoomStyle,
    StaffRoom,
    Theme,
    Waiver,
)
from banyan.network.values import REGIONAL
from banyan.network.vocabulary import LANGUAGES

__all__ = [
    "LANGUAGES",
    "REGIONAL",
    "SCHEMA_FILE",
    "Area",
    "Country",
    "JointRoom",
    "Limits",
    "Network",
    "Package",
    "Partner",
    "Programme",
    "Regional",
    "Role",
    "RoomStyle",
    "StaffRoom",
    "Theme",
    "Waiver",
    "load_network",
    "parse_network",
    "schema_text",
]
