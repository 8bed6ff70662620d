"""Known formats of logs -> the log schema. Each importer is one function that says what is taken from where;
reading, checking and writing is the same for all of them (`convert`)."""

from __future__ import annotations

from collections.abc import Callable

from banditroute.offline.logs.importers.benchmarks import litellm_prior, routerarena, routerbench
from banditroute.offline.logs.importers.gateways import litellm_spend, openai, openrouter
from banditroute.offline.logs.importers.own import banditroute
from banditroute.offline.logs.importers.source import Source, Table
from banditroute.offline.logs.importers.tracing import langfuse, tensorzero

IMPORTERS: dict[str, Callable[[Source], Table]] = {
    "banditroute": banditroute,
    "langfuse": langfuse,
    "litellm-prior": litellm_prior,
    "litellm-spend": litellm_spend,
    "openai": openai,
    "openrouter": openrouter,
    "routerarena": routerarena,
    "routerbench": routerbench,
    "tensorzero": tensorzero,
}
"""Format, as the command line names it -> importer."""

SEVERAL_SCORES = ("langfuse", "tensorzero")
"""Formats that may keep several scores of one call."""
