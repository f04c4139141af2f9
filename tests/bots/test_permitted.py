"""The page of permissions is true, and in step."""

import pytest

from banyan.domain.permissions import Permission
from bots.commands import TABLE
from bots.permitted import EVERYWHERE, NOWHERE, OWN, PAGE, cell, page
from tests.bots.test_privileges import ROLES, ROWS

SIGNS = {"+": EVERYWHERE, "o": OWN, "-": NOWHERE}


def test_the_page_is_in_step(network):
    """`python -m bots.permitted` writes it anew."""
    assert PAGE.read_text() == page(network, TABLE)


@pytest.mark.parametrize("each", [each for each in TABLE.commands if each.needs], ids=lambda each: each.name)
def test_the_page_says_what_was_tried(each, network):
    """The cells that we print are those that were written down by hand and tried."""
    roles = (None, *ROLES[1:])
    assert [cell(network, role, each.needs) for role in roles] == [
        SIGNS[sign] for sign in ROWS[each.name].cells
    ]


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_described_and_used(permission, network):
    """None is a word without a meaning: some command or some decision asks for it."""
    assert f"| `{permission}` | " in PAGE.read_text()
    assert any(permission in role.may for role in network.roles.values())
