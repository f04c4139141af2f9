"""What the public listener says beside the join page."""

from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient

from tests.banyan.web.members import SITE, FakeMembers, served


async def ask(site, path):
    async with served(FakeMembers(), site) as server, TestClient(server) as client:
        response = await client.get(path)
        return response.status, response.headers, await response.read()


async def test_the_front_says_nothing():
    """A passer-by learns neither what this is nor whose."""
    status, _, body = await ask(SITE, "/")
    assert (status, body) == (200, b"<!doctype html><title>.</title>")


@pytest.mark.parametrize(
    ("homeserver", "server"),
    [
        ("https://matrix.example.org", "matrix.example.org:443"),
        ("https://matrix.example.org:8448/", "matrix.example.org:8448"),
        ("http://10.0.0.1:8008", "10.0.0.1:8008"),
    ],
)
async def test_clients_find_the_homeserver(homeserver, server):
    """With public addresses, the server name is enough to log in, from any origin."""
    site = replace(SITE, homeserver_url=homeserver, well_known=True)
    _, headers, body = await ask(site, "/.well-known/matrix/client")
    assert body.decode() == f'{{"m.homeserver": {{"base_url": "{homeserver.rstrip("/")}"}}}}'
    assert headers["Access-Control-Allow-Origin"] == "*"
    _, _, body = await ask(site, "/.well-known/matrix/server")
    assert body.decode() == f'{{"m.server": "{server}"}}'


@pytest.mark.parametrize("path", ["/.well-known/matrix/client", "/.well-known/matrix/server"])
async def test_without_public_addresses_nothing_is_announced(path):
    """A home on loopback sends nobody anywhere."""
    assert (await ask(SITE, path))[0] == 404
