"""The catalogs: complete, in step with the texts, and each in its own script."""

import unicodedata
from io import BytesIO

import pytest
from babel.messages.pofile import read_po

from banyan.i18n import (
    ENDONYMS,
    LANGUAGES,
    SOURCE,
    UNREVIEWED,
    catalog_file,
    locale_of,
    placeholders,
)
from banyan.locales.__main__ import extract, files, merge

TRANSLATED = [each for each in LANGUAGES if each != SOURCE]
SCRIPTS = {
    "km": "KHMER",
    "lo": "LAO",
    "my": "MYANMAR",
    "th": "THAI",
    "zh-Hans": "CJK",
    "fr": "LATIN",
    "vi": "LATIN",
}
LONG = 25
"""Characters from which on two languages do not say the same by chance."""


def messages(language):
    with catalog_file(language).open("rb") as file:
        return {each.id: each for each in read_po(file) if each.id}


def words(text):
    return {unicodedata.name(each, "?").split()[0] for each in text if each.isalpha()}


def test_every_file_is_in_step():
    """What `python -m banyan.locales` would write is what is there."""
    stale = [path.name for path, content in files() if not path.exists() or path.read_bytes() != content]
    assert stale == [], "run python -m banyan.locales and translate what is new"


def test_the_texts_of_every_kind_of_source_are_found():
    """Python and templates are both read; a comment for translators comes along."""
    found = {each.id for each in extract()}
    assert {"Choose a passphrase", "Someone was arrested"} <= found


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language):
    """Nobody meets an English sentence among their own."""
    assert [each.id for each in messages(language).values() if not each.string or each.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_placeholders_are_the_same(language):
    """A translation wants what the text gives, all of it."""
    for each in messages(language).values():
        assert placeholders(each.string) == placeholders(each.id), each.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_texts_are_whole_and_in_their_script(language):
    """No broken characters, composed spelling, and every sentence in the script of its language."""
    for each in messages(language).values():
        assert "\ufffd" not in each.string
        assert each.string == unicodedata.normalize("NFC", each.string)
        assert each.string == each.string.strip()
        assert SCRIPTS[language] in words(each.string), each.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_first_sign_stays(language):
    """The coloured sign at the head of an alert is the same in every language."""
    for each in messages(language).values():
        if unicodedata.category(each.id[0]) == "So":
            assert each.string[0] == each.id[0]


def test_no_two_languages_say_the_same():
    """A sentence under two tags is one that was pasted into the wrong file."""
    seen = {}
    for language in TRANSLATED:
        for each in messages(language).values():
            if len(each.string) >= LONG:
                assert seen.setdefault(each.string, language) == language
                assert each.string != each.id


def test_a_new_text_is_unreviewed_and_a_removed_one_goes():
    """Whatever no speaker has signed carries the mark; nothing is guessed from a similar text."""
    found = extract()
    found.delete("Join")
    found.add("Join us")
    merged = {each.id: each for each in read_po(BytesIO(merge("fr", found)))}
    assert merged["Join us"].string == ""
    assert merged["Join us"].user_comments == [UNREVIEWED]
    assert "Join" not in merged
    assert merged["Language"].string == "Langue"


def test_catalog_names_and_tags():
    """BCP 47 tags and catalog names are two spellings of one thing."""
    assert locale_of("zh-Hans") == "zh_Hans"
    assert {locale_of(tag).replace("_", "-") for tag in LANGUAGES} == {*LANGUAGES}
    assert len(set(ENDONYMS.values())) == len(ENDONYMS)
