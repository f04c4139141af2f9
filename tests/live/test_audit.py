"""The audit of a real network: nothing is found where nothing is wrong, and each rule finds its own drift."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from banyan.bootstrap.home import open_home
from banyan.demo.sample import Person, Sample, join
from banyan.domain.findings import Audit
from banyan.settings import DEFAULT_NETWORK, Home
from bots.client import login_password
from policies.rules import BY_ID, RULES
from tests.client.network import Network
from tests.live.inside import FEDERATION, Inside

pytestmark = pytest.mark.live

PEOPLE = {
    "first officer": Person("KH", "en", roles=("security_officer",)),
    "second officer": Person("TH", "en", roles=("security_officer",)),
    "helper": Person("KH", "en", roles=("focal_point",)),
    "member": Person("KH", "km", ("climate",)),
    "cousin": Person("KH", "en"),
    "neighbour": Person("LA", "lo"),
    "other": Person("LA", "en"),
}
DUE = "SELECT 1 FROM outbox WHERE state = 'queued' AND not_before <= datetime('now')"


@dataclass
class Place:
    """A network that runs, its people by their part in the story, and its databases."""

    home: Path
    network: Network
    inside: Inside
    people: dict[str, Sample] = field(default_factory=dict)

    def __getitem__(self, part: str) -> str:
        return self.people[part].user_id

    def name(self, part: str) -> str:
        return self.people[part].localpart

    def room(self, key: str) -> str:
        return self.inside.room(key)

    def ours(self, name: str) -> str:
        return self.network.account(name)

    async def audit(self) -> Audit:
        """Look with fresh eyes: what was written past Synapse leaves its marks as they were."""
        async with open_home(Home(self.home)) as parts:
            return await parts.audits.judge_now()

    async def found(self) -> set[tuple[str, str]]:
        """Rule and subject of every open finding."""
        judgement = (await self.audit()).judgement
        return {(each.rule, each.subject.name) for each in (*judgement.findings, *judgement.separations)}


def declared(directory: Path) -> Path:
    """The example network with a partner on a server of its own, and a limit that a test can pass."""
    network = yaml.safe_load(DEFAULT_NETWORK.read_text())
    network["partners"]["lamp-house"] |= {"server": "partner.example"}
    network["joint"] = {"table": {"code_name": "Teal", "partners": ["lamp-house"], "roles": ["coordinator"]}}
    network["limits"] |= {"invitations_open": 5}
    network["roles"]["focal_point"]["most"] = 2
    file = directory / "network.yaml"
    file.write_text(yaml.safe_dump(network))
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    directory = tmp_path_factory.mktemp("audited")
    home = directory / "home"
    home.mkdir(mode=0o700)
    settings = {"server_name": "banyan.localhost", "network": str(declared(directory))}
    (home / "banyan.yaml").write_text(yaml.safe_dump(settings))
    async with aiohttp.ClientSession() as http:
        network = Network(home, http)
        place = Place(home, network, Inside(home))
        await network.start()
        try:
            for part, person in PEOPLE.items():
                place.people[part] = await arrive(network, person, directory)
            await network.banyan("apply")
            await settled(place)
            yield place
        finally:
            await network.stop()


async def arrive(network: Network, person: Person, directory: Path) -> Sample:
    """Join by the public path, be given the role, log a signed device in."""
    invited = await network.invite(person.country, *person.themes)
    sample = await join(network.http, invited.link, invited.user_id, person)
    for role in person.roles:
        await network.grant(sample.user_id, role)
    await login_password(
        homeserver_url=network.run.homeserver_url,
        user_id=sample.user_id,
        password=sample.passphrase,
        secrets=directory / "keys",
        store=directory / f"{sample.localpart}.db",
        pickle_key="key",
    )
    return sample


async def settled(place: Place) -> None:
    """Wait until everything that was decided is done."""
    async with asyncio.timeout(60):
        while place.inside.banyan(DUE):  # noqa: ASYNC110 - the outbox tells nobody outside
            await asyncio.sleep(0.2)


@pytest.mark.asyncio(loop_scope="session")
async def test_an_untouched_network_keeps_every_rule(place):
    """Members with roles and without, their chats, a joint room: 0 findings, and the CLI says so."""
    audit = await place.audit()
    told = [f"{each.subject} {each.rule} {dict(each.values)}" for each in audit.judgement.findings]
    assert "\n".join(told) == ""
    assert (audit.rooms, audit.members) == (42 + len(PEOPLE), len(PEOPLE))
    assert {each.rule for each in audit.judgement.separations} == {
        rule.id for rule in RULES if rule.separation
    }
    printed = json.loads(await place.network.banyan("audit", "--json"))
    assert (printed["findings"], printed["waived"]) == ([], [])
