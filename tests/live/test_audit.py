"""The audit of a real network: nothing is found where nothing is wrong, and each rule finds its own drift."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from banyan.bootstrap.auditing import audit_now
from banyan.bootstrap.home import open_home
from banyan.bootstrap.operating import grant, invite
from banyan.demo.sample import Person, Sample, join
from banyan.domain.findings import Audit
from banyan.domain.people import OUR_LOCALPARTS
from banyan.settings import DEFAULT_NETWORK, Home
from bots.client import login_password
from policies.engine import NOT_CHECKED
from policies.rules import RULES
from tests.client.network import Network
from tests.live.injections import ANOTHER_NETWORK, CONFIGURED, INJECTIONS, SEPARATIONS
from tests.live.inside import Inside
from tests.waiting import until

pytestmark = pytest.mark.live

PEOPLE = {
    "first officer": Person("KH", "en", roles=("security_officer",)),
    "second officer": Person("TH", "en", roles=("security_officer",)),
    "helper": Person("KH", "en", roles=("focal_point",)),
    "member": Person("KH", "km", ("climate",)),
    "cousin": Person("KH", "en"),
    "neighbour": Person("LA", "lo"),
    "other": Person("LA", "en"),
    "late": Person("VN", "en"),
    "bare": Person("VN", "vi"),
}
WITHOUT_DEVICE = ("bare",)
AUDITS = "SELECT notices + warnings + breaches FROM audits WHERE cause = ? AND at > ? ORDER BY at"
WAITING = (
    "SELECT 1 FROM outbox WHERE state = 'queued' AND not_before <= datetime('now', '+5 minutes')",
    "SELECT 1 FROM members WHERE chat IS NULL",
)
"""In our books. What failed is tried again within a minute; what comes later is erased then."""
UNTOLD = (
    "SELECT 1 FROM application_services_txns",
    "SELECT 1 FROM events e, appservice_stream_position p WHERE e.stream_ordering > p.stream_ordering",
)
"""In Synapse's: what the warden does not know yet."""


@dataclass
class Place:
    """A network that runs, its people by their part in the story, and its databases."""

    home: Path
    network: Network
    inside: Inside
    people: dict[str, Sample] = field(default_factory=dict)

    def __getitem__(self, part: str) -> str:
        return self.people[part].user_id

    def user_id(self, who: str) -> str:
        """Of somebody of the story, of an account of ours, or as it stands."""
        if who in self.people:
            return self[who]
        return self.ours(who) if who in OUR_LOCALPARTS else who

    def name(self, who: str) -> str:
        return self.people[who].localpart if who in self.people else who

    def room(self, key: str) -> str:
        return self.inside.room(key)

    def ours(self, name: str) -> str:
        return self.network.account(name)

    async def audit(self) -> Audit:
        """Look with fresh eyes: what was written past Synapse leaves its marks as they were."""
        async with open_home(Home(self.home)) as parts:
            return (await parts.audits._make("asked"))[0]

    async def found(self) -> set[tuple[str, str]]:
        """Rule and subject of every open finding."""
        judgement = (await self.audit()).judgement
        return {(each.rule, each.subject.name) for each in judgement.findings}


def declared(directory: Path) -> Path:
    """The example network with a partner on a server of its own, and a limit that a test can pass."""
    network = yaml.safe_load(DEFAULT_NETWORK.read_text())
    network["partners"]["lamp-house"] |= {"server": "partner.example"}
    network["joint"] = {"table": {"code_name": "Teal", "partners": ["lamp-house"], "roles": ["coordinator"]}}
    network["limits"] |= {"invitations_open": 5}
    network["roles"]["core_team"]["most"] = 1
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
            await asyncio.gather(*(arrive(place, part, directory) for part in PEOPLE))
            await network.banyan("apply")
            await until(lambda: calm(place))
            yield place
        finally:
            await network.stop()


async def arrive(place: Place, part: str, directory: Path) -> None:
    """Join by the public path, be given the roles, and have a device."""
    home, network, person = Home(place.home), place.network, PEOPLE[part]
    invited, _ = await invite(home, person.country, person.themes, None)
    sample = await join(network.http, invited.link, invited.user_id, person)
    for role in person.roles:
        await grant(home, sample.user_id, role)
    place.people[part] = sample
    if part not in WITHOUT_DEVICE:
        await log_in(network, sample, directory)


async def log_in(network: Network, sample: Sample, directory: Path) -> None:
    """A device that its owner has signed."""
    await login_password(
        homeserver_url=network.run.homeserver_url,
        user_id=sample.user_id,
        password=sample.passphrase,
        secrets=directory / "keys",
        store=directory / f"{sample.localpart}.db",
        pickle_key="key",
    )


def calm(place: Place) -> bool:
    """Whether all that was decided is done, all that happened is heard, and nothing new came meanwhile."""
    books, synapse = place.inside.banyan, place.inside.synapse

    def latest() -> list[list[tuple[int]]]:
        return [books("SELECT MAX(seq) FROM outbox"), synapse("SELECT MAX(stream_ordering) FROM events")]

    before = latest()
    return not any([*map(synapse, UNTOLD), *map(books, WAITING)]) and latest() == before


@pytest.mark.asyncio(loop_scope="session")
async def test_an_untouched_network_keeps_every_rule(place):
    """Members with roles and without, their chats, a joint room: 0 findings, and the CLI says so."""
    audit = await place.audit()
    told = [f"{each.subject} {each.rule} {dict(each.values)}" for each in audit.judgement.findings]
    assert "\n".join(told) == ""
    assert (audit.rooms, audit.members) == (42 + len(PEOPLE), len(PEOPLE))
    assert {each.rule for each in audit.judgement.separations} == SEPARATIONS
    page = place.home / "audit.html"
    printed = json.loads(await place.network.banyan("audit", "--json", "--html", str(page)))
    assert (printed["findings"], printed["waived"]) == ([], [])
    assert "All rules are kept." in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600


@pytest.mark.asyncio(loop_scope="session")
async def test_the_running_network_audits_itself(place, record_property):
    """After its start, and after an `apply` of another process; neither finds anything."""

    def audits(cause: str, since: object = "") -> list[tuple[int]]:
        return place.inside.banyan(AUDITS, cause, str(since))

    await until(lambda: audits("start"))
    before = datetime.now(UTC).replace(tzinfo=None)
    await place.network.banyan("apply")
    record_property("seconds", await until(lambda: audits("apply", before)))
    assert audits("apply", before)[-1] == (0,)


def test_no_rule_is_forgotten():
    """Each is tried here, or known to need another network."""
    tried = INJECTIONS.keys() | CONFIGURED | SEPARATIONS
    assert tried | ANOTHER_NETWORK == {rule.id for rule in RULES}
    assert not tried & ANOTHER_NETWORK


@pytest.mark.asyncio(loop_scope="session")
async def test_each_rule_finds_its_own_drift(place, record_property):
    """Put into the databases past everybody, all at once; each finding names what it is about."""
    expected = {(rule, inject(place)) for rule, inject in INJECTIONS.items()}
    began = time.monotonic()
    found = await place.found()
    record_property("seconds", time.monotonic() - began)
    assert sorted(expected - found) == []
    assert not {rule for rule, _ in found} & {NOT_CHECKED}
    about = await audit_now(Home(place.home), room="alert:LA", member=place["helper"])
    told = {(each.rule, each.subject.name) for each in about.audit.judgement.findings}
    assert {("room-stranger", "alert:LA"), ("role-abroad", place.name("helper"))} <= told < found


@pytest.mark.asyncio(loop_scope="session")
async def test_what_runs_is_audited_and_not_what_is_written(place):
    """Settings, application services and partners: found once a changed file is started with, not before."""
    config = place.home / "synapse" / "homeserver.yaml"
    changed = yaml.safe_load(config.read_text())
    changed["user_directory"]["enabled"] = True
    changed["rc_message"]["per_second"] = 900
    changed["federation_domain_whitelist"] = ["evil.example"]
    changed["modules"][0]["config"]["growers"].append("mallory")
    changed["auto_accept_invites"] = {"enabled": True}
    changed["app_service_config_files"].append(str(_service(place.home, "bridge", "@.*")))
    _service(place.home, "warden", "^@warden:.*")
    config.write_text(yaml.safe_dump(changed))
    assert not {rule for rule, _ in await place.found()} & CONFIGURED

    await started_anew(place)
    found = {each for each in await place.found() if each[0] in CONFIGURED}
    assert found == {
        ("server-setting", "user_directory.enabled"),
        ("server-setting", "modules"),
        ("server-setting", "auto_accept_invites"),
        ("server-limit", "rc_message"),
        ("service-unknown", "bridge"),
        ("service-shared", "bridge"),
        ("service-covers", "bridge"),
        ("service-changed", "warden"),
        ("federation-stranger", "evil.example"),
        ("federation-missing", "partner.example"),
    }

    del changed["federation_domain_whitelist"]
    config.write_text(yaml.safe_dump(changed))
    await started_anew(place)
    assert ("federation-open", "federation") in await place.found()


def _service(home: Path, name: str, covers: str) -> Path:
    """Write a registration, or change the one that is there."""
    file = home / "secrets" / f"{name}.yaml"
    if file.exists():
        registration = yaml.safe_load(file.read_text())
        registration["namespaces"]["users"] = [{"exclusive": True, "regex": covers}]
    else:
        registration = {
            "id": name,
            "url": None,
            "as_token": f"{name} as",
            "hs_token": f"{name} hs",
            "sender_localpart": f"{name}-sender",
            "namespaces": {"users": [{"exclusive": False, "regex": covers}], "rooms": [], "aliases": []},
        }
    file.write_text(yaml.safe_dump(registration))
    return file


async def started_anew(place: Place) -> None:
    """Kill Synapse; whoever watches over it starts it with what is written now."""
    [killed] = _synapse(place)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: killed not in _synapse(place))
    await until(lambda: _answers(place))


def _synapse(place: Place) -> list[int]:
    children = Path(f"/proc/{place.network.pid}/task/{place.network.pid}/children")
    return [int(each) for each in children.read_text().split()]


async def _answers(place: Place) -> bool:
    try:
        async with place.network.http.get(f"{place.network.run.homeserver_url}/health") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.mark.asyncio(loop_scope="session")
async def test_an_audit_that_cannot_see_says_so(place):
    """Without a homeserver the command fails in a sentence: it does not say that all is well."""
    await place.network.stop()
    with pytest.raises(RuntimeError, match="nothing could be checked") as failed:
        await place.network.banyan("audit")
    assert "status 1" in str(failed.value)
    assert "All rules are kept" not in str(failed.value)
