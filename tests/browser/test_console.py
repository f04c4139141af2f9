"""The console in a real browser with scripts switched off, at desktop and phone width, light and dark."""

import pytest

from tests.console_samples import OFFICER, STRAY, filled, served

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
