"""What a text tells people to write is understood, in every language."""

import re

import pytest

from banyan.i18n import LANGUAGES, SOURCE, translate
from banyan.locales.__main__ import extract
from bots.commands import TABLE
from bots.interpreter import STOP
from bots.proposals import HOW
from bots.words import word

QUOTED = re.compile(r"[“«„]\s?(.+?)\s?[”»“]")
TEXTS = sorted(message.id for message in extract() if isinstance(message.id, str) and message.id)


def meant(text, language):
    """Names of the commands that a text tells people to write."""
    found = set()
    for quoted in QUOTED.findall(text):
        called = TABLE.find(quoted, language)
        if called and called[1] == "":
            found.add(called[0].name)
        elif word(quoted) in {word(each) for each in translate(STOP, language).split(",")}:
            found.add("stop")
    return found


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != SOURCE])
def test_every_word_that_a_text_quotes_is_understood(language):
    """Write “safe”: in each language the quoted word calls what it calls in English."""
    wrong = {
        text: (meant(text, SOURCE), meant(translate(text, language), language))
        for text in TEXTS
        if meant(text, SOURCE) != meant(translate(text, language), language)
    }
    assert wrong == {}


def test_there_are_such_words():
    """The test above looks at something."""
    told = set().union(*(meant(text, SOURCE) for text in TEXTS))
    assert {"help", "stop", "gatherings", "safe", "need help", "waiting", "alert"} <= told


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_to_refuse_is_understood(language):
    """The line that ends a request, typed as it stands in the request."""
    before = translate(HOW, language).rpartition("{code}")[0].split()
    calls = [TABLE.find(" ".join([*before[-count:], "4821"]), language) for count in (1, 2, 3, 4)]
    assert ("refuse", "4821") in [(each[0].name, each[1]) for each in calls if each]
