"""What people type, made comparable: any script's digits, no invisible characters, accents or none."""

import re
import unicodedata
from functools import cache

from banyan.i18n import LANGUAGES, translate

PILL = re.compile(
    r"\[[^\]]{0,255}\]\(https://matrix\.to/#/(@[^)\s]{1,255})\)|https://matrix\.to/#/(@\S{1,255})"
)

BOUNDARY = re.compile(r"(?<=[^\x00-\x7f\s])(?=[A-Za-z0-9@])|(?<=[^\s\d])(?=\d)")

AROUND = " \t\n“”\"'\u2018\u2019`.,;:!?()"
"""What people put around a name."""


def word(typed: str) -> str:
    """Return the bare form of something typed, for comparing with the words of the catalogs.

    Without case, punctuation around it, or the invisible breaks that Khmer and Burmese keyboards put in.
    """
    bare = unicodedata.normalize("NFKC", typed).casefold()
    bare = "".join(c for c in bare if unicodedata.category(c) != "Cf")
    kept = [" " if unicodedata.category(c)[0] in "PSZC" else c for c in bare]
    return " ".join("".join(kept).split())


def asks(typed: str) -> bool:
    """Whether something typed is a question: “safe?” does not say that somebody is."""
    return typed.rstrip().endswith(("?", "\uff1f"))


def means(typed: str, words: str) -> bool:
    """Whether something typed is one of the alternatives of a marked text, in any language.

    The alternatives have a comma between them, in every catalog.
    """
    return word(typed) in _alternatives(words)


@cache
def _alternatives(words: str) -> frozenset[str]:
    """Each of them in every language, as `word` leaves it and as it is typed without its marks."""
    every = {word(each) for tag in LANGUAGES for each in translate(words, tag).split(",")}
    return frozenset(every.union(map(plain, every)) - {""})


def plain(bare: str) -> str:
    """Return a bare word as it is typed without a Vietnamese or French keyboard: `tro giup`."""
    spread = unicodedata.normalize("NFD", bare.replace("đ", "d"))
    if any(c.isalpha() and not "a" <= c <= "z" for c in spread if not unicodedata.combining(c)):
        return bare  # in other scripts the marks are letters
    return "".join(c for c in spread if not unicodedata.combining(c))


def latin_digits(typed: str) -> str:
    """Return a text with the digits of every script as 0 to 9: `၁၂` is `12`."""
    return "".join(str(unicodedata.decimal(c, c)) for c in typed)


def number(typed: str) -> str | None:
    """Return the digits, when nothing else was typed but punctuation: `(၂)` is `2`."""
    bare = latin_digits(word(typed))
    return bare if re.fullmatch("[0-9]{1,12}", bare) else None


def pseudonym(typed: str) -> str:
    """Return the local part that a name, a user id, a link or a pill stands for."""
    found = PILL.search(typed)
    name = (found[1] or found[2]) if found else typed
    name = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return name.strip(AROUND).removeprefix("@").partition(":")[0].casefold()


def spaced(typed: str) -> str:
    """Return something typed with a space where a name or a number follows a script without spaces.

    People who write Chinese or Thai put none there: `冻结amber-heron`, `ปฏิเสธ๔๘๒๑`.
    """
    return BOUNDARY.sub(" ", typed)


def without_quote(body: str) -> str:
    """Return what somebody wrote without the message it answers, which apps put before it after `> `."""
    if not body.startswith(("> <@", "> * <@")):
        return body
    lines = body.splitlines()
    rest = next((at for at, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[rest:]).strip("\n")
