"""Public benchmarks of routing: every model answered every prompt, so they are full information."""

from __future__ import annotations

from banditroute.errors import LogError
from banditroute.offline.logs.importers.source import Source, Table, literal, scaled
from banditroute.offline.logs.source import ROW


def routerbench(source: Source) -> Table:
    """RouterBench's wide table (CSV), one row per prompt: a column of scores per model, and beside it
    `MODEL|total_cost` (Hu et al. 2024, https://arxiv.org/abs/2403.12031; the columns as in the data set
    withmartian/routerbench). It is published as a pickle, which could run code: save it as CSV first."""
    names = ("sample_id", "prompt", "eval_name")
    cells = source.open(names, ("sample_id",))
    ending = "|total_cost"
    models = [name.removesuffix(ending) for name in cells.file.columns if name.endswith(ending)]
    models = [model for model in models if model in cells.file.columns]
    if not models:
        raise LogError(
            f"{source.path} has no column of scores with its MODEL|total_cost beside it; RouterBench's table "
            "has a pair per model."
        )
    shared = f"raw.{ROW}, {cells('sample_id')} AS sample_id, {cells('eval_name')} AS eval_name"
    shared += f", {cells('prompt')} AS prompt"
    each = (
        f"SELECT {shared}, {literal(model)} AS model, {cells(model)} AS score, "
        f"{cells(model + ending)} AS cost FROM raw"
        for model in models
    )
    return Table(
        {
            "request_id": ("sample_id", "sample_id"),
            "request_class": ("eval_name", "eval_name"),
            "prompt": ("prompt", "prompt"),
            "model": ("model", "model"),
            "quality": ("score", "score"),
            "usd": ("total_cost", "cost"),
        },
        f"({' UNION ALL '.join(each)})",
        ROW,
        cells.file,
    )


def routerarena(source: Source) -> Table:
    """RouterArena's cached results (JSONL), a file per model or the folder of them: a line per question with
    its `token_usage` and its `evaluation_result` (https://github.com/RouteWorks/RouterArena,
    `cached_results/`). The class is the data set, which the id begins with: AIME_112. Calls without `success`
    are passed over: their score is of no answer."""
    names = ("global_index", "question", "llm_selected", "token_usage", "evaluation_result", "success")
    cells = source.open(names, ("global_index", "llm_selected"))
    index = cells("global_index")
    failed = f"lower({cells('success')}) IN ('false', '0')"
    relation = source.passing_over(cells, failed, "call that failed", "calls that failed")
    return Table(
        {
            "request_id": ("global_index", index),
            "request_class": ("the data set in global_index", f"regexp_replace({index}, '_[^_]*$', '')"),
            "prompt": ("question", cells("question")),
            "model": ("llm_selected", cells("llm_selected")),
            "input_tokens": ("token_usage.input_tokens", cells.inner("token_usage", "input_tokens")),
            "output_tokens": ("token_usage.output_tokens", cells.inner("token_usage", "output_tokens")),
            "quality": ("evaluation_result.score", cells.inner("evaluation_result", "score")),
            "usd": ("evaluation_result.inference_cost", cells.inner("evaluation_result", "inference_cost")),
        },
        relation,
        f"raw.{ROW}",
        cells.file,
    )


def litellm_prior(source: Source) -> Table:
    """The evaluation that LiteLLM's auto router takes as a prior (JSONL): `case_id`, `request_type`,
    `model`, `quality`, `cost` in USD, `latency_ms` (https://docs.litellm.ai/docs/adaptive_router). Full
    information where every model has every case."""
    names = ("case_id", "request_type", "model", "quality", "cost", "latency_ms")
    cells = source.open(names, ("case_id", "model", "quality"))
    return Table(
        {
            "request_id": ("case_id", cells("case_id")),
            "request_class": ("request_type", cells("request_type")),
            "model": ("model", cells("model")),
            "quality": ("quality", cells("quality")),
            "usd": ("cost", cells("cost")),
            "seconds": ("latency_ms / 1000", scaled(cells("latency_ms"), 1e-3)),
        },
        "raw",
        f"raw.{ROW}",
        cells.file,
    )
