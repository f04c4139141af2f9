"""What is seen beside what ought to be: a sight, our books and the network file become facts for the rules.

Pure, and linear in members and rooms: nothing here asks anybody anything.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from banyan.domain.people import LET_IN, OUR_LOCALPARTS, Accounts, Member, MemberStatus
from banyan.domain.rooms import RoomKey
from banyan.domain.sight import SeenAccount, SeenRoom, SeenService, SeenToken, Sight
from banyan.network import Network
from banyan.services.books import Books
from banyan.services.looking import Powers
from policies.facts import OurFacts, PersonFacts, Place, RoomFacts, ServerFacts, SettingFacts, World
from policies.partners import NOBODY, people_by_room, servers_of
from policies.placement import powers_now, seats_of
from policies.rooms import DeclaredRoom, declared_rooms

WHITELIST = "federation_domain_whitelist"
HERE = ("join", "invite")


@dataclass(frozen=True)
class Baseline:
    """What our own files say of the homeserver and of our accounts."""

    settings: Sequence[tuple[str, Any, str]] = ()
    """Dotted key, value and why it is so."""
    keys: frozenset[str] = frozenset()
    """Every key that the configuration has outside of others; empty: none is judged."""
    services: Mapping[str, SeenService] = field(default_factory=dict)
    """The application services that we registered, by id."""
    devices: Mapping[str, str] = field(default_factory=dict)
    """Name of an account of ours → the one device it has."""
    retired: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name of an account of ours → devices of which the store was lost, not long ago."""
    identities: Mapping[str, str] = field(default_factory=dict)
    """Name of an account of ours → the master key it was given."""


def world_of(sight: Sight, books: Books, network: Network, accounts: Accounts, baseline: Baseline) -> World:
    """Everything at the moment of the sight."""
    return _Assembly(sight, books, network, accounts, baseline).world()


def lookup(settings: Mapping[str, Any], path: str) -> Any:
    """The value of a dotted path in nested settings; None when it is not set."""
    found: Any = settings
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


@dataclass(frozen=True)
class _Assembly:
    sight: Sight
    books: Books
    network: Network
    accounts: Accounts
    baseline: Baseline

    def world(self) -> World:
        rooms, standing = self.rooms, {room.declared.key for room in self.rooms if room.declared}
        return World(
            now=self.sight.at,
            network=self.network,
            accounts=self.accounts,
            rooms=rooms,
            people=tuple(self._people()),
            ours=tuple(self._ours()),
            server=self._server(),
            missing=tuple(room for room in self.declared.values() if room.key not in standing),
        )

    @cached_property
    def declared(self) -> Mapping[RoomKey, DeclaredRoom]:
        return {room.key: room for room in declared_rooms(self.network)}

    @cached_property
    def ids(self) -> Mapping[RoomKey, str]:
        """Declared room → id, by our books."""
        return {room.key: room.room_id for room in self.books.rooms if room.key in self.declared}

    @cached_property
    def admitted(self) -> Mapping[str, Member]:
        """User id → member, of those who are in."""
        members = (each for each in self.books.members if each.status is MemberStatus.ADMITTED)
        return {self.accounts.member(member.localpart): member for member in members}

    @cached_property
    def seen(self) -> Mapping[str, SeenAccount]:
        return {account.user_id: account for account in self.sight.accounts}

    @cached_property
    def rooms(self) -> tuple[RoomFacts, ...]:
        keys = {room_id: key for key, room_id in self.ids.items()}
        frozen = {room.room_id for room in self.books.rooms if room.frozen}
        roster, powers = self._roster(), self._powers()
        facts = []
        for seen in self.sight.rooms:
            declared = self.declared[keys[seen.room_id]] if seen.room_id in keys else None
            if declared is None and not any(how in HERE for how in seen.members.values()):
                continue  # everybody has left: the homeserver forgets it by itself
            place = Place.DECLARED if declared else self._place(seen)
            facts.append(
                RoomFacts(
                    room_id=seen.room_id,
                    place=place,
                    creator=seen.creator,
                    version=seen.version,
                    state=seen.state,
                    members=seen.members,
                    declared=declared,
                    expected=roster[declared.key] if declared else self._two(seen, place),
                    powers=powers.get(declared.key, {}) if declared else {},
                    parent_id=self.ids.get(declared.parent) if declared and declared.parent else None,
                    frozen=seen.room_id in frozen,
                    listed=seen.listed,
                )
            )
        return tuple(facts)

    def _roster(self) -> Mapping[RoomKey, frozenset[str]]:
        """Declared room → who may be in there: members, invited ones too, ours, people of partners."""
        let_in = (member for member in self.books.members if member.status in LET_IN)
        people = people_by_room(self.network, self.accounts, let_in, self.books.cuts)
        return {
            key: people.get(key, NOBODY) | seats_of(room.kind, self.accounts) | {self.accounts.warden}
            for key, room in self.declared.items()
        }

    def _powers(self) -> Powers:
        powers: defaultdict[RoomKey, dict[str, int]] = defaultdict(dict)
        for user_id, member in self.admitted.items():
            for key, level in powers_now(self.network, member.placement).items():
                powers[key][user_id] = level
        return powers

    def _place(self, seen: SeenRoom) -> Place:
        if seen.creator in (self.accounts.desk, self.accounts.steward):
            return Place.CHAT
        return Place.PRIVATE if seen.creator in self._members else Place.STRAY

    @cached_property
    def _members(self) -> frozenset[str]:
        """User ids of everybody who is a member, or was one."""
        return frozenset(self.accounts.member(member.localpart) for member in self.books.members)

    @cached_property
    def _chats(self) -> Mapping[str, str]:
        """Room id of a chat with the desk → whose it is."""
        return {member.chat: user_id for user_id, member in self.admitted.items() if member.chat}

    def _two(self, seen: SeenRoom, place: Place) -> frozenset[str]:
        """Who may be in a room that the network file does not know: its maker and one more, or nobody.

        Where several others are in there it cannot be told who of them is the one: none of them is.
        """
        if place is Place.STRAY:
            return frozenset()
        if seen.creator == self.accounts.desk:
            return frozenset({seen.creator, self._chats.get(seen.room_id, seen.creator)})
        others = {user for user, how in seen.members.items() if how in HERE and user != seen.creator}
        known = others & self.admitted.keys() if len(others) == 1 else set()
        maker = {seen.creator} & (self.admitted.keys() | {self.accounts.steward})
        return frozenset(maker | known)

    def _people(self) -> Iterator[PersonFacts]:
        joined = _joined(self.rooms)
        views: dict[frozenset[RoomKey], frozenset[str]] = {}
        inside = {room.declared.key: self._pseudonyms_in(room) for room in self.rooms if room.declared}
        for member in self.books.members:
            user_id = self.accounts.member(member.localpart)
            theirs = joined.get(user_id, ())
            keys = frozenset(room.declared.key for room in theirs if room.declared)
            if keys not in views:  # a country's members are in the same rooms: one union serves them all
                views[keys] = frozenset().union(*(inside[key] for key in keys))
            account = self.seen.get(user_id)
            yield PersonFacts(
                member=member,
                user_id=user_id,
                account=account,
                rooms=keys,
                entries=sum(room.place in (Place.DECLARED, Place.CHAT) for room in theirs),
                sees=len(views[keys] - {user_id}),
                since=member.since,
                vetted=member.vetted,
                terms=self.books.terms.get(member.id, {}),
                unanswered=self.books.unanswered.get(member.localpart, 0),
                identity_changed=self._changed(account),
            )

    def _pseudonyms_in(self, room: RoomFacts) -> frozenset[str]:
        joined = frozenset(user for user, how in room.members.items() if how == "join")
        return joined - self.accounts.all

    def _changed(self, account: SeenAccount | None) -> bool:
        if account is None or account.master_key is None:
            return False
        return self.books.identities.get(account.user_id, account.master_key) != account.master_key

    def _ours(self) -> Iterator[OurFacts]:
        present: defaultdict[str, set[str]] = defaultdict(set)
        for room in self.rooms:
            for ours in room.present & self.accounts.all:
                present[ours].add(room.room_id)
        for name in OUR_LOCALPARTS:
            user_id: str = getattr(self.accounts, name)
            yield OurFacts(
                name=name,
                user_id=user_id,
                account=self.seen.get(user_id),
                device_id=self.baseline.devices.get(name),
                master_key=self.baseline.identities.get(name),
                retired=self.baseline.retired.get(name, frozenset()),
                rooms=frozenset(present[user_id]),
                expected=frozenset(
                    room_id
                    for key, room_id in self.ids.items()
                    if user_id in {self.accounts.warden, *seats_of(self.declared[key].kind, self.accounts)}
                ),
                anywhere=user_id in (self.accounts.desk, self.accounts.steward),
            )

    def _server(self) -> ServerFacts:
        running, keys = self.sight.settings, self.baseline.keys
        declared = [
            SettingFacts(key, wanted, lookup(running, key), reason)
            for key, wanted, reason in self.baseline.settings
        ]
        added = [
            SettingFacts(key, None, running[key], "nobody declared it")
            for key in sorted(running.keys() - keys if keys else ())
        ]
        return ServerFacts(
            settings=(*declared, *added),
            accounts=tuple(self.sight.accounts),
            tokens=tuple(map(self._token, self.sight.tokens)),
            known_tokens=self.books.tokens,
            pushers=tuple(self.sight.pushers),
            services=tuple(self.sight.services),
            known_services=self.baseline.services,
            puppet_tokens=self.sight.puppet_tokens,
            partners=servers_of(self.network, self.books.cuts),
            whitelist=_servers(running.get(WHITELIST)),
        )

    def _token(self, token: SeenToken) -> SeenToken:
        """As the gate lets it be used: Synapse counts no uses of ours, the gate gives each one name."""
        if token.digest in self.books.tokens:
            return replace(token, uses_allowed=1, uses=0)
        return replace(token, uses_allowed=1, uses=1) if token.digest in self.books.spent else token


def _joined(rooms: Iterable[RoomFacts]) -> Mapping[str, Sequence[RoomFacts]]:
    """User id → rooms they are in."""
    joined: defaultdict[str, list[RoomFacts]] = defaultdict(list)
    for room in rooms:
        for user_id, how in room.members.items():
            if how == "join":
                joined[user_id].append(room)
    return joined


def _servers(running: Any) -> frozenset[str] | None:
    """Read the allow-list as Synapse does: absent means everybody."""
    return None if running is None else frozenset(map(str, running))
