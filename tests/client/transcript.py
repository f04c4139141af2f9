"""An evening as each person read it, written down with everything in English beside it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from banyan.i18n import ENDONYMS, LANGUAGES
from tests.client.element import Event
from tests.client.english import english
from tests.client.evening import Evening
from tests.client.network import SPEAKERS
from tests.client.person import POLL_RESPONSE, Person

BETWEEN = "———"
"""Stands between a text and the same in English."""

LANGUAGE = re.compile(f"{BETWEEN} (.+?) {BETWEEN}")
"""Stands above each language of a preview."""

PAGE = Path(__file__).parents[2] / "docs" / "evening.md"

HEAD = """\
# An evening, as each person reads it

Five people spend an evening with the network of `policies/networks/mekong.yaml`. This page is written by
`tests/client/test_evening.py` from what their apps showed: matrix-js-sdk, set as Element will be, so that
only devices count that their owners signed. Everything here was encrypted and came without a warning, but
for the taps on an announcement, which a homeserver can read. Times are minutes and seconds since the first
of them opened the link. Names are made up by the network and differ each time. What stands under
“in English” is our catalogs read backwards; where it is empty, the screen was in English, or somebody wrote
something of their own."""


@dataclass(frozen=True)
class Shown:
    """One thing on a screen."""

    at: datetime
    place: str
    sender: str
    said: str


async def read_by(person: Person, names: Mapping[str, str]) -> list[Shown]:
    """What a person's app holds, of every room, in order."""
    found = []
    for place, room_id in person.rooms.items():
        timeline = await person.element.timeline(room_id)
        found += [
            Shown(event.at, person.titles.get(place, "chat with the desk"), names[event.sender], said)
            for event in timeline
            if (said := _said(event, names[event.sender]))
        ]
    return sorted(found, key=lambda shown: shown.at)


async def transcript(evening: Evening) -> str:
    """The whole page."""
    people = evening.people.values()
    names = {person.element.user_id: person.name for person in people}
    names |= {evening.network.account(name): name for name in SPEAKERS}
    lines = [HEAD]
    for person in people:
        lines += ["", f"## {person.role}: {person.name}"]
        lines += _screen(await read_by(person, names), person, evening.began)
    return "\n".join(lines) + "\n"


def _screen(shown: Sequence[Shown], person: Person, began: datetime) -> Iterator[str]:
    """One table; a room is named where it changes."""
    yield from ("", "| at | who | on the screen | in English |", "|---|---|---|---|")
    for place, entries in groupby(shown, key=lambda each: each.place):
        yield f"| | | **{place}** | |"
        for each in entries:
            said = _once(each.said, person.language)
            meaning = _meaning(said, person)
            cells = (_after(each.at, began), each.sender, said, "" if meaning == said else meaning)
            yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _meaning(said: str, person: Person) -> str:
    """In English, from whichever language it is: colleagues of other countries are answered in theirs."""
    likely = (person.language, person.guided_in, *LANGUAGES)
    meanings = (english(said, language) for language in dict.fromkeys(likely))
    return next((meaning for meaning in meanings if meaning != said), said)


def _said(event: Event, sender: str) -> str:
    content = event.content or {}
    if event.type == "m.reaction":
        # ours only stand there to be tapped
        return "" if sender in SPEAKERS else f"(taps {content.get('m.relates_to', {}).get('key', '')})"
    if event.type == POLL_RESPONSE:
        return "(taps an answer)"
    return event.body or ""


def _once(said: str, language: str) -> str:
    """Without the same in English below it, and of a preview only what is in the reader's language."""
    ours, between, _ = said.partition(f"\n\n{BETWEEN}\n\n")
    if between:
        return f"{ours}\n(and the same in English)"
    head, *blocks = LANGUAGE.split(said)
    if not blocks:
        return said
    by_name = dict(zip(blocks[::2], blocks[1::2], strict=True))
    *_, end = blocks[-1].strip().split("\n\n")
    own = by_name[ENDONYMS[language]].strip().removesuffix(end).strip()
    return f"{head}\n{own}\n(and the same in {len(by_name) - 1} other languages)\n{end}"


def _after(at: datetime, began: datetime) -> str:
    seconds = max(0, int((at - began).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _cell(text: str) -> str:
    safe = text.replace("|", "\\|").replace("<", "&lt;")
    return "<br>".join(line for line in safe.splitlines() if line)
