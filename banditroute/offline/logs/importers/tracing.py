"""What tracing and experimentation tools keep: calls, and the scores that came for them later."""

from __future__ import annotations

from pathlib import Path

from banditroute.errors import LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.importers.source import Source, Table, between, scaled
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW


def langfuse(source: Source) -> Table:
    """Langfuse's observations (JSONL or CSV, from the blob storage export or the interface), or the folder
    with `observations_v2` or `observations`, and `scores` (fields:
    https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields). Generations are the
    requests, their names the classes. A score counts for its observation, or for the only generation of its
    trace; of several of one name the last one stands."""
    path = source.part("observations_v2", "observations")
    if source.path.is_dir() and path is None:
        raise LogError(f"{source.path} has no observations_v2 and no observations; name the folder that has.")
    names = (
        "id", "trace_id", "traceId", "type", "name", "start_time", "startTime", "end_time", "endTime",
        "provided_model_name", "model", "usage_details", "usageDetails", "cost_details", "costDetails",
        "total_cost", "totalCost", "calculated_total_cost", "calculatedTotalCost", "user_id", "userId",
    )  # fmt: skip
    cells = source.open(names, ("id", "start_time|startTime"), path)
    start, trace = cells("start_time", "startTime"), cells("trace_id", "traceId")
    own = f"coalesce(upper({cells('type')}), 'GENERATION') = 'GENERATION'"
    source.connection.execute(
        f"CREATE TEMP VIEW calls AS SELECT *, {cells('id')} AS call, {trace} AS whole, "
        f"count(*) OVER (PARTITION BY {trace}) AS siblings FROM raw WHERE {own}"
    )
    usage = cells("usage_details", "usageDetails")
    cost = cells("total_cost", "totalCost", "calculated_total_cost", "calculatedTotalCost")
    costs = cells("cost_details", "costDetails")
    columns = {
        "request_id": ("id", cells("id")),
        "at": ("start_time", start),
        "request_class": ("name", cells("name")),
        "model": ("provided_model_name", cells("provided_model_name", "model")),
        "input_tokens": ("usage_details.input", _inside(usage, "input")),
        "output_tokens": ("usage_details.output", _inside(usage, "output")),
        "usd": ("total_cost", f"coalesce({cost}, {_inside(costs, 'total')})"),
        "seconds": ("end_time - start_time", between(start, cells("end_time", "endTime"))),
        "unit": ("user_id", cells("user_id", "userId")),
    }
    relation = "calls AS raw"
    if (file := source.part("scores")) is not None:
        of = ("observation_id", "observationId", "trace_id", "traceId", "name", "value", "timestamp")
        scores = source.open(of, ("name", "value"), file, "scores")
        told = (
            f"SELECT {scores('name')} AS name, {scores('observation_id', 'observationId')} AS call, "
            f"{scores('trace_id', 'traceId')} AS whole, {scores('value')} AS value, "
            f"{scores('timestamp')} AS told_at, {ROW} AS place FROM scores "
            f"WHERE {scores('value')} IS NOT NULL"
        )
        relation += _joined(source, told, "score")
        columns["quality"] = ("score", QUALITY)
    return Table(columns, relation, f"raw.{ROW}", cells.file)


def tensorzero(source: Source) -> Table:
    """TensorZero's inferences (JSONL), or the folder of its tables as JSONL, one file each: `ChatInference`
    or `JsonInference`, and if there are any `ModelInference`, `BooleanMetricFeedback`, `FloatMetricFeedback`
    (columns: https://www.tensorzero.com/docs/gateway/data-model). The function is the class, the model that
    of the one model inference, else the variant. Feedback counts for its inference, or for the only
    inference of its episode; of several of one metric the last one stands."""
    path = source.part("ChatInference", "JsonInference", "inferences")
    if source.path.is_dir() and path is None:
        raise LogError(
            f"{source.path} has no ChatInference.jsonl and no JsonInference.jsonl; name the folder."
        )
    names = (
        "id",
        "inference_id",
        "function_name",
        "variant_name",
        "episode_id",
        "timestamp",
        "processing_time_ms",
    )
    cells = source.open((*names, "tags"), ("id|inference_id", "function_name", "variant_name"), path)
    call, episode = cells("id", "inference_id"), cells("episode_id")
    source.connection.execute(
        f"CREATE TEMP VIEW calls AS SELECT *, {call} AS call, {episode} AS whole, "
        f"count(*) OVER (PARTITION BY {episode}) AS siblings FROM raw"
    )
    columns = {
        "request_id": ("id", call),
        "at": ("timestamp", cells("timestamp")),
        "request_class": ("function_name", cells("function_name")),
        "model": ("variant_name", cells("variant_name")),
        "variant": ("variant_name", cells("variant_name")),
        "seconds": ("processing_time_ms / 1000", scaled(cells("processing_time_ms"), 1e-3)),
        "unit": ("episode_id", episode),
    }
    relation = "calls AS raw"
    if (file := source.part("ModelInference")) is not None:
        relation += _model_inferences(source, file)
        columns["model"] = ("model_name", "inner_calls.model")
        columns["input_tokens"] = ("input_tokens", "inner_calls.input_tokens")
        columns["output_tokens"] = ("output_tokens", "inner_calls.output_tokens")
        columns["usd"] = ("cost", "inner_calls.cost")
    told = [_feedback(source, name) for name in ("BooleanMetricFeedback", "FloatMetricFeedback")]
    if any(told):
        relation += _joined(source, " UNION ALL ".join(filter(None, told)), "metric")
        columns["quality"] = ("metric", QUALITY)
    return Table(columns, relation, f"raw.{ROW}", cells.file)


QUALITY = "coalesce(of_call.value, of_whole.value)"
"""The score of a call, in a relation that `_joined` made."""


def _inside(cell: str, name: str) -> str:
    return f"CASE WHEN json_valid({cell}) THEN json_extract_string({cell}, '$.{name}') END"


def _joined(source: Source, told: str, what: str) -> str:
    """The join of calls with the scores of `told`: those of a call itself, and those of a whole (a trace, an
    episode) that has one call only. Scores of a whole with several calls tell nothing of one of them."""
    connection = source.connection
    connection.execute(f"CREATE TEMP TABLE told AS {told}")
    name = source.chosen_score("told", "name", what)
    if name is not None:
        connection.execute("DELETE FROM told WHERE name <> $name", {"name": name})
    of_many = "call IS NULL AND whole IN (SELECT whole FROM calls WHERE siblings > 1)"
    ((shared,),) = fetch(connection, f"SELECT count(*) FROM told WHERE {of_many}")
    if shared:
        source.notes.append(f"Passed over: {counted(shared, what)} of several calls together.")
    last = "arg_max(value, (told_at, place)) AS value FROM told WHERE"
    return (
        f" LEFT JOIN (SELECT call, {last} call IS NOT NULL GROUP BY call) AS of_call USING (call)"
        f" LEFT JOIN (SELECT whole, {last} call IS NULL GROUP BY whole) AS of_whole"
        " ON of_whole.whole = raw.whole AND raw.siblings = 1"
    )


def _model_inferences(source: Source, path: Path) -> str:
    """The join with the one model inference of an inference; several leave the model unknown."""
    names = ("inference_id", "model_name", "input_tokens", "output_tokens", "cost")
    cells = source.open(names, ("inference_id", "model_name"), path, "model_calls")
    sums = ", ".join(
        f"any_value({cells(name)}) AS {name}" for name in ("input_tokens", "output_tokens", "cost")
    )
    return (
        f" LEFT JOIN (SELECT {cells('inference_id')} AS call, any_value({cells('model_name')}) AS model, "
        f"{sums}"
        " FROM model_calls GROUP BY 1 HAVING count(*) = 1) AS inner_calls USING (call)"
    )


def _feedback(source: Source, table: str) -> str | None:
    """The feedback of one table: its target is an inference or an episode."""
    file = source.part(table)
    if file is None:
        return None
    names = ("target_id", "metric_name", "value", "timestamp")
    cells = source.open(names, ("target_id", "metric_name"), file, table)
    target = cells("target_id")
    whole = f"{target} IN (SELECT whole FROM calls)"
    return (
        f"SELECT {cells('metric_name')} AS name, CASE WHEN NOT {whole} THEN {target} END AS call, "
        f"CASE WHEN {whole} THEN {target} END AS whole, {cells('value')} AS value, "
        f"{cells('timestamp')} AS told_at, {ROW} AS place FROM {table}"
    )
