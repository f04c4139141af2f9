"""Which names give something away: one question for the network file and for the rooms of the homeserver."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from banyan.network.vocabulary import country_names

_SHORT = 3
"""Words up to this length count only when they stand alone, longer ones also at the start of a word."""


def telling_words(words: Iterable[str], countries: Iterable[str], themes: Iterable[str]) -> tuple[str, ...]:
    """What no name may have, the longest first: given words, names of countries in every language, themes."""
    return tuple(
        sorted(set(filter(None, map(letters, _spelt(words, countries, themes)))), key=len, reverse=True)
    )


def given_away(name: str, telling: Iterable[str]) -> str | None:
    """The first of the telling words that a name has; None when it says nothing."""
    parts = {letters(name), *map(letters, re.split(r"[\s'-]+", name))}
    for word in telling:
        if word in parts or (len(word) > _SHORT and any(part.startswith(word) for part in parts)):
            return word
    return None


def letters(text: str) -> str:
    """Letters and digits only, small, without marks."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return "".join(character for character in plain if character.isascii() and character.isalnum())


def _spelt(words: Iterable[str], countries: Iterable[str], themes: Iterable[str]) -> Iterator[str]:
    yield from words
    for code in countries:
        yield code
        for name in country_names(code):
            yield from (name, *re.split(r"[^\w\s]+", name))
    yield from themes
