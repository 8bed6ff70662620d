"""What gateways and providers record of calls: cost, tokens and time, no quality and no propensity."""

from __future__ import annotations

from banditroute.errors import LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.importers.source import Source, Table, between, scaled
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW

CHAT = ("completion", "text_completion", "responses", "anthropic_messages", "generate_content")
"""Kinds of call of LiteLLM that answer a prompt with text; each also with an `a` before it."""


def litellm_spend(source: Source) -> Table:
    """LiteLLM's table `LiteLLM_SpendLogs`, exported as CSV or JSONL (its columns:
    https://github.com/BerriAI/litellm, `schema.prisma`). The class is `request_class` in the metadata that
    the caller sent (`metadata.spend_logs_metadata`), the unit the end user. Calls that are no chat are
    passed over, and so are those that failed (`status`, or `status` in the metadata), which observed no
    answer; what came from the cache says so in `kind`."""
    names = (
        "request_id", "call_type", "model", "spend", "prompt_tokens", "completion_tokens", "startTime",
        "endTime", "end_user", "user", "metadata", "cache_hit", "status",
    )  # fmt: skip
    cells = source.open(names, ("request_id", "model", "spend"))
    kinds = ", ".join(f"'{prefix}{kind}'" for kind in CHAT for prefix in ("", "a"))
    call = cells("call_type")
    other = f"{call} IS NOT NULL AND {call} NOT IN ({kinds})"
    ((passed, named),) = fetch(
        source.connection,
        f"SELECT count(*), string_agg(DISTINCT {call}, ', ' ORDER BY {call}) FROM raw WHERE {other}",
    )
    if passed:
        calls = counted(passed, "call that is no chat", "calls that are no chat")
        source.notes.append(f"Passed over: {calls} ({named}).")
    status = f"lower(coalesce({cells('status')}, {cells.inner('metadata', 'status')}))"
    failed = f"{status} = 'failure' AND NOT coalesce({other}, false)"
    source.passing_over(cells, failed, "call that failed", "calls that failed")
    start, end = cells("startTime"), cells("endTime")
    return Table(
        {
            "request_id": ("request_id", cells("request_id")),
            "at": ("startTime", start),
            "request_class": (
                "metadata.spend_logs_metadata.request_class",
                cells.inner("metadata", "spend_logs_metadata", "request_class"),
            ),
            "model": ("model", cells("model")),
            "input_tokens": ("prompt_tokens", cells("prompt_tokens")),
            "output_tokens": ("completion_tokens", cells("completion_tokens")),
            "usd": ("spend", cells("spend")),
            "seconds": ("endTime - startTime", between(start, end)),
            "unit": ("end_user", cells("end_user", "user")),
            "kind": ("cache_hit", f"CASE WHEN lower({cells('cache_hit')}) = 'true' THEN 'cache' END"),
        },
        f"(SELECT * FROM raw WHERE NOT coalesce({other} OR {status} = 'failure', false)) AS raw",
        f"raw.{ROW}",
        cells.file,
    )


def openrouter(source: Source) -> Table:
    """OpenRouter's activity by generation (CSV), with `generation_id`, `created_at`, `model_permaslug`,
    `tokens_prompt`, `tokens_completion`, `cost_total`, `generation_time_ms`, `user`. The aggregate by day
    (https://openrouter.ai/docs/cookbook/administration/activity-export) knows no single request, and is
    refused. `cost_total` is what OpenRouter charged; calls on keys of your own are billed elsewhere. Calls
    that were `cancelled`, which had no whole answer, are passed over."""
    names = (
        "generation_id", "created_at", "model_permaslug", "tokens_prompt", "tokens_completion", "cost_total",
        "generation_time_ms", "user", "app_name", "cancelled",
    )  # fmt: skip
    cells = source.open(names, ())
    if not cells.has("generation_id"):
        raise LogError(
            f"{source.path} has no generation_id: activity that is summed up by day has no single requests. "
            "Export the activity by generation."
        )
    cancelled = f"lower({cells('cancelled')}) IN ('true', '1')"
    relation = source.passing_over(cells, cancelled, "call that was cancelled", "calls that were cancelled")
    return Table(
        {
            "request_id": ("generation_id", cells("generation_id")),
            "at": ("created_at", cells("created_at")),
            "request_class": ("app_name", cells("app_name")),
            "model": ("model_permaslug", cells("model_permaslug")),
            "input_tokens": ("tokens_prompt", cells("tokens_prompt")),
            "output_tokens": ("tokens_completion", cells("tokens_completion")),
            "usd": ("cost_total", cells("cost_total")),
            "seconds": ("generation_time_ms / 1000", scaled(cells("generation_time_ms"), 1e-3)),
            "unit": ("user", cells("user")),
        },
        relation,
        f"raw.{ROW}",
        cells.file,
    )


def openai(source: Source) -> Table:
    """JSONL in OpenAI's dialect: chat completions or responses as they came back, or the output of a batch
    (`custom_id`, `response.body`, `error`;
    https://platform.openai.com/docs/api-reference/batch/request-output). Prices are not in it. A request of
    a batch that failed has no model, and is a broken row."""
    names = ("id", "custom_id", "model", "created", "created_at", "usage", "response", "error")
    cells = source.open(names, ("id|custom_id",))

    def either(*path: str) -> str:
        """A value of the body: at the top of the line, or in a batch's `response.body`."""
        own = cells(path[0]) if len(path) == 1 else cells.inner(*path)
        return f"coalesce({cells.inner('response', 'body', *path)}, {own})"

    return Table(
        {
            "request_id": ("custom_id or id", cells("custom_id", "id")),
            "at": ("created", f"coalesce({either('created')}, {either('created_at')})"),
            "model": ("model", either("model")),
            "input_tokens": (
                "usage.prompt_tokens",
                f"coalesce({either('usage', 'prompt_tokens')}, {either('usage', 'input_tokens')})",
            ),
            "output_tokens": (
                "usage.completion_tokens",
                f"coalesce({either('usage', 'completion_tokens')}, {either('usage', 'output_tokens')})",
            ),
        },
        "raw",
        f"raw.{ROW}",
        cells.file,
    )
