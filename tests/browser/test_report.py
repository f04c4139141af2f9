"""The page of an audit in a real browser: it fits every screen, fetches nothing, and complains of nothing."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from banyan.web.report import report
from tests.audit_samples import BAD, GOOD

pytestmark = pytest.mark.browser

VIEWS = [(320, "light"), (390, "dark"), (390, "light"), (1280, "dark"), (1280, "light")]


@asynccontextmanager
async def served(page):
    async def show(_):
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/audit", show)])
    async with TestServer(app) as server:
        yield server


@pytest.mark.parametrize(("name", "audit"), [("bad", BAD), ("good", GOOD)])
async def test_the_page_of_an_audit_fits_every_screen(browse, picture, network, name, audit):
    """Nothing runs off a phone; one request brings all of it."""
    async with served(report(audit, network)) as server:
        visits = [
            {
                "url": str(server.make_url("/audit")),
                "width": width,
                "scheme": scheme,
                "fill": None,
                "picture": picture(f"audit-{name}-{width}-{scheme}"),
            }
            for width, scheme in VIEWS
        ]
        seen = await browse(visits)
    for (width, scheme), page in zip(VIEWS, seen, strict=True):
        place = f"{name} at {width} {scheme}"
        assert (page["status"], page["heading"], page["language"]) == (200, "Audit", "en"), place
        assert page["wide"] <= 0, f"{place} scrolls sideways"
        assert [each for each in page["asked"] if "favicon" not in each] == ["GET /audit"], place
        assert [each for each in page["complaints"] if "Failed to load resource" not in each] == [], place
