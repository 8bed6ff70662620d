"""`export`: the decisions of an event log, with what came of them, as a log that `read_log` reads.

One row per episode: the first decision, and the attempts that followed where its model failed. What is
written is what statistics may use: only a first attempt that was drawn carries a propensity, and it is the
one over all variants of an experiment where there was one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from banditroute.config.settings import Settings
from banditroute.core.feedback.fold import standing, values
from banditroute.errors import LogError
from banditroute.offline.logs.files import counted, quoted
from banditroute.offline.logs.judged import NAMELESS
from banditroute.offline.logs.queries import Progress, fetch
from banditroute.offline.logs.source import connect
from banditroute.offline.logs.writing import check_target, write_log
from banditroute.store import Record, Store
from banditroute.types import Model, Outcome

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PAGE = 5_000
"""Decisions that are in memory at once."""

TYPES = {
    "request_id": "VARCHAR",
    "at": "DOUBLE",
    "request_class": "VARCHAR",
    "prompt": "VARCHAR",
    "input_tokens": "BIGINT",
    "model": "VARCHAR",
    "quality": "DOUBLE",
    "usd": "DOUBLE",
    "seconds": "DOUBLE",
    "output_tokens": "DOUBLE",
    "propensity": "DOUBLE",
    "candidates": "VARCHAR",
    "pmf": "VARCHAR",
    "unit": "VARCHAR",
    "policy": "VARCHAR",
    "variant": "VARCHAR",
    "source": "VARCHAR",
    "judge": "VARCHAR",
    "judge_quality": "DOUBLE",
    "kind": "VARCHAR",
    "attempt": "INTEGER",
    "root": "VARCHAR",
    "variant_propensity": "DOUBLE",
    "variant_share": "DOUBLE",
    "experiment": "VARCHAR",
    "error": "DOUBLE",
    "fallback": "DOUBLE",
}
"""The columns that are written. `attempt` is how many were made; `variant_propensity` is what the choice was
drawn with, given the variant, where an experiment made it differ from `propensity`. `judge_quality` is what
the `judge` said, also where a person's score is the quality. `error` is 1 where the call failed (empty where
nothing was told of it), `fallback` where another model had to take the place of the first."""

_EPISODE = {
    "request_id": "root",
    "usd": "sum(usd)",
    "seconds": "sum(seconds)",
    "quality": "arg_max(struct_pack(x := quality), attempt).x",
    "output_tokens": "arg_max(struct_pack(x := output_tokens), attempt).x",
    "source": "arg_max(struct_pack(x := source), attempt).x",
    "judge": "arg_max(struct_pack(x := judge), attempt).x",
    "judge_quality": "arg_max(struct_pack(x := judge_quality), attempt).x",
    "attempt": "max(attempt)",
    "error": "arg_max(struct_pack(x := error), attempt).x",
    "fallback": "CAST(max(attempt) > 1 AS DOUBLE)",
    "root": "root",
}
"""Columns of an episode that are not those of its first decision: the answer is the last attempt's, and the
bill and the wait are everybody's."""


Prices = Mapping[str, Model]
"""Models by id, with their configured prices."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: rows (episodes), how many of them were drawn, and what to know about the others."""

    path: Path
    rows: int
    drawn: int
    notes: tuple[str, ...]


def export_log(
    store: Store,
    settings: Settings,
    out: str | Path,
    *,
    prompts: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Writes the decisions of a store as a log: CSV, JSONL or Parquet by the extension of `out`.

    Works beside a running server: what it stores meanwhile may be in or not. `prompts` are written where
    they were kept. Raises LogError where there is nothing to write or no place for it, StoreError where the
    store cannot be read.
    """
    out = Path(out)
    check_target(out)
    total = store.counts()["decisions"]
    if not total:
        raise LogError("There is no decision in the event log yet; route requests first, then export.")
    connection = connect()
    try:
        with tempfile.TemporaryDirectory(prefix="banditroute-export-") as folder:
            flat = Path(folder) / "decisions.jsonl"
            with flat.open("wb") as file:
                for done, lines in _pages(store, settings, prompts):
                    file.write(lines)
                    if progress:
                        progress(min(1.0, done / total), "reading the event log")
            return _write(connection, flat, out, progress)
    finally:
        connection.close()


def _pages(store: Store, settings: Settings, prompts: bool) -> Iterator[tuple[int, bytes]]:
    """Pages of decisions as lines of JSON, and how many decisions were read so far."""
    encoder, after, done = msgspec.json.Encoder(), 0, 0
    prices = {model.id: model for model in settings.models}
    while (page := store.decided(after, PAGE)).records:
        after, done = page.upto, done + len(page.records)
        rows = (
            _row(record, settings.reward.error_quality, prices, page.prompts if prompts else {})
            for record in page.records
        )
        yield done, encoder.encode_lines(list(rows))


def _row(record: Record, error_quality: float, prices: Prices, prompts: Any) -> dict[str, Any]:
    """One decision as a row, before its attempts are joined."""
    decision, said = record.decision, values(record.outcomes, error_quality=error_quality)
    drawn = decision.kind == "drawn" and decision.attempt == 1
    verdict = _verdict(record.outcomes)
    own = decision.marginal is None or decision.marginal == decision.propensity
    input_tokens = said.get("input_tokens", decision.context.input_tokens)
    return {
        "request_id": decision.id,
        "at": decision.at,
        "request_class": decision.context.request_class,
        "prompt": prompts.get(decision.id),
        "input_tokens": input_tokens,
        "model": decision.model,
        "quality": said.get("quality"),
        "usd": said.get("usd", _usd(prices.get(decision.model), input_tokens, said.get("output_tokens"))),
        "seconds": said.get("seconds"),
        "output_tokens": said.get("output_tokens"),
        "propensity": (decision.propensity if own else decision.marginal) if drawn else None,
        "candidates": msgspec.json.encode([c.model for c in decision.candidates]).decode(),
        "pmf": msgspec.json.encode(decision.pmf).decode() if drawn and own else None,
        "unit": decision.context.unit,
        "policy": decision.policy,
        "variant": decision.variant,
        "source": _source(record.outcomes),
        "judge": None if verdict is None else verdict.rater or NAMELESS,
        "judge_quality": None if verdict is None else verdict.value,
        "kind": decision.kind,
        "attempt": decision.attempt,
        "root": decision.root_id or decision.id,
        "variant_propensity": decision.propensity if drawn else None,
        "variant_share": None if decision.variant is None else decision.variant_share,
        "experiment": decision.experiment,
        "error": float(said.get("error", 0.0) != 0.0) if said else None,
        "fallback": float(decision.attempt > 1),
    }


def _usd(model: Model | None, input_tokens: float | None, output_tokens: float | None) -> float | None:
    """What the configured prices make of the tokens that were told, where no bill was."""
    if model is None or input_tokens is None or output_tokens is None:
        return None
    if model.usd_per_input_token is None or model.usd_per_output_token is None:
        return None
    return model.usd_per_input_token * input_tokens + model.usd_per_output_token * output_tokens


def _source(outcomes: Iterable[Outcome]) -> str | None:
    """Whose word the quality is: of those that gave one, the source that outranks the others."""
    told = {o.source for o in standing(outcomes).values() if o.factor == "quality"}
    return next((source for source in ("user", "metric", "judge", "meter") if source in told), None)


def _verdict(outcomes: Iterable[Outcome]) -> Outcome | None:
    """What a judge said of the quality; of several the last."""
    said = [o for o in standing(outcomes).values() if o.factor == "quality" and o.source == "judge"]
    return max(said, key=lambda outcome: outcome.seq, default=None)


def _write(connection: DuckDBPyConnection, flat: Path, out: Path, progress: Progress | None) -> Exported:
    """Joins the attempts of each episode and writes the rows in the order of the first decisions."""
    connection.read_json(str(flat), columns=TYPES, format="newline_delimited").create_view("decisions")
    cells = ", ".join(
        f"{_EPISODE.get(name, f'arg_min(struct_pack(x := {quoted(name)}), attempt).x')} AS {quoted(name)}"
        for name in TYPES
    )
    connection.execute(f"CREATE TEMP TABLE episodes AS SELECT {cells} FROM decisions GROUP BY root")
    write_log(connection, 'SELECT * FROM episodes ORDER BY "at", request_id', out, progress)
    ((rows, drawn, lost, retried),) = fetch(
        connection,
        "SELECT count(*), count(propensity), (SELECT count(*) FROM (SELECT root FROM decisions GROUP BY root "
        "HAVING min(attempt) > 1)), count(*) FILTER (attempt > 1) FROM episodes",
    )
    kinds = fetch(
        connection, "SELECT kind, count(*) FROM episodes WHERE propensity IS NULL GROUP BY 1 ORDER BY 1"
    )
    notes = [
        f"{counted(count, f'row of kind {kind} has', f'rows of kind {kind} have')} no propensity: not drawn."
        for kind, count in kinds
    ]
    if retried:
        notes.append(f"{counted(retried, 'row')} needed several attempts: the outcome is that of the last.")
    if lost:
        notes.append(f"Of {counted(lost, 'row')} the first decision is not in the event log: later attempts.")
    return Exported(out, rows, drawn, tuple(notes))
