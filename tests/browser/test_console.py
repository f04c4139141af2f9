"""The console in a real browser with scripts switched off, at desktop and phone width, light and dark."""

import pytest

from banyan.i18n import LANGUAGES
from tests.console_samples import OFFICER, STRAY, filled, people, served

pytestmark = pytest.mark.browser

SCREENS = [(width, scheme) for width in (1280, 390, 320) for scheme in ("light", "dark")]
READABLE = 4.5
"""Contrast of text (WCAG 2.2, success criterion 1.4.3)."""

PAGES = {
    "network": ("/console", "The network"),
    "findings": ("/console/findings", "Findings"),
    "rules": ("/console/rules", "Rules, kept or not"),
    "room": ("/console/rooms/talk:KH", "Room"),
    "stray": (f"/console/rooms/{STRAY}", "Room"),
    "member": (f"/console/members/{OFFICER}", "Member"),
    "time": ("/console/time", "Findings over time"),
    "waivers": ("/console/waivers", "Waivers"),
    "waiting": ("/console/waiting", "Waiting for a second person"),
    "log": ("/console/log", "Log of decisions"),
    "nothing": ("/console/nowhere", "There is nothing here"),
}


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
async def test_every_page_fits_every_screen(browse, picture, work, clock, ids, network, width, scheme):
    """Nothing runs off the screen, all text can be read, the focus is seen, nothing remote is asked for."""
    network = await filled(work, network, clock.now())
    async with served(work, clock, ids, network) as console:
        base = str(console.server.make_url("")).rstrip("/")
        visit = {
            "url": base + await console.link(),
            "width": width,
            "scheme": scheme,
            "fill": {},
            "picture": picture(f"console-landing-{width}-{scheme}"),
            "tour": [
                {"path": path, "picture": picture(f"console-{name}-{width}-{scheme}")}
                for name, (path, _) in PAGES.items()
            ],
        }
        [seen] = await browse([visit])
    assert (seen["status"], seen["heading"]) == (200, "The network")
    assert seen["hosts"] == ["127.0.0.1"]
    assert [each for each in seen["complaints"] if "404" not in each] == []
    for (name, (_, heading)), stop in zip(PAGES.items(), seen["tour"], strict=True):
        assert stop["status"] == (404 if name == "nothing" else 200), name
        assert stop["heading"] == heading, name
        assert stop["wide"] <= 0, f"{name} scrolls sideways"
        assert stop["dimmest"]["contrast"] >= READABLE, (name, stop["dimmest"])
        assert stop["unseen"] == [], name


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_fits_the_smallest_screen(browse, picture, work, clock, ids, network, language):
    """Words are longer elsewhere, and some scripts are higher; the page says which language it is in."""
    network = await filled(work, network, clock.now(), each=3, days=7)
    async with work() as tx:
        await tx.members.set_language((await tx.members.by_localpart(OFFICER)).id, language)
    async with served(work, clock, ids, network) as console:
        tour = [
            {"path": path, "picture": picture(f"console-{name}-{language}")}
            for name, (path, _) in PAGES.items()
            if name != "nothing"
        ]
        url = str(console.server.make_url(await console.link()))
        [seen] = await browse([{"url": url, "width": 320, "scheme": "light", "fill": {}, "tour": tour}])
    for stop in seen["tour"]:
        assert (stop["status"], stop["language"]) == (200, language), stop["path"]
        assert stop["wide"] <= 0, f"{stop['path']} scrolls sideways"


@pytest.mark.parametrize(("width", "scheme"), SCREENS[:4])
async def test_the_door_fits_every_screen(browse, picture, work, clock, ids, network, width, scheme):
    """The page with the button, and the one for whom it does not open."""
    await people(work, network, 2, clock.now())
    async with served(work, clock, ids, network) as console:
        base = str(console.server.make_url("")).rstrip("/")
        doors = {"open": await console.link(), "shut": "/console", "wrong": "/console/open/x"}
        tour = [
            {"path": path, "picture": picture(f"console-{name}-{width}-{scheme}")}
            for name, path in doors.items()
        ]
        [seen] = await browse([{"url": base + "/console", "width": width, "scheme": scheme, "tour": tour}])
    assert [stop["heading"] for stop in seen["tour"]] == ["Console", "You are not in", "You are not in"]
    for stop in seen["tour"]:
        assert stop["wide"] <= 0
        assert stop["dimmest"]["contrast"] >= READABLE, stop["dimmest"]
        assert stop["unseen"] == []
