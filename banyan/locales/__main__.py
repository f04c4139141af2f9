"""Keep the catalogs in step with the texts: `python -m banyan.locales`, whenever a marked text changed.

Writes `banyan.pot` and merges it into every catalog: new texts come in untranslated, removed ones go. Nothing
is guessed: a changed text is a new text. Files carry no dates and no line numbers: only texts change them.
"""

from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from banyan.i18n import DOMAIN, LANGUAGES, LOCALES, SOURCE, UNREVIEWED, catalog_file, locale_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("banyan", "homeserver", "bridge", "bots", "policies")
TEMPLATE = LOCALES / f"{DOMAIN}.pot"
METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
KEYWORDS: dict[str, tuple[int, ...] | None] = {"N_": None, "_": None}
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: {language}\\n"\n\n'


def extract() -> Catalog:
    """Collect every marked text, with the file it stands in and the comments above it that begin `Note:`."""
    found = Catalog(charset="utf-8")
    for package in PACKAGES:
        texts = extract_from_dir(ROOT / package, METHODS, keywords=KEYWORDS, comment_tags=("Note:",))
        for file, _, text, comments, _ in texts:
            found.add(text, locations=[(f"{package}/{file}", 0)], auto_comments=comments)
    return found


def merge(language: str, found: Catalog) -> bytes:
    """Return the catalog of `language` brought in step with the texts found.

    A new text is marked as unreviewed; the mark goes when a speaker of the language has signed it.
    """
    file = catalog_file(language)
    with BytesIO(file.read_bytes() if file.exists() else b"") as old:
        catalog = read_po(old, locale=locale_of(language))
    known = {message.id for message in catalog}
    catalog.update(deepcopy(found), no_fuzzy_matching=True, update_creation_date=False)
    for message in catalog:
        if message.id and message.id not in known:
            message.user_comments.append(UNREVIEWED)
    return serialise(catalog, language)


def serialise(catalog: Catalog, language: str = "") -> bytes:
    """Write a catalog so that equal texts give equal bytes."""
    buffer = BytesIO(HEADER.format(language=locale_of(language)).encode())
    buffer.seek(0, 2)
    options = {"omit_header": True, "sort_by_file": True, "ignore_obsolete": True, "include_lineno": False}
    write_po(buffer, catalog, width=110, **options)
    return buffer.getvalue()


def files() -> Iterator[tuple[Path, bytes]]:
    """Yield every file of the catalogs with the bytes it should have."""
    found = extract()
    yield TEMPLATE, serialise(found)
    for language in LANGUAGES:
        if language != SOURCE:
            yield catalog_file(language), merge(language, found)


def main() -> None:
    """Bring every file in step."""
    for path, content in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
