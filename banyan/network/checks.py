"""What one value cannot know: rules between parts of the file.

They run on plain data, so that they are told together with whatever else is wrong.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from banyan.network.document import Document, KeyPath
from banyan.network.model import Limits
from banyan.network.telling import given_away, telling_words
from banyan.network.values import near

Exact = Mapping[str, Collection[str]]
"""Rule → the values that a waiver of it has to name. What is not among them any waiver may cover."""

ANY: Final[Exact] = MappingProxyType({})


def check(document: Document, exact: Exact = ANY) -> None:
    """Note every fault between parts of the file."""
    _code_names_are_unique(document)
    _code_names_say_nothing(document)
    _cells_are_whole(document)
    _roles_know_their_rooms(document)
    _partners_are_whole(document)
    _joint_rooms_know_whom(document)
    _waivers_say_enough(document, exact)


def _code_names(document: Document) -> Iterator[tuple[KeyPath, str]]:
    for path, text in document.texts():
        if path[-1] in {"code_name", "word"} or path[-2:-1] == ("cells",):
            yield path, text


def _code_names_are_unique(document: Document) -> None:
    first: dict[str, KeyPath] = {}
    for path, name in _code_names(document):
        seen = first.setdefault(name.casefold(), path)
        if seen != path:
            where = f"{'.'.join(map(str, seen))}, line {document.line(seen)}"
            document.fault(path, f"code name {name!r} is taken by {where}", "every code name stands once")


def _code_names_say_nothing(document: Document) -> None:
    words = (text for _, text in document.texts(("words",)))
    telling = telling_words(words, _keys(document, "countries"), _keys(document, "themes"))
    for path, name in _code_names(document):
        if word := given_away(name, telling):
            hint = "the server, push services and a seized phone all show it"
            document.fault(path, f"code name {name!r} gives away {word!r}", hint)


def _cells_are_whole(document: Document) -> None:
    visible = document.at(("limits", "visible_members"))
    visible = visible if isinstance(visible, int) else Limits().visible_members
    for code in _keys(document, "countries"):
        path: KeyPath = ("countries", code)
        country = document.at(path)
        if not isinstance(country, dict):
            continue
        if not country.get("cells"):
            if not country.get("code_name"):
                document.fault(path, "has no code name", "add `code_name:`, or `cells:` with `cell_size:`")
            if "cell_size" in country:
                hint = "add `cells:`, a list of code names"
                document.fault((*path, "cell_size"), "stands without cells", hint)
            continue
        if "code_name" in country:
            hint = "each cell has its own; a common one would tie them together"
            document.fault((*path, "code_name"), "stands beside cells", hint)
        size = country.get("cell_size")
        if size is None:
            document.fault((*path, "cells"), "have no size", "add `cell_size:`, e.g. 25")
        elif isinstance(size, int) and size > visible:
            hint = "a member would see more others than the limit allows"
            document.fault((*path, "cell_size"), f"{size} is above limits.visible_members ({visible})", hint)


def _roles_know_their_rooms(document: Document) -> None:
    staff = _keys(document, "staff")
    for role in _keys(document, "roles"):
        for path, room in document.texts(("roles", role, "rooms")):
            if room not in staff:
                hint = near(room, staff) or f"staff has {', '.join(staff)}"
                document.fault(path, f"staff room {room!r} is not declared", hint)


def _partners_are_whole(document: Document) -> None:
    servers: dict[str, str] = {}
    for name in _keys(document, "partners"):
        path: KeyPath = ("partners", name)
        partner = document.at(path)
        if not isinstance(partner, dict):
            continue
        server, people = partner.get("server"), partner.get("people") or []
        if isinstance(server, str) and servers.setdefault(server, name) != name:
            hint = "to cut one off would cut the other"
            document.fault((*path, "server"), f"{server!r} is {servers[server]}'s server too", hint)
        for number, user_id in enumerate(people if isinstance(people, list) else []):
            if isinstance(user_id, str) and user_id.partition(":")[2] != server:
                hint = "only people of the partner's own `server:`"
                document.fault((*path, "people", number), f"{user_id!r} is of another server", hint)


def _joint_rooms_know_whom(document: Document) -> None:
    for name in _keys(document, "joint"):
        for part, known in (("partners", "partners"), ("roles", "roles")):
            for path, key in document.texts(("joint", name, part)):
                if key not in _keys(document, known):
                    hint = near(key, _keys(document, known)) or f"declare it under `{known}:`"
                    document.fault(path, f"{key!r} is not declared", hint)


def _waivers_say_enough(document: Document, exact: Exact) -> None:
    waivers = document.at(("waivers",))
    for number, waiver in enumerate(waivers if isinstance(waivers, list) else []):
        rule = waiver.get("rule") if isinstance(waiver, dict) else None
        if not isinstance(rule, str) or rule not in exact:
            continue
        path: KeyPath = ("waivers", number)
        if waiver.get("subject") == "*":
            hint = "name the one that it is for, as `banyan audit` does"
            document.fault((*path, "subject"), f"'*' would cover every {rule} that comes later", hint)
        only = waiver.get("only", {})
        missing = [name for name in exact[rule] if not isinstance(only, dict) or name not in only]
        if missing:
            wanted = ", ".join(f"{name}: …" for name in missing)
            hint = f"add `only: {{{wanted}}}` with the values that `banyan audit --json` shows"
            document.fault((*path, "only"), f"must say which {rule} is meant", hint)


def _keys(document: Document, part: str) -> list[str]:
    found: Any = document.at((part,))
    return list(found) if isinstance(found, dict) else []
