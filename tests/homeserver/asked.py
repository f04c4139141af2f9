"""A configuration that remembers which of its keys Synapse asked for."""

from collections.abc import Iterator
from typing import Any


class Asked(dict):
    """A dict, nested ones and those in lists included, that notes every key read, by dotted path."""

    def __init__(self, content: dict[str, Any], path: str = "", seen: set[str] | None = None) -> None:
        self.path = path
        self.seen: set[str] = set() if seen is None else seen
        super().__init__({key: self._wrap(value, self._at(key)) for key, value in content.items()})
        self._given = set(self._paths())  # Synapse adds keys of its own

    def unasked(self) -> set[str]:
        """Paths of given keys that nobody read."""
        return self._given - self.seen

    def __getitem__(self, key: str) -> Any:
        self.seen.add(self._at(key))
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(self._at(key))
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.seen.add(self._at(key))
        return super().pop(key, *default)

    def __contains__(self, key: object) -> bool:
        self.seen.add(self._at(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.seen.update(self._at(key) for key in dict.__iter__(self))
        return super().__iter__()

    def keys(self) -> Any:
        self.seen.update(self._at(key) for key in dict.__iter__(self))
        return super().keys()

    def items(self) -> Any:
        self.seen.update(self._at(key) for key in dict.__iter__(self))
        return super().items()

    def _wrap(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return Asked(value, path, self.seen)
        if isinstance(value, list):
            return [self._wrap(item, f"{path}[]") for item in value]
        return value

    def _at(self, key: object) -> str:
        return f"{self.path}.{key}" if self.path else str(key)

    def _paths(self) -> Iterator[str]:
        for key, value in super().items():
            yield self._at(key)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, Asked):
                    yield from child._paths()
