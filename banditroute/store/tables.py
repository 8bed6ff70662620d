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
)

HEAD = "0002"
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
