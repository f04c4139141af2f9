"""The tables. The migrations build them; a test holds the two together."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from banyan.store.columns import Counter, Instant

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

members = Table(
    "members",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("localpart", String(64), nullable=False, unique=True),
    Column("area", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("chat", String(255)),
    Column("welcomed", Boolean, nullable=False),
    Column("since", Instant),
    Column("vetted", Instant),
)

placements = Table(
    "placements",
    metadata,
    Column("member_id", ForeignKey("members.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),  # theme, role or barred
    Column("code", String(128), primary_key=True),
    Column("since", Instant, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("member_id", ForeignKey("members.id"), nullable=False, index=True),
    Column("expires", Instant, nullable=False),
    Column("asked_by", ForeignKey("members.id"), index=True),
)

rooms = Table(
    "rooms",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("room_id", String(255), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("area", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("frozen", Boolean, nullable=False),
)

senders = Table(
    "senders",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("revoked", Instant),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sender", String(64), nullable=False),
    Column("identifier", String(128), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("sent", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("status", String(16), nullable=False),
    Column("areas", JSON, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("response", String(16), nullable=False),
    Column("texts", JSON, nullable=False),
    Column("addition", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("received", Instant, nullable=False, index=True),
    UniqueConstraint("sender", "identifier"),
    UniqueConstraint("sender", "body_hash"),
)

seen = Table(
    "seen",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("people", Integer, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("actor", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("lane", String(255), nullable=False),
    Column("subject", String(128), index=True),
    Column("dedupe", String(255), unique=True),
    Column("after", String(32)),
    Column("secret", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("queued", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt", Instant),
    Column("device_id", String(255)),
    Column("done", Instant),
    Column("result", JSON, nullable=False),
    Column("reason", Text, nullable=False),
)
QUEUED_ONLY = text("state = 'queued'")
Index(
    "ix_outbox_waiting",
    outbox.c.actor,
    outbox.c.lane,
    outbox.c.seq,
    sqlite_where=QUEUED_ONLY,
    postgresql_where=QUEUED_ONLY,
)
Index(
    "ix_outbox_due",
    outbox.c.actor,
    outbox.c.not_before,
    sqlite_where=QUEUED_ONLY,
    postgresql_where=QUEUED_ONLY,
)

conversations = Table(
    "conversations",
    metadata,
    Column("room_id", String(255), primary_key=True),
    Column("member_id", ForeignKey("members.id"), primary_key=True),
    Column("command", String(64), nullable=False),
    Column("given", JSON, nullable=False),
    Column("asked", String(32), nullable=False),
    Column("choices", JSON, nullable=False),
    Column("until", Instant, nullable=False, index=True),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("about", JSON, nullable=False),
    Column("author", String(128), nullable=False),
    Column("member_id", ForeignKey("members.id")),
    Column("code", String(8), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("reminded", Boolean, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("proposal_id", ForeignKey("proposals.id"), primary_key=True),
    Column("member_id", ForeignKey("members.id"), primary_key=True),
    Column("at", Instant, nullable=False),
)

gatherings = Table(
    "gatherings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("areas", JSON, nullable=False),
    Column("author", ForeignKey("members.id"), nullable=False),
    Column("remind", Instant),
    Column("reminded", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
)

rsvps = Table(
    "rsvps",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=True),
    Column("gathering_id", ForeignKey("gatherings.id"), nullable=False, index=True),
    Column("member_id", ForeignKey("members.id"), nullable=False),
    Column("answer", String(8), nullable=False),
    Column("event_id", String(255), unique=True),
)

posts = Table(
    "posts",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("subject", String(128), nullable=False, index=True),
    Column("at", Instant, nullable=False),
)

checkins = Table(
    "checkins",
    metadata,
    Column("alert_id", ForeignKey("alerts.id"), primary_key=True),
    Column("member_id", ForeignKey("members.id"), primary_key=True),
    Column("answer", String(8)),
    Column("at", Instant),
)

log = Table(
    "log",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

answered = Table(
    "answered",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
)

openings = Table(
    "openings",
    metadata,
    Column("seq", ForeignKey("log.seq"), primary_key=True),
    Column("field", String(32), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("value", String(255), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Counter, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)

audits = Table(
    "audits",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("cause", String(16), nullable=False),
    Column("rooms", Integer, nullable=False),
    Column("members", Integer, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("uncovered", JSON, nullable=False),
    Column("notices", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("breaches", Integer, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("master_key", String(64), nullable=False),
    Column("since", Instant, nullable=False),
)

repairs = Table(
    "repairs",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=True),
    Column("room_id", String(255), nullable=False),
    Column("thing", String(320), nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

uses = Table(
    "uses",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=True),
    Column("name", String(255), nullable=False, index=True),
    Column("at", Instant, nullable=False, index=True),
)

duties = Table(
    "duties",
    metadata,
    Column("member_id", ForeignKey("members.id"), primary_key=True),
    Column("begins", Integer, nullable=False),
    Column("ends", Integer, nullable=False),
)

cuts = Table(
    "cuts",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("at", Instant, nullable=False),
)

noted = Table(
    "noted",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("member_id", ForeignKey("members.id"), nullable=False),
    Column("expires", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("member_id", ForeignKey("members.id"), nullable=False),
    Column("browser", String(64), nullable=False),
    Column("expires", Instant, nullable=False),
)
