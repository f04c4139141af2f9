"""The page of rules is whole, and in step."""

import pytest

from policies.listed import PAGE, page
from policies.rules import RULES, SPECIAL


def test_the_page_is_in_step():
    """`python -m policies.listed` writes it anew."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("name", [*(each.id for each in RULES), *SPECIAL])
def test_every_rule_stands_there_once(name):
    """Whoever reads an id in an audit finds it."""
    assert page().count(f"| `{name}` |") == 1
