"""For each rule the drift that it is to find, put straight into the databases of a running network.

Each injection makes one thing wrong and returns what the finding is about. They are made together, so each
takes a room or a person of its own wherever two could hide each other.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from banyan.domain.rooms import LOCATOR
from bots.client import Seeds
from policies.rules import RULES
from tests.live.inside import FEDERATION

LONG_AGO: Final = "2020-01-01 00:00:00.000000"
KINDS: Final = ("talk", "guide", "alert")
STAFF: Final = ("vetting", "security", "focal-points", "core-team")
ELSEWHERE: Final = {"via": ["x.example"]}
DAY_MS: Final = 24 * 3600 * 1000
FAR: Final = 4_000_000_000_000
"""A time in milliseconds that no test will see."""

Inject = Callable[[Any], str]


def state(key: str, kind: str, **parts: Any) -> Inject:
    """Parts of a state event of a declared room are other ones."""

    def inject(place: Any) -> str:
        place.inside.changed(place.room(key), kind, **parts)
        return key

    return inject


def levels(key: str, part: str, level: int, who: str | None = None) -> Inject:
    """A power level is another one: of `users` where somebody is named."""

    def inject(place: Any) -> str:
        room_id = place.room(key)
        found = place.inside.content(room_id, "m.room.power_levels")
        if who:
            found["users"][place.user_id(who)] = level
        else:
            found[part] = level
        place.inside.state(room_id, "m.room.power_levels", found)
        return key

    return inject


def room(key: str, change: str) -> Inject:
    """A column of a room is another one."""

    def inject(place: Any) -> str:
        place.inside.synapse(f"UPDATE rooms SET {change} WHERE room_id = ?", place.room(key))
        return key

    return inject


def into(key: str, who: str) -> Inject:
    """Somebody is in a room."""

    def inject(place: Any) -> str:
        place.inside.member(place.room(key), place.user_id(who))
        return key

    return inject


def out_of(key: str, who: str) -> Inject:
    """Somebody is not in a room."""

    def inject(place: Any) -> str:
        place.inside.gone(place.room(key), place.user_id(who))
        return key

    return inject


def account(who: str, change: str, table: str = "users", column: str = "name") -> Inject:
    """A column of an account is another one."""

    def inject(place: Any) -> str:
        place.inside.synapse(f"UPDATE {table} SET {change} WHERE {column} = ?", place.user_id(who))
        return place.name(who)

    return inject


def book(who: str, query: str, *values: Any) -> Inject:
    """Our books say something else of a member; the first `?` is their id."""

    def inject(place: Any) -> str:
        rows = place.inside.banyan("SELECT id FROM members WHERE localpart = ?", place.name(who))
        place.inside.banyan(query, rows[0][0], *values)
        return place.name(who)

    return inject


def devices(who: str, count: int, name: str = "") -> Inject:
    """Somebody has more devices, which nobody signed."""

    def inject(place: Any) -> str:
        for number in range(count):
            place.inside.device(
                place.user_id(who), f"EXTRA{number}{sha256(who.encode()).hexdigest()[:4]}", name
            )
        return place.name(who)

    return inject


def token(name: str, uses: int | None, expires: int | None) -> Inject:
    """Somebody made a registration token."""

    def inject(place: Any) -> str:
        place.inside.token(name, uses, expires)
        return sha256(name.encode()).hexdigest()[:8]

    return inject


def identity(who: str) -> Inject:
    """Somebody has another cross-signing identity."""

    def inject(place: Any) -> str:
        place.inside.identity(place.user_id(who), Seeds.new().public_keys(place.user_id(who)))
        return place.name(who)

    return inject


def silent(who: str, questions: int) -> Inject:
    """A member did not answer the last questions, which are long over."""

    def inject(place: Any) -> str:
        for number in range(questions):
            place.inside.asked(f"{place.name(who)}-{number}"[:32], place.name(who))
        return place.name(who)

    return inject


def _address(place: Any) -> str:
    invite = {"display_name": "x", "key_validity_url": "https://x.example", "public_key": "x"}
    place.inside.state(place.room("talk:CN-1"), "m.room.third_party_invite", invite, "x")
    return "talk:CN-1"


def _creator(place: Any) -> str:
    place.inside.synapse(
        "UPDATE events SET sender = ? WHERE room_id = ? AND type = 'm.room.create'",
        *(place["member"], place.room("guide:CN-1")),
    )
    return "guide:CN-1"


def _crowd(key: str, people: int, who: str = "") -> Inject:
    def inject(place: Any) -> str:
        for number in range(people):
            place.inside.member(place.room(key), f"@crowd-{number}:{place.network.run.server_name}")
        if who:
            place.inside.member(place.room(key), place[who])
        return place.name(who) if who else key

    return inject


def _child(place: Any) -> str:
    place.inside.state(
        place.room("space:VN"), "m.space.child", {"via": ["x.example"]}, "!elsewhere:x.example"
    )
    return "space:VN"


def _parent(place: Any) -> str:
    place.inside.state(
        place.room("guide:VN"), "m.space.parent", {"via": ["x.example"]}, "!elsewhere:x.example"
    )
    return "guide:VN"


def _missing(place: Any) -> str:
    place.inside.banyan("DELETE FROM rooms WHERE key = 'theme:corporate'")
    return "theme:corporate"


def _frozen(place: Any) -> str:
    place.inside.banyan("UPDATE rooms SET frozen = 1 WHERE key = 'alert:VN'")
    return "alert:VN"


def _crowded_role(place: Any) -> str:
    for who in ("cousin", "neighbour"):
        book(who, f"INSERT INTO placements VALUES (?, 'role', 'core_team', '{LONG_AGO}')")(place)
    return "core_team"


def _few(place: Any) -> str:
    book("second officer", "DELETE FROM placements WHERE member_id = ? AND kind = 'role'")(place)
    return "freeze"


def _many_rooms(who: str, *keys: str) -> Inject:
    def inject(place: Any) -> str:
        for key in keys:
            place.inside.member(place.room(key), place[who])
        return place.name(who)

    return inject


def _made(maker: str, *others: str) -> Inject:
    def inject(place: Any) -> str:
        members = {place.user_id(each): "join" for each in (maker, *others)}
        return place.inside.made(place.user_id(maker), members)

    return inject


def _astray(place: Any) -> str:
    place.inside.made(place.ours("keeper"), {place.ours("registrar"): "join"})
    return "registrar"


def _chat(act: Callable[[Any, str], None]) -> Inject:
    def inject(place: Any) -> str:
        rows = place.inside.banyan("SELECT chat FROM members WHERE localpart = ?", place.name("cousin"))
        act(place, rows[0][0])
        return str(rows[0][0])

    return inject


def _open_chat(place: Any, room_id: str) -> None:
    place.inside.changed(room_id, "m.room.power_levels", invite=0)


def _crowded_chat(place: Any, room_id: str) -> None:
    place.inside.member(room_id, place["other"])


def _unknown(place: Any) -> str:
    place.inside.account(f"@mallory:{place.network.run.server_name}")
    return "mallory"


def _puppet(place: Any) -> str:
    number = place.inside.synapse("SELECT MAX(id) + 1 FROM access_tokens")[0][0]
    place.inside.synapse(
        "INSERT INTO access_tokens (id, user_id, token, puppets_user_id) VALUES (?, ?, 'x', ?)",
        *(number, place["member"], place.ours("registrar")),
    )
    return "puppets"


def _lost(place: Any) -> str:
    place.inside.synapse("DELETE FROM devices WHERE user_id = ? AND NOT hidden", place.ours("steward"))
    return "steward"


def _tokens(place: Any) -> str:
    for number in range(6):
        place.inside.token(f"one of many {number}", 1, FAR)
    return "tokens"


def _gateway(place: Any) -> str:
    place.inside.pusher(place["cousin"], "https://push.evil.example/notify", format="event_id_only")
    return "push.evil.example"


def _content(place: Any) -> str:
    place.inside.pusher(place["member"], "https://matrix.org/_matrix/push/v1/notify")
    return place.name("member")


INJECTIONS: Final[Mapping[str, Inject]] = {
    "room-missing": _missing,
    "room-unencrypted": state("talk:KH", "m.room.encryption", algorithm="none"),
    "room-history": state("talk:KH", "m.room.history_visibility", history_visibility="shared"),
    "room-join-rule": state("talk:KH", "m.room.join_rules", join_rule="public"),
    "room-guests": state("talk:KH", "m.room.guest_access", guest_access="can_join"),
    "room-invited-by-address": _address,
    "room-listed": room("talk:KH", "is_public = 1"),
    "room-federates": state("talk:CN-1", "m.room.create", **{FEDERATION: True}),
    "room-version": room("talk:CN-1", "room_version = '10'"),
    "room-creator": _creator,
    "room-type": state("alert:CN-1", "m.room.create", type="m.space"),
    "power-person": levels("alert:CN-1", "", 75, "member"),
    "power-foreign": levels("alert:CN-1", "", 1, "@spy:evil.example"),
    "power-everybody": levels("guide:CN-1", "users_default", 60),
    "power-shared": levels("guide:CN-2", "", 100, "desk"),
    "power-open": levels("talk:CN-2", "invite", 0),
    "power-levels": levels("alert:CN-2", "redact", 7),
    "room-stranger": into("alert:LA", "member"),
    "room-foreign": into("talk:LA", "@spy:evil.example"),
    "room-bot": into("talk:LA", "desk"),
    "room-unguarded": out_of("theme:climate", "warden"),
    "room-seat-empty": out_of("guide:LA", "desk"),
    "room-absent": out_of("alert:KH", "cousin"),
    "room-size": _crowd("theme:justice", 121),
    "room-address": state("alert:TH", "m.room.canonical_alias", alias="#here:x.example"),
    "room-extra-state": state("alert:TH", "m.room.topic", topic="dull"),
    "room-servers": state("joint:table", "m.room.server_acl", allow=["*"]),
    "room-replaced": state("guide:TH", "m.room.tombstone", replacement_room="!new:x.example"),
    "room-name": state("guide:TH", "m.room.name", name="Another"),
    "room-name-telling": state("talk:TH", "m.room.name", name="Protest"),
    "space-child": _child,
    "space-parent": _parent,
    "room-locator": state("talk:VN", LOCATOR, id=""),
    "room-frozen": _frozen,
    "room-retention": state("talk:VN", "m.room.retention", max_lifetime=DAY_MS),
    "room-stray": _made("keeper", "neighbour"),
    "chat-crowded": _chat(_crowded_chat),
    "chat-apart": _made("cousin", "neighbour"),
    "chat-open": _chat(_open_chat),
    "account-unknown": _unknown,
    "member-leaver": book("other", "UPDATE members SET status = 'frozen' WHERE id = ?"),
    "vetting-overdue": book("neighbour", f"UPDATE members SET vetted = '{LONG_AGO}' WHERE id = ?"),
    "vetting-silent": book("late", f"UPDATE members SET vetted = '{LONG_AGO}' WHERE id = ?"),
    "member-provisional": book("bare", f"UPDATE members SET since = '{LONG_AGO}' WHERE id = ?"),
    "member-dormant": silent("late", 3),
    "member-misplaced": book("cousin", f"INSERT INTO placements VALUES (?, 'theme', 'gone', '{LONG_AGO}')"),
    "role-crowded": _crowded_role,
    "role-term": book("helper", f"UPDATE placements SET since = '{LONG_AGO}' WHERE member_id = ?"),
    "role-abroad": _many_rooms("helper", "talk:LA"),
    "member-sensitive": _many_rooms(
        "bare", "staff:vetting", "staff:security", "staff:focal-points", "staff:core-team"
    ),
    "member-entries": _many_rooms("member", *(f"{kind}:{area}" for kind in KINDS for area in ("VN", "TH"))),
    "member-sees": _crowd("theme:justice", 0, "late"),
    "duty-few": _few,
    "device-unsigned": devices("member", 1),
    "device-unsigned-staff": devices("first officer", 1),
    "device-many": devices("neighbour", 5),
    "device-telling": devices("bare", 1, "Mary's phone"),
    "member-identity": identity("cousin"),
    "member-profile": account("cousin", "avatar_url = 'mxc://x/y'", table="profiles", column="full_user_id"),
    "server-admin": account("cousin", "admin = 1"),
    "server-puppets": _puppet,
    "token-unknown": token("unknown", 1, FAR),
    "token-endless": token("endless", 1, None),
    "token-many-uses": token("many", 9, FAR),
    "tokens-open": _tokens,
    "pusher-gateway": _gateway,
    "pusher-content": _content,
    "account-away": account("alarm", "locked = 1"),
    "account-powerless": account("registrar", "admin = 0"),
    "account-device": devices("warden", 1),
    "account-device-unsigned": _lost,
    "account-identity": identity("desk"),
    "account-astray": _astray,
}

CONFIGURED: Final = frozenset(
    {
        "server-setting",
        "server-limit",
        "service-unknown",
        "service-changed",
        "service-shared",
        "service-covers",
        "federation-open",
        "federation-stranger",
        "federation-missing",
    }
)
"""What the homeserver is only after another start."""

SEPARATIONS: Final = frozenset(rule.id for rule in RULES if rule.separation)
"""Known of a small team from the first day: the untouched network is told them."""

ANOTHER_NETWORK: Final = frozenset({"chat-forbidden"})
"""What depends on the network file alone: a unit test asks it."""
