"""The join page in a real browser with scripts switched off."""

import pytest

from banyan.errors import HomeserverDown
from banyan.i18n import LANGUAGES, translate
from tests.banyan.web.members import PASSPHRASE, FakeInvited, FakeMembers, served

pytestmark = pytest.mark.browser

WIDTHS = (320, 1280)
SMALLEST_TARGET = 36
"""CSS pixels; WCAG 2.2 asks for 24 (success criterion 2.5.8)."""
SAME = {"passphrase": PASSPHRASE, "again": PASSPHRASE}
OTHER = {"passphrase": PASSPHRASE, "again": PASSPHRASE + "?"}


def visits_of(name, base, picture, fill=None):
    """Make a visit in each language at each width, each with its own invitation; dark where it is narrow."""
    return [
        {
            "url": f"{base}/{name}-{language}-{width}?lang={language}",
            "width": width,
            "scheme": "dark" if width == min(WIDTHS) else "light",
            "fill": fill,
            "picture": picture(f"{name}-{language}-{width}"),
        }
        for language in LANGUAGES
        for width in WIDTHS
    ]


class Anybody(FakeMembers):
    """Invites whoever comes with a token that does not begin with `closed`; fails for some."""

    async def look(self, token):
        if not token.startswith("closed"):
            self.invited.setdefault(token, FakeInvited(localpart="vermilion-nightingale"))
        return await super().look(token)

    async def register(self, token, passphrase, language):
        if token.startswith("down"):
            raise HomeserverDown
        return await super().register(token, passphrase, language)


PAGES = {
    "open": (None, 200, "You are invited"),
    "different": (OTHER, 400, "You are invited"),
    "in": (SAME, 200, "You are in"),
    "down": (SAME, 503, "Please try again in a few minutes"),
    "closed": (None, 410, "This link does not work"),
}
"""Page → what is typed, and the status and heading that it then shows."""


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_fits_every_screen_in_every_language(browse, picture, name):
    """Nothing runs off a 320-pixel phone, every target can be hit, and one request brings the whole page."""
    fill, status, heading = PAGES[name]
    async with served(Anybody()) as server:
        visits = visits_of(name, server.make_url("/join"), picture, fill)
        seen = await browse(visits)
    for visit, page in zip(visits, seen, strict=True):
        language = visit["url"].rpartition("=")[2]
        place = f"{name} in {language} at {visit['width']}"
        assert page["status"] == status, place
        assert page["language"] == language, place
        assert page["heading"] == translate(heading, language), place
        assert page["wide"] <= 0, f"{place} scrolls sideways"
        assert page["nameless"] == 0, f"{place} shows a field without a label"
        assert (page["lowest"] or SMALLEST_TARGET) >= SMALLEST_TARGET, place
        assert [each for each in page["asked"] if "favicon" not in each] == asked(visit["url"], fill), place
        assert [each for each in page["complaints"] if "Failed to load resource" not in each] == [], place


def asked(url, fill):
    path = "/" + url.split("/", 3)[3].split("?")[0]
    return [f"GET {path}", *([f"POST {path}"] if fill else [])]


async def test_a_person_joins_by_typing(browse, picture):
    """The browser's own form, under the page's own policy, reaches the service with what was typed."""
    members = Anybody()
    async with served(members) as server:
        visit = visits_of("typed", server.make_url("/join"), picture, SAME)[0]
        [page] = await browse([visit])
    assert members.registered == [(f"typed-{LANGUAGES[0]}-{WIDTHS[0]}", PASSPHRASE, LANGUAGES[0])]
    assert "@vermilion-nightingale:banyan.example" in page["text"]
