"""Putting the parts together: the only module that knows every one of them."""

import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import yaml
from sqlalchemy.ext.asyncio import AsyncEngine

from banyan.bootstrap.addresses import PORTS, Addresses, addresses_of
from banyan.bootstrap.baseline import baseline_of, judged
from banyan.clock import SystemClock
from banyan.domain.approvals import ProposalKind
from banyan.domain.people import Accounts
from banyan.errors import AlreadyRunning, UsedWrongly
from banyan.files import write_private
from banyan.matrix import Api
from banyan.network import Network, load_network
from banyan.notary import FileNotary
from banyan.services.access import Access
from banyan.services.alert_decision import AlertDecision
from banyan.services.alerts import Alerts, Links
from banyan.services.approvals import Approvals, Decision
from banyan.services.audit import Audits
from banyan.services.chats import Chats
from banyan.services.checkpoints import Checkpoints
from banyan.services.console import Console
from banyan.services.decisions import InviteDecision, RoleDecision
from banyan.services.freezing import Freezing
from banyan.services.gatherings import Gatherings
from banyan.services.hearing import Ears
from banyan.services.ids import RandomIds
from banyan.services.intake import Intake
from banyan.services.log import DecisionLog
from banyan.services.members import Members
from banyan.services.outbox import Wakes
from banyan.services.partners import Partners
from banyan.services.raising import Raising
from banyan.services.reconciling import Reconciling
from banyan.services.releasing import Releasing
from banyan.services.reporting import Reports
from banyan.services.retention import Retention
from banyan.services.roles import Roles
from banyan.services.rollcall import RollCall
from banyan.services.rooms import Rooms
from banyan.services.roster import Roster
from banyan.services.senders import Senders
from banyan.services.vigil import Vigil
from banyan.settings import DEFAULT_NETWORK, Home, Settings, load_settings
from banyan.store.open import open_store, url_for
from banyan.store.upgrade import upgrade
from banyan.store.work import SqlWork
from banyan.vault import FileVault
from bots.findings import words
from bridge.metrics import Metrics
from homeserver.config import HomeserverSpec
from homeserver.desired import desired
from homeserver.locators import locator_of
from homeserver.ports import choose_ports, remembered_ports
from homeserver.registration import PublicRegistration
from homeserver.supervise import Synapse
from homeserver.survey import Surveyor
from homeserver.warden import asks_for
from policies.rules import EXACT

EYE_PATIENCE = 10.0
"""Seconds for which the gate is asked again when it does not answer."""


@dataclass
class Parts:
    """One home, opened: what a command or a process of it works with."""

    home: Home
    settings: Settings
    network: Network
    addresses: Addresses
    spec: HomeserverSpec
    engine: AsyncEngine
    wakes: Wakes
    registration: PublicRegistration
    synapse: Synapse | None = None
    """The homeserver, where this process started it."""
    signs: dict[str, Callable[[], bool]] = field(default_factory=dict)
    """How to tell whether each part of this process is well, by its name."""

    def well(self, part: str) -> bool:
        """Whether that part of this process runs and is well."""
        return part in self.signs and self.signs[part]()

    @cached_property
    def clock(self) -> SystemClock:
        """The time."""
        return SystemClock()

    @cached_property
    def ids(self) -> RandomIds:
        """Randomness."""
        return RandomIds()

    @cached_property
    def vault(self) -> FileVault:
        """Keys derived from the home secret."""
        return FileVault(self.home.secret("home.key"))

    @cached_property
    def accounts(self) -> Accounts:
        """User ids of our own accounts."""
        return Accounts(self.settings.name)

    @cached_property
    def work(self) -> SqlWork:
        """The unit of work."""
        return SqlWork(self.engine, self.clock, self.ids, self.wakes)

    @cached_property
    def roster(self) -> Roster:
        """Who ought to be where."""
        roster = Roster(self.work, self.accounts, self.network)
        self.wakes.listen(roster)
        return roster

    @cached_property
    def chats(self) -> Chats:
        """The members' chats with the desk."""
        return Chats(self.work, self.accounts, self.roster)

    @cached_property
    def members(self) -> Members:
        """Inviting and admitting."""
        return Members(
            self.work,
            self.clock,
            self.ids,
            network=self.network,
            accounts=self.accounts,
            registration=self.registration,
        )

    @cached_property
    def freezing(self) -> Freezing:
        """Ending all access of a member."""
        return Freezing(self.clock, self.network, self.accounts)

    @cached_property
    def roles(self) -> Roles:
        """Giving and taking roles."""
        return Roles(self.network, self.accounts)

    @cached_property
    def approvals(self) -> Approvals:
        """What needs two persons."""
        decisions: dict[ProposalKind, Decision] = {
            ProposalKind.ALERT: AlertDecision(self.releasing, self.clock),
            ProposalKind.INVITE: InviteDecision(self.members, self.network),
            ProposalKind.ROLE: RoleDecision(self.roles),
        }
        return Approvals(self.work, self.clock, self.ids, self.network, decisions)

    @cached_property
    def console(self) -> Console:
        """The door of the console."""
        url = self.addresses.private_url
        return Console(self.work, self.clock, self.ids, network=self.network, url=url)

    @cached_property
    def rooms(self) -> Rooms:
        """Conversations, as those see them who look after them."""
        return Rooms(self.clock, self.network, self.accounts)

    @cached_property
    def gatherings(self) -> Gatherings:
        """What members are asked to come to."""
        return Gatherings(self.work, self.clock, self.ids, network=self.network, accounts=self.accounts)

    @cached_property
    def access(self) -> Access:
        """What the gate must know."""
        return Access(self.work, self.clock, self.network, self.accounts)

    @cached_property
    def alerts(self) -> Alerts:
        """Reading alerts and telling how far they have come."""
        return Alerts(self.work, self.links)

    @cached_property
    def links(self) -> Links:
        """Where senders see how far their alerts have come."""
        return Links(self.vault, self.addresses.web_url)

    @cached_property
    def releasing(self) -> Releasing:
        """Sending an alert off."""
        return Releasing(self.clock, self.network)

    @cached_property
    def intake(self) -> Intake:
        """Accepting signed alerts."""
        return Intake(
            self.work,
            self.clock,
            self.ids,
            network=self.network,
            links=self.links,
            releasing=self.releasing,
            approvals=self.approvals,
        )

    @cached_property
    def raising(self) -> Raising:
        """Alerts that staff ask for."""
        return Raising(
            self.clock, self.ids, network=self.network, releasing=self.releasing, approvals=self.approvals
        )

    @cached_property
    def roll_call(self) -> RollCall:
        """Asking members whether they are safe."""
        return RollCall(self.work, self.clock, network=self.network, vault=self.vault)

    @cached_property
    def senders(self) -> Senders:
        """Who may send alerts."""
        return Senders(self.work)

    @cached_property
    def log(self) -> DecisionLog:
        """The log of decisions."""
        return DecisionLog(self.work)

    @cached_property
    def reconciling(self) -> Reconciling:
        """Which rooms are to be looked at, and what our books say of them."""
        rooms = desired(self.network, self.accounts, locator_of(self.vault))
        says = asks_for({room.key: room for room in rooms})
        return Reconciling(self.work, self.clock, self.network, self.accounts, says)

    @cached_property
    def ears(self) -> Ears:
        """What hears the homeserver."""
        return Ears(self.work, self.clock, self.members, self.reconciling)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Signing the log."""
        return Checkpoints(self.work, self.clock, FileNotary(self.home, self.settings.name))

    @cached_property
    def vigil(self) -> Vigil:
        """What is seen that should never be."""
        return Vigil(self.work, self.clock)

    @cached_property
    def gate(self) -> Api:
        """The way to the gate inside the homeserver."""
        secret = self.home.secret("gate.secret").read_text().strip()
        return Api(self.addresses.homeserver, secret, patience=EYE_PATIENCE)

    @cached_property
    def eye(self) -> Surveyor:
        """What sees the homeserver from inside."""
        return Surveyor(self.gate, judged, self.clock)

    @cached_property
    def audits(self) -> Audits:
        """Whether the rules are kept."""
        return Audits(
            self.work,
            self.clock,
            self.ids,
            self.eye,
            network=self.network,
            accounts=self.accounts,
            baseline=partial(baseline_of, self.home, self.spec),
            told=self.reports.told,
        )

    @cached_property
    def reports(self) -> Reports:
        """What the security room is told of audits."""
        return Reports(self.network, words(self.network))

    @cached_property
    def partners(self) -> Partners:
        """Servers of partners, and who of them is let in."""
        return Partners(self.work, self.clock, self.ids, network=self.network, accounts=self.accounts)

    @cached_property
    def metrics(self) -> Metrics:
        """Counts without ids."""
        return Metrics(self.work)

    @cached_property
    def retention(self) -> Retention:
        """What is erased, and when."""
        return Retention(self.work, self.clock)

    async def close(self) -> None:
        """Close what this process opened to the homeserver."""
        await self.registration.close()
        if "gate" in vars(self):  # nobody looked: nothing is open
            await self.gate.close()


@asynccontextmanager
async def open_home(
    home: Home, network: Path | None = None, *, listening: bool = False
) -> AsyncIterator[Parts]:
    """Open a home for one command or process. Raise `BadFile` before anything is touched.

    `listening` is for the one process that starts the listeners: it takes other ports where some are taken.
    """
    settings, declared = read_files(home, network)
    _found(home, settings)
    ports = remembered_ports(home.path)
    if listening or not ports.keys() >= set(PORTS):
        ports = choose_ports(home.path, PORTS)
    addresses, spec = addresses_of(home, settings, declared, ports)
    engine = open_store(url_for(settings, home))
    registration = PublicRegistration(addresses.homeserver)
    parts = Parts(home, settings, declared, addresses, spec, engine, Wakes(), registration)
    try:
        await upgrade(engine)
        yield parts
    finally:
        await parts.close()
        await engine.dispose()


def read_files(home: Home, network: Path | None) -> tuple[Settings, Network]:
    """What the operator wrote. Raise `BadFile` or `UsedWrongly`; touches nothing."""
    settings = _settings(home, network)
    return settings, load_network(settings.network, EXACT)


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Hold the home while `up` runs. Raise `AlreadyRunning`."""
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home.path / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("This home is already up. Stop it first, or use another --home.") from None
        yield


def _settings(home: Home, network: Path | None) -> Settings:
    settings = load_settings(home)
    if network is None:
        return settings
    if home.settings_file.exists() and network.resolve() != settings.network.resolve():
        raise UsedWrongly(
            f"This home was started with {settings.network.name}. "
            f"Change `network:` in {home.settings_file.name} if you mean it."
        )
    return settings.model_copy(update={"network": network.resolve()})


def _found(home: Home, settings: Settings) -> None:
    """Remember what the first start decided for ever: the server name and the network file."""
    if home.settings_file.exists():
        return
    first: dict[str, str] = {"server_name": settings.server_name}
    if settings.network != DEFAULT_NETWORK:
        first["network"] = str(settings.network)
    write_private(home.settings_file, yaml.safe_dump(first))
