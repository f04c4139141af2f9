"""Read YAML and remember on which line everything stands.

Stricter than YAML: keys are always text (`NO` is Norway, not false), a key stands once, and there are no
anchors, so that what a person reads is what is meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from banyan.errors import Fault

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the file."""


@dataclass
class Document:
    """A file as plain data, with the line of every key and every list item."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """1-based line of the path, or of the nearest thing above it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: KeyPath, problem: str, hint: str = "") -> None:
        """Note one fault at its place."""
        self.faults.append(Fault(self.line(path), ".".join(map(str, path)) or "file", problem, hint))

    def texts(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
        """Every text below a path, with its own path."""
        yield from _texts(self.at(path), path)

    def at(self, path: KeyPath) -> Any:
        """Return the data at a path; None where there is none."""
        found = self.data
        for key in path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found


def read(text: str) -> Document:
    """Parse; what cannot be parsed at all becomes a fault and leaves `data` None."""
    document = Document()
    try:
        root = _Loader(text).get_single_node()
        if root is not None:
            document.data = _plain(root, (), document)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        document.faults.append(Fault(line, "file", f"is not YAML: {error.problem}"))
    except yaml.YAMLError:
        document.faults.append(Fault(0, "file", "is not text that YAML allows"))
    except RecursionError:
        document.faults.append(Fault(0, "file", "is nested too deeply to be read"))
    return document


class _Loader(yaml.SafeLoader):
    """SafeLoader without anchors: a few lines of them can unfold to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "anchors (& and *) are not understood here", event.start_mark
            )
        return super().compose_node(parent, index)


def _plain(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, number), document) for number, item in enumerate(node.value)]
    try:
        return _SCALARS.construct_object(node)
    except (yaml.YAMLError, ValueError):
        document.fault(path, "is a value that cannot be read here", "put it in quotes")
        return None


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(line, ".".join(map(str, path)) or "file", "a key must be a word"))
            continue
        key: str = key_node.value
        here = (*path, key)
        if key in found:
            document.faults.append(
                Fault(
                    line,
                    ".".join(map(str, here)),
                    f"stands twice, first on line {document.lines[here]}",
                    "keep one of them",
                )
            )
            continue
        document.lines[here] = line
        found[key] = _plain(value, here, document)
    return found


def _texts(found: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(found, str):
        yield path, found
    elif isinstance(found, dict):
        for key, value in found.items():
            yield from _texts(value, (*path, key))
    elif isinstance(found, list):
        for number, value in enumerate(found):
            yield from _texts(value, (*path, number))


_SCALARS = yaml.SafeLoader("")
