"""Which models may be chosen for a request, and why each of the others may not.

Rules of the configuration come first and hold whatever the policy thinks; then the caller's hints
and limits; then models that have yet to prove themselves, and open breakers; last, what an unsure
classification asks for. Each excluded model carries one reason, the first that applies in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import TypeVar

import numpy as np

from banditroute.config.settings import ClassifySettings, Rule
from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.memo import by_identity
from banditroute.core.rules import match_rule, models_left
from banditroute.types import Context, Exclusion, Limits, Model, Preferences

__all__ = ["Numbers", "eligible_models", "match_rule", "models_left"]

_NO_LIMITS = Limits()
_NOBODY: Mapping[str, tuple[str, str]] = {}
_CLASSIFY = ClassifySettings()

Finding = tuple[str, Sequence[int], Callable[[int], str]]
"""A reason code, the models it excludes (by index), and the sentence for each."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is predicted of each model for one request, `(k,)` each; what limits are held against."""

    usd: Floats
    seconds_p95: Floats
    ttft_p95: Floats
    quality_mean: Floats
    quality_sd: Floats


@dataclass(frozen=True, slots=True)
class _Pool:
    """The models as tables, made once per configuration. A model without a stated window has none."""

    ids: tuple[str, ...]
    tiers: tuple[str, ...]
    holds: tuple[frozenset[str], ...]
    windows: Ints
    smallest_window: int


def eligible_models(
    models: Sequence[Model],
    contexts: Sequence[Context],
    preferences: Sequence[Preferences],
    *,
    usd: Floats,
    seconds_p95: Floats,
    ttft_p95: Floats,
    quality_mean: Floats,
    quality_sd: Floats,
    rules: Sequence[Rule] = (),
    masked: frozenset[str] = frozenset(),
    barred: Mapping[str, tuple[str, str]] = _NOBODY,
    min_quality_probability: float = 0.2,
    classify: ClassifySettings = _CLASSIFY,
) -> tuple[Bools, list[tuple[Exclusion, ...]], list[int | None]]:
    """Eligible models `(n, k)`, the exclusions of each request, and the rule that each one matched.

    The arrays are `(n, k)`: expected USD with the longest answer allowed, 95th percentiles of the
    wait in seconds, mean and epistemic sd of the quality. `min_quality` excludes a model when
    P(mean quality ≥ floor) is below `min_quality_probability`, so an unproven model passes. `barred` models
    may not be chosen, each for a reason and with a sentence. A row may come out empty: then no model is
    allowed, and the exclusions say why.
    """
    models = models if isinstance(models, tuple) else tuple(models)
    pool = _pool(models)
    eligible = np.ones((len(contexts), len(models)), dtype=np.bool_)
    excluded: list[tuple[Exclusion, ...]] = []
    matched: list[int | None] = []
    for i, (context, wanted) in enumerate(zip(contexts, preferences, strict=True)):
        index = match_rule(rules, context)
        matched.append(index)
        unsure = context.confidence is not None and context.confidence < classify.min_confidence
        if (
            index is None
            and not masked
            and not barred
            and not unsure
            and wanted.model is None
            and wanted.tier is None
            and (wanted.limits is _NO_LIMITS or wanted.limits == _NO_LIMITS)
            and _tokens(context) <= pool.smallest_window
        ):
            excluded.append(())
            continue
        rule = None if index is None else rules[index]
        numbers = Numbers(usd[i], seconds_p95[i], ttft_p95[i], quality_mean[i], quality_sd[i])
        row, found = eligible[i], dict[int, Exclusion]()
        if rule is not None:
            _exclude(pool, row, found, _by_rule(models, rule))
        for finding in _by_request(pool, context, wanted):
            _exclude(pool, row, found, finding)
        if wanted.limits != _NO_LIMITS:
            for finding in _by_numbers(wanted.limits, numbers, min_quality_probability):
                _exclude(pool, row, found, finding)
        for reason in dict.fromkeys(reason for reason, _ in barred.values()):
            _exclude(pool, row, found, _by_bar(pool, barred, reason))
        _exclude(pool, row, found, ("masked", _where(pool.ids, masked.__contains__), _is_masked))
        if unsure:
            _exclude(pool, row, found, _by_doubt(pool, row, context, classify))
        excluded.append(tuple(found[a] for a in sorted(found)))
    return eligible, excluded, matched


def _exclude(pool: _Pool, row: Bools, found: dict[int, Exclusion], finding: Finding) -> None:
    """Strikes the models of a finding from the row; a model keeps the first reason it got."""
    reason, models, detail = finding
    for a in models:
        if row[a]:
            row[a] = False
            found[a] = Exclusion(pool.ids[a], reason, detail(a))


def _by_rule(models: Sequence[Model], rule: Rule) -> Finding:
    return "rule", _where(models_left(rule, models), lambda left: not left), lambda a: rule.reason


def _by_bar(pool: _Pool, barred: Mapping[str, tuple[str, str]], reason: str) -> Finding:
    """The models that are barred for one reason."""
    places = _where(pool.ids, lambda own: own in barred and barred[own][0] == reason)
    return reason, places, lambda a: barred[pool.ids[a]][1]


def _by_request(pool: _Pool, context: Context, wanted: Preferences) -> Iterator[Finding]:
    """The caller's hints, and what the request needs of a model to be answered at all."""
    limits, ids = wanted.limits, pool.ids
    if (tier := wanted.tier) is not None:
        outside = _where(pool.tiers, lambda own: own != tier)
        yield "tier", outside, lambda a: f"is of tier {pool.tiers[a]}, the caller asks for {tier}"
    if (forced := wanted.model) is not None:
        yield "forced", _where(ids, lambda own: own != forced), lambda a: f"the caller forces {forced}"
    if limits.allow:
        yield (
            "allow",
            _where(ids, lambda own: own not in limits.allow),
            lambda a: "not among the allowed models",
        )
    if limits.deny:
        yield "deny", _where(ids, limits.deny.__contains__), lambda a: "denied by the caller"
    for need in limits.require:
        reason = "tag" if ":" in need else "capability"
        lacking = _where(pool.holds, lambda own, need=need: need not in own)  # type: ignore[misc]
        yield reason, lacking, lambda a, need=need: f"lacks {need}"  # type: ignore[misc]
    if (tokens := _tokens(context)) > pool.smallest_window:
        short = np.flatnonzero(pool.windows < tokens).tolist()
        yield "context_window", short, lambda a: f"needs {tokens:,} tokens, has {pool.windows[a]:,}"


def _by_numbers(limits: Limits, numbers: Numbers, probability: float) -> Iterator[Finding]:
    """Limits held against predictions. What is not known to keep a limit is excluded by it."""
    bounds = (
        ("max_usd", limits.max_usd, numbers.usd, "expected {:.4g} USD, limit {:.4g}"),
        ("max_seconds", limits.max_seconds, numbers.seconds_p95, "95th percentile {:.3g} s, limit {:.3g} s"),
        (
            "max_ttft_seconds",
            limits.max_ttft_seconds,
            numbers.ttft_p95,
            "95th percentile to the first token {:.3g} s, limit {:.3g} s",
        ),
    )
    for reason, bound, predicted, sentence in bounds:
        if bound is not None:
            over = np.flatnonzero(~(predicted <= bound)).tolist()
            yield reason, over, lambda a, p=predicted, b=bound, s=sentence: s.format(p[a], b)  # type: ignore[misc]
    if (least := limits.min_quality) is not None:
        mean, sd = numbers.quality_mean.tolist(), numbers.quality_sd.tolist()
        chance = [_chance_at_least(least, m, s) for m, s in zip(mean, sd, strict=True)]
        yield (
            "min_quality",
            _where(chance, lambda p: p < probability),
            lambda a: f"expected quality {mean[a]:.3f}, chance {chance[a]:.2f} to reach {least:g}",
        )


def _by_doubt(pool: _Pool, row: Bools, context: Context, classify: ClassifySettings) -> Finding:
    """An unsure classification keeps the highest tier that the limits leave, or the configured one.

    Caution, not a limit: it picks among the models left, so what the caller or a rule has settled
    stands, and it never empties a row.
    """
    left = [pool.tiers[a] for a in np.flatnonzero(row)]
    ranked = [tier for tier in classify.tiers if tier in left]
    keep = classify.unsure_tier if classify.unsure_tier in left else (ranked[-1] if ranked else None)
    lower = [] if keep is None else _where(pool.tiers, lambda own: own != keep)
    detail = f"classified with confidence {context.confidence:.2f}, so only tier {keep} is used"
    return "unsure", lower, lambda a: detail


def _is_masked(a: int) -> str:
    return "its breaker is open: recent calls failed"


def _chance_at_least(least: float, mean: float, sd: float) -> float:
    """P(N(mean, sd) ≥ least); where the sd is 0, certainty one way or the other."""
    return 0.5 * erfc((least - mean) / (sd * sqrt(2.0))) if sd > 0.0 else float(mean >= least)


def _tokens(context: Context) -> int:
    return (context.input_tokens or 0) + (context.max_output_tokens or 0)


T = TypeVar("T")


def _where(values: Sequence[T], test: Callable[[T], bool]) -> list[int]:
    return [a for a, value in enumerate(values) if test(value)]


@by_identity
def _pool(models: tuple[Model, ...]) -> _Pool:
    endless = np.iinfo(np.int64).max
    windows = [endless if model.context_window is None else model.context_window for model in models]
    return _Pool(
        ids=tuple(model.id for model in models),
        tiers=tuple(model.tier for model in models),
        holds=tuple(model.capabilities | model.tags for model in models),
        windows=np.array(windows, dtype=np.int64),
        smallest_window=min(windows, default=endless),
    )
