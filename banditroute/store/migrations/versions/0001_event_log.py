"""The event log: decisions, outcomes, idempotency keys, texts, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("seq", _serial, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("request_class", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("variant", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("unit", sa.String),
        sa.Column("session", sa.String),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "outcomes",
        sa.Column("seq", _serial, primary_key=True, autoincrement=False),
        sa.Column("decision_id", sa.String, sa.ForeignKey("decisions.id"), nullable=False),
        sa.Column("factor", sa.String, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("rater", sa.String, nullable=False),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("idempotency_key", sa.String),
    )
    op.create_index("outcomes_by_decision", "outcomes", ["decision_id"])
    op.create_table(
        "idempotency",
        sa.Column("principal", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("event_seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "texts",
        sa.Column("decision_id", sa.String, sa.ForeignKey("decisions.id"), primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", _serial, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
