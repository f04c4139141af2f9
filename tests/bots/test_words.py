"""What people type, made comparable."""

import pytest

from bots.words import latin_digits, number, plain, pseudonym, without_quote, word


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("  HELP!! ", "help"),
        ("!help", "help"),
        ("“help”", "help"),
        ("ជំនួយ\u200b។", "ជំនួយ"),
        ("အကူအညီ။", "အကူအညီ"),
        ("帮助\uff01", "帮助"),
        ("\uff28\uff25\uff2c\uff30", "help"),
        ("Giúp", "giúp"),
        ("what  can\nyou do?", "what can you do"),
    ],
)
def test_a_word_is_known_however_it_is_typed(typed, meant):
    """Case, punctuation, width, decomposed accents and invisible breaks do not matter; other letters do."""
    assert word(typed) == word(meant)
    assert word(typed) != word(meant + "x")


@pytest.mark.parametrize(
    "typed", ["4821", "၄၈၂၁", "៤៨២១", "໔໘໒໑", "๔๘๒๑", " (4821). ", "4\u200b821", "\uff14\uff18\uff12\uff11"]
)
def test_digits_of_every_script_count(typed):
    """Burmese, Khmer, Lao, Thai and full-width digits, with what keyboards put around them."""
    assert number(typed) == "4821"
    assert latin_digits("၁ x") == "1 x"


@pytest.mark.parametrize("typed", ["", "a1", "one", "1a", "1" * 13, "²x", "1, 3", "1 3", "1、3"])
def test_what_is_more_than_digits_is_no_number(typed):
    """A sentence with a number in it is not an answer."""
    assert number(typed) is None


@pytest.mark.parametrize(
    ("typed", "bare"), [("trợ giúp", "tro giup"), ("đồng ý", "dong y"), ("aidé", "aide"), ("ช่วย", "ช่วย")]
)
def test_accents_may_be_left_out_where_they_are_accents(typed, bare):
    """Vietnamese and French on another keyboard; in Thai the marks are letters."""
    assert plain(word(typed)) == bare


@pytest.mark.parametrize(
    "typed",
    [
        "amber-heron",
        "@amber-heron",
        " Amber-Heron. ",
        "@amber-heron:banyan.test",
        "“amber-heron”",
        "amber\u200b-heron",
        "https://matrix.to/#/@amber-heron:banyan.test",
        "[amber-heron](https://matrix.to/#/@amber-heron:banyan.test)",
        "[@somebody](https://matrix.to/#/@amber-heron:banyan.test) ",
    ],
)
def test_a_name_is_found_in_every_form(typed):
    """By hand, as an address, as a link, as the pill that Element makes of it."""
    assert pseudonym(typed) == "amber-heron"


def test_an_answer_without_what_it_quotes():
    """Apps put the message that is answered before the answer."""
    assert without_quote("> <@desk:x> Which?\n> more\n\n2") == "2"
    assert without_quote("2 > 1") == "2 > 1"
    assert without_quote("> <@desk:x> only a quote") == ""
    assert without_quote("> 5 people") == "> 5 people"
