"""The first tables.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create everything."""
    _people()
    _alerts()
    _outbox()
    _speech()
    _gatherings()
    _log()
    _audit()
    _console()


def downgrade() -> None:
    """Refuse: there is nothing before, and the log must not be dropped by mistake."""
    raise NotImplementedError


def _people() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("localpart", sa.String(64), nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("chat", sa.String(255)),
        sa.Column("welcomed", sa.Boolean, nullable=False),
        sa.Column("since", MOMENT),
        sa.Column("vetted", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
        sa.UniqueConstraint("localpart", name="uq_members_localpart"),
    )
    op.create_index("ix_members_status", "members", ["status"])
    op.create_table(
        "placements",
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("code", sa.String(128), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("member_id", "kind", "code", name="pk_placements"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_placements_member_id"),
    )
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("asked_by", sa.String(32)),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_invitations_member_id"),
        sa.ForeignKeyConstraint(["asked_by"], ["members.id"], name="fk_invitations_asked_by"),
    )
    op.create_index("ix_invitations_member_id", "invitations", ["member_id"])
    op.create_index("ix_invitations_asked_by", "invitations", ["asked_by"])
    op.create_table(
        "rooms",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("frozen", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rooms"),
        sa.UniqueConstraint("room_id", name="uq_rooms_room_id"),
    )


def _alerts() -> None:
    op.create_table(
        "senders",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("direct", sa.Boolean, nullable=False),
        sa.Column("revoked", MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_senders"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("identifier", sa.String(128), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("sent", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("areas", sa.JSON, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("response", sa.String(16), nullable=False),
        sa.Column("texts", sa.JSON, nullable=False),
        sa.Column("addition", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("received", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("sender", "identifier", name="uq_alerts_sender_identifier"),
        sa.UniqueConstraint("sender", "body_hash", name="uq_alerts_sender_body_hash"),
    )
    op.create_index("ix_alerts_received", "alerts", ["received"])
    op.create_table(
        "checkins",
        sa.Column("alert_id", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("answer", sa.String(8)),
        sa.Column("at", MOMENT),
        sa.PrimaryKeyConstraint("alert_id", "member_id", name="pk_checkins"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_checkins_alert_id"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_checkins_member_id"),
    )
    op.create_table(
        "seen",
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_seen"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", COUNTER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("lane", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(128)),
        sa.Column("dedupe", sa.String(255)),
        sa.Column("after", sa.String(32)),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("queued", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_attempt", MOMENT),
        sa.Column("device_id", sa.String(255)),
        sa.Column("done", MOMENT),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
        sa.UniqueConstraint("dedupe", name="uq_outbox_dedupe"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject"])
    queued = sa.text("state = 'queued'")
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["actor", "lane", "seq"],
        sqlite_where=queued,
        postgresql_where=queued,
    )
    op.create_index(
        "ix_outbox_due", "outbox", ["actor", "not_before"], sqlite_where=queued, postgresql_where=queued
    )


def _speech() -> None:
    op.create_table(
        "conversations",
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("command", sa.String(64), nullable=False),
        sa.Column("given", sa.JSON, nullable=False),
        sa.Column("asked", sa.String(32), nullable=False),
        sa.Column("choices", sa.JSON, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("room_id", "member_id", name="pk_conversations"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_conversations_member_id"),
    )
    op.create_index("ix_conversations_until", "conversations", ["until"])
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("about", sa.JSON, nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("member_id", sa.String(32)),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("reminded", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_proposals_member_id"),
    )
    op.create_index("ix_proposals_state", "proposals", ["state"])
    op.create_table(
        "approvals",
        sa.Column("proposal_id", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", "member_id", name="pk_approvals"),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposals.id"], name="fk_approvals_proposal_id"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_approvals_member_id"),
    )


def _gatherings() -> None:
    op.create_table(
        "gatherings",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("starts", MOMENT, nullable=False),
        sa.Column("areas", sa.JSON, nullable=False),
        sa.Column("author", sa.String(32), nullable=False),
        sa.Column("remind", MOMENT),
        sa.Column("reminded", sa.Boolean, nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gatherings"),
        sa.ForeignKeyConstraint(["author"], ["members.id"], name="fk_gatherings_author"),
    )
    op.create_table(
        "rsvps",
        sa.Column("seq", COUNTER, nullable=False, autoincrement=True),
        sa.Column("gathering_id", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("answer", sa.String(8), nullable=False),
        sa.Column("event_id", sa.String(255)),
        sa.PrimaryKeyConstraint("seq", name="pk_rsvps"),
        sa.UniqueConstraint("event_id", name="uq_rsvps_event_id"),
        sa.ForeignKeyConstraint(["gathering_id"], ["gatherings.id"], name="fk_rsvps_gathering_id"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_rsvps_member_id"),
    )
    op.create_index("ix_rsvps_gathering_id", "rsvps", ["gathering_id"])
    op.create_table(
        "posts",
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_posts"),
    )
    op.create_index("ix_posts_subject", "posts", ["subject"])


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("seq", COUNTER, nullable=False, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_log"),
        sa.UniqueConstraint("hash", name="uq_log_hash"),
    )
    op.create_table(
        "openings",
        sa.Column("seq", COUNTER, nullable=False),
        sa.Column("field", sa.String(32), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("seq", "field", name="pk_openings"),
        sa.ForeignKeyConstraint(["seq"], ["log.seq"], name="fk_openings_seq"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", COUNTER, nullable=False, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
    op.create_table(
        "answered",
        sa.Column("event_id", sa.String(255), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_answered"),
    )
    op.create_index("ix_answered_at", "answered", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
            "FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER log_no_{verb.lower()} BEFORE {verb} ON log "
            "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        )


def _audit() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("rooms", sa.Integer, nullable=False),
        sa.Column("members", sa.Integer, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("uncovered", sa.JSON, nullable=False),
        sa.Column("notices", sa.Integer, nullable=False),
        sa.Column("warnings", sa.Integer, nullable=False),
        sa.Column("breaches", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audits"),
    )
    op.create_index("ix_audits_at", "audits", ["at"])
    op.create_table(
        "identities",
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("master_key", sa.String(64), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_identities"),
    )
    op.create_table(
        "repairs",
        sa.Column("seq", COUNTER, nullable=False, autoincrement=True),
        sa.Column("room_id", sa.String(255), nullable=False),
        sa.Column("thing", sa.String(320), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_repairs"),
    )
    op.create_index("ix_repairs_at", "repairs", ["at"])
    op.create_table(
        "uses",
        sa.Column("seq", COUNTER, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_uses"),
    )
    op.create_index("ix_uses_name", "uses", ["name"])
    op.create_index("ix_uses_at", "uses", ["at"])
    op.create_table(
        "duties",
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("begins", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("member_id", name="pk_duties"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_duties_member_id"),
    )
    op.create_table(
        "cuts",
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("server", name="pk_cuts"),
    )
    op.create_table(
        "noted",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_noted"),
    )


def _console() -> None:
    op.create_table(
        "links",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_links"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_links_member_id"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(32), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_sessions_member_id"),
    )
