"""From a file to a `Network`, or to one message that lists every fault."""

import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from banyan.errors import BadFile, Fault
from banyan.network.checks import ANY, Exact, check
from banyan.network.document import Document, KeyPath, read
from banyan.network.model import Network
from banyan.network.values import near

SCHEMA_FILE = "network.schema.json"
"""Stands beside the networks; editors find it through their first line."""


def load_network(path: Path, exact: Exact = ANY) -> Network:
    """Read a network file. Raise `BadFile` that names every fault with its line and a hint.

    `exact` are the rules of which a waiver has to say exactly what it covers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise BadFile(path.name, [Fault(0, "file", "cannot be read", "is the path right?")]) from None
    except UnicodeDecodeError:
        raise BadFile(path.name, [Fault(0, "file", "is not UTF-8 text", "save it as UTF-8")]) from None
    return parse_network(text, path.name, exact)


def parse_network(text: str, name: str, exact: Exact = ANY) -> Network:
    """As `load_network`, from text; `name` is what the message calls it."""
    document = read(text)
    if not isinstance(document.data, dict):
        raise BadFile(name, document.faults or [Fault(1, "file", "must be a mapping of keys")])
    network: Network | None = None
    try:
        network = Network.model_validate(document.data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            _note(document, each)
    check(document, exact)
    if network is None or document.faults:
        raise BadFile(name, sorted(set(document.faults), key=lambda fault: fault.line))
    return network


def schema_text() -> str:
    """Return the JSON Schema of a network file, as it lies beside the networks."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Network.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _note(document: Document, error: Mapping[str, Any]) -> None:
    path: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    hint = error.get("ctx", {}).get("hint", "")
    if error["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        hint = near(str(path[-1]), known) or f"here may stand {', '.join(known)}"
    document.fault(path, _SENTENCES.get(error["type"], error["msg"]), hint)


_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys",
    "extra_forbidden": "is not a key that stands here",
    "int_type": "must be a whole number",
    "mapping_type": "must be a mapping of keys",
    "missing": "is missing",
    "model_type": "must be a mapping of keys",
    "string_type": "must be text",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
"""pydantic's kind of error → our sentence; other kinds keep pydantic's."""


def _keys_at(path: KeyPath) -> list[str]:
    here: Any = Network
    for key in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[str(key)].annotation
        else:
            here = get_args(here)[-1]
        while get_origin(here) is typing.Annotated:
            here = get_args(here)[0]
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []
