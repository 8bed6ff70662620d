"""The tables of the event log, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
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

HEAD = "0003"
"""The migration these tables belong to."""

metadata = MetaData()

_Serial = BigInteger().with_variant(Integer, "sqlite")

decisions = Table(
    "decisions",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("request_class", String, nullable=False),
    Column("model", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("variant", String),
    Column("kind", String, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("unit", String),
    Column("session", String),
    Column("body", Text, nullable=False),
    Column("experiment", String),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=False),
    Column("decision_id", String, ForeignKey("decisions.id"), nullable=False),
    Column("factor", String, nullable=False),
    Column("value", Float),
    Column("source", String, nullable=False),
    Column("rater", String, nullable=False),
    Column("principal", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("weight", Float, nullable=False),
    Column("idempotency_key", String),
    Index("outcomes_by_decision", "decision_id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    Column("decision_id", String, ForeignKey("decisions.id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("body", Text, nullable=False),
)

answered = Table(
    "answered",
    metadata,
    Column("decision_id", String, ForeignKey("decisions.id"), primary_key=True),
    Column("sampled", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("at", Float, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("sources", String, nullable=False),
    Column("requests_per_minute", Float),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
)

judge_jobs = Table(
    "judge_jobs",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("decision_id", String, ForeignKey("decisions.id"), nullable=False),
    Column("instrument", String, nullable=False),
    Column("sampled", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("lease", String),
    Column("attempts", Integer, nullable=False),
    Column("usd", Float, nullable=False),
    Column("reserved", Float, nullable=False),
    Column("error", Text),
    Column("done_at", Float),
    UniqueConstraint("decision_id", "instrument"),
    Index("judge_jobs_by_state", "state", "due_at"),
)

judge_spend = Table(
    "judge_spend",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("reason", String, primary_key=True),
    Column("usd", Float, nullable=False),
)

controls = Table(
    "controls",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("principal", String, nullable=False),
    Column("body", Text, nullable=False),
)

# The read model: a fold of the events above, which can be dropped and made anew at any time.

results = Table(
    "results",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("request_class", String, nullable=False),
    Column("model", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("experiment", String),
    Column("variant", String),
    Column("variant_share", Float, nullable=False),
    Column("unit", String),
    Column("principal", String, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("expected_quality", Float),
    Column("expected_usd", Float),
    Column("expected_seconds", Float),
    Column("quality", Float),
    Column("quality_source", String),
    Column("judged", Float),
    Column("judged_by", String),
    Column("usd", Float),
    Column("seconds", Float),
    Column("ttft_seconds", Float),
    Column("input_tokens", Float),
    Column("output_tokens", Float),
    Column("error", Float),
    Column("told", Integer, nullable=False),
    Index("results_by_time", "at"),
    Index("results_by_model", "model", "seq", "request_class", "experiment", "variant"),
    Index("results_by_class", "request_class", "seq", "model", "experiment", "variant"),
    Index(
        "results_by_experiment", "experiment", "seq", "variant", "model", "request_class",
        sqlite_where=text("experiment IS NOT NULL"), postgresql_where=text("experiment IS NOT NULL"),
    ),
    Index(
        "results_by_variant", "variant", "seq", "experiment", "model", "request_class",
        sqlite_where=text("variant IS NOT NULL"), postgresql_where=text("variant IS NOT NULL"),
    ),
    Index(
        "results_by_unit", "unit", "seq",
        sqlite_where=text("unit IS NOT NULL"), postgresql_where=text("unit IS NOT NULL"),
    ),
)  # fmt: skip

SUMS = (
    "requests", "told", "errors", "failed", "fallbacks", "scored", "quality", "billed", "usd", "listed",
    "listed_input", "listed_output", "timed", "seconds", "sized", "input_tokens", "written", "output_tokens",
)  # fmt: skip
"""What `rollups` sums, as `store.rollups` explains."""

rollups = Table(
    "rollups",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String, primary_key=True),
    Column("request_class", String, primary_key=True),
    Column("experiment", String, primary_key=True),
    Column("variant", String, primary_key=True),
    *(Column(name, Float, nullable=False) for name in SUMS),
    sqlite_with_rowid=False,
)

latencies = Table(
    "latencies",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String, primary_key=True),
    Column("bin", Integer, primary_key=True, autoincrement=False),
    Column("requests", Float, nullable=False),
    sqlite_with_rowid=False,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),
    Column("decided", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("newest", Float, nullable=False),
)
