"""The read model: a row for each decision with its standing facts, sums of them, and how far they go."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_sums = (
    "requests", "told", "errors", "failed", "fallbacks", "scored", "quality", "billed", "usd", "listed",
    "listed_input", "listed_output", "timed", "seconds", "sized", "input_tokens", "written", "output_tokens",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("decisions", sa.Column("experiment", sa.String))
    op.create_table(
        "results",
        sa.Column("seq", _serial, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("request_class", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("experiment", sa.String),
        sa.Column("variant", sa.String),
        sa.Column("variant_share", sa.Float, nullable=False),
        sa.Column("unit", sa.String),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("expected_quality", sa.Float),
        sa.Column("expected_usd", sa.Float),
        sa.Column("expected_seconds", sa.Float),
        sa.Column("quality", sa.Float),
        sa.Column("quality_source", sa.String),
        sa.Column("judged", sa.Float),
        sa.Column("judged_by", sa.String),
        sa.Column("usd", sa.Float),
        sa.Column("seconds", sa.Float),
        sa.Column("ttft_seconds", sa.Float),
        sa.Column("input_tokens", sa.Float),
        sa.Column("output_tokens", sa.Float),
        sa.Column("error", sa.Float),
        sa.Column("told", sa.Integer, nullable=False),
    )
    op.create_index("results_by_time", "results", ["at"])
    filters = ["model", "request_class", "experiment", "variant"]
    for name, columns in (
        ("model", ["model", "seq", *filters[1:]]),
        ("class", ["request_class", "seq", "model", *filters[2:]]),
    ):
        op.create_index(f"results_by_{name}", "results", columns)
    for name, columns in (
        ("experiment", ["experiment", "seq", "variant", *filters[:2]]),
        ("variant", ["variant", "seq", "experiment", *filters[:2]]),
        ("unit", ["unit", "seq"]),
    ):
        known = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"results_by_{name}", "results", columns, sqlite_where=known, postgresql_where=known)
    op.create_table(
        "rollups",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("request_class", sa.String, primary_key=True),
        sa.Column("experiment", sa.String, primary_key=True),
        sa.Column("variant", sa.String, primary_key=True),
        *(sa.Column(name, sa.Float, nullable=False) for name in _sums),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latencies",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("requests", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("decided", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("newest", sa.Float, nullable=False),
    )
