"""The feedback loop: API keys, judge jobs, control events."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("sources", sa.String, nullable=False),
        sa.Column("requests_per_minute", sa.Float),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
    op.create_table(
        "answered",
        sa.Column("decision_id", sa.String, sa.ForeignKey("decisions.id"), primary_key=True),
        sa.Column("sampled", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "judge_jobs",
        sa.Column("seq", _serial, primary_key=True),
        sa.Column("decision_id", sa.String, sa.ForeignKey("decisions.id"), nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("sampled", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("lease", sa.String),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("reserved", sa.Float, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("done_at", sa.Float),
        sa.UniqueConstraint("decision_id", "instrument"),
    )
    op.create_index("judge_jobs_by_state", "judge_jobs", ["state", "due_at"])
    op.create_table(
        "judge_spend",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.String, primary_key=True),
        sa.Column("usd", sa.Float, nullable=False),
    )
    op.create_table(
        "controls",
        sa.Column("seq", _serial, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
