"""Exposures of an experiment that never was: for examples, and to see what an interval is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.reports.ab.exposures import Exposures

CLASSES = ("chat", "code", "extract")
_SHARES = (0.5, 0.3, 0.2)
_QUALITY = np.array([0.88, 0.76, 0.93])
_USD = np.array([0.004, 0.010, 0.002])
_SECONDS = np.array([1.6, 3.2, 0.9])
_TOKENS = np.array([350.0, 600.0, 120.0])
_USD_WEIGHT = 5.0
_WAVE = 20  # units that are drawn with one and the same probability, where it follows the outcomes
_LEAST = 0.1  # of any variant's probability


@dataclass(frozen=True, slots=True)
class Effect:
    """What a treatment does beside the control: adds to quality and to the chance of an error, and multiplies
    USD, seconds and output tokens."""

    quality: float = 0.0
    error: float = 0.0
    usd: float = 1.0
    seconds: float = 1.0


def simulated_exposures(
    requests: int = 10_000,
    *,
    effects: Sequence[Effect] = (Effect(),),
    requests_per_unit: float = 1.0,
    shares: Sequence[float] | None = None,
    adaptive: str | None = None,
    scored: float = 1.0,
    judged: bool = False,
    per_day: float = 1_000.0,
    seed: int = 0,
) -> Exposures:
    """Exposures of a control and one treatment per effect; by default both are the same (an A/A test).

    Quality has an sd of .15 within a class and USD is log-normal (sd of the logarithm .8); where units come
    back, how often is skewed (some come ten times as often as others), they differ in quality by an sd of .1
    and in what they cost by a third, and `before` tells what they were like. `adaptive` names a metric
    by which units are drawn to the better of two variants (Thompson sampling, within .1 and .9) instead
    of by `shares`. `scored` is the share of requests whose quality anybody knows; with `judged`, a judge that
    is off scores all. All is a function of the arguments.
    """
    rng = np.random.default_rng(seed)
    v = len(effects) + 1
    names = ("control", "treatment") if v == 2 else ("control", *(f"treatment-{i}" for i in range(1, v)))
    declared = np.full(v, 1.0 / v) if shares is None else np.asarray(shares, np.float64)
    if adaptive is not None and v != 2:
        raise LogError("Assignment that follows the outcomes is simulated for one treatment alone.")
    unit = _units(rng, requests, requests_per_unit)
    units = int(unit.max(initial=-1)) + 1
    cls = rng.choice(len(CLASSES), size=requests, p=_SHARES)
    good, dear = 0.1 * rng.normal(size=units), np.exp(0.33 * rng.normal(size=units))
    if requests_per_unit <= 1.0:
        good, dear = np.zeros(units), np.ones(units)
    outcomes = _outcomes(rng, cls, good[unit], dear[unit], (Effect(), *effects))
    variant, share = _assigned(rng, unit, outcomes, declared, adaptive)
    metrics = {name: values[variant[unit], np.arange(requests)] for name, values in outcomes.items()}
    truth = metrics["quality"]
    metrics["quality"] = np.where(rng.random(requests) < scored, truth, np.nan)
    score = 0.1 + 0.8 * truth + 0.08 * rng.normal(size=requests) if judged else None
    return Exposures(
        variants=names,
        shares=declared,
        at=1_790_000_000.0 + np.cumsum(rng.exponential(86_400.0 / per_day, size=requests)),
        unit=unit,
        variant=variant[unit],
        share=share[unit],
        request_class=cls,
        classes=CLASSES,
        metrics=metrics,
        judged=score,
        before=_before(rng, good, dear) if requests_per_unit > 1.0 else None,
    )


def _units(rng: np.random.Generator, requests: int, per_unit: float) -> Ints:
    """Who asks `(n,)`: everybody once, or by an activity of his own; coded as they come."""
    if per_unit <= 1.0:
        return np.arange(requests)
    activity = rng.gamma(1.0, size=max(2, round(requests / per_unit)))
    drawn = rng.choice(len(activity), size=requests, p=activity / activity.sum())
    _, first, code = np.unique(drawn, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[code]


def _outcomes(
    rng: np.random.Generator, cls: Ints, good: Floats, dear: Floats, effects: Sequence[Effect]
) -> dict[str, Floats]:
    """What every variant would bring of every request `(v, n)`: the same luck under each."""
    n = len(cls)
    quality, usd, seconds, tokens = (base[cls] for base in (_QUALITY, _USD, _SECONDS, _TOKENS))
    luck, price, wait = rng.normal(size=n), np.exp(0.8 * rng.normal(size=n)), np.exp(0.5 * rng.normal(size=n))
    fails, falls = rng.random(n), rng.random(n)
    rows: dict[str, list[Floats]] = {}
    for effect in effects:
        error = fails < 0.02 + effect.error
        was = np.clip(quality + good + effect.quality + 0.15 * luck, 0.0, 1.0) * ~error
        paid = usd * dear * price * effect.usd
        made = {
            "quality": was,
            "usd": paid,
            "seconds": seconds * wait * effect.seconds,
            "reward": was - _USD_WEIGHT * paid,
            "error": error.astype(np.float64),
            "fallback": (falls < 0.03).astype(np.float64),
            "output_tokens": np.round(tokens * price),
        }
        for name, values in made.items():
            rows.setdefault(name, []).append(values)
    return {name: np.stack(values) for name, values in rows.items()}


def _assigned(
    rng: np.random.Generator, unit: Ints, outcomes: dict[str, Floats], shares: Floats, adaptive: str | None
) -> tuple[Ints, Floats]:
    """The variant of every unit and the probability it had `(units,)`."""
    units = int(unit.max(initial=-1)) + 1
    if adaptive is None:
        variant = rng.choice(len(shares), size=units, p=shares / shares.sum())
        return variant, shares[variant]
    better = -1.0 if adaptive in ("usd", "seconds", "error", "fallback") else 1.0
    values = better * outcomes[adaptive]
    variant, share = np.zeros(units, np.int64), np.full(units, 0.5)
    known = np.ones((2, 3)) * [1.0, 0.0, values.var()]  # of each variant: requests, their sum, their squares
    began, seen = np.unique(unit, return_index=True)[1], 0
    for wave in range(0, units, _WAVE):
        row = int(began[wave])
        for place in range(2):
            own = values[place, seen:row][variant[unit[seen:row]] == place]
            known[place] += len(own), own.sum(), (own * own).sum()
        seen = row
        mean = known[:, 1] / known[:, 0]
        error = np.sqrt((np.maximum(known[:, 2] / known[:, 0] - mean**2, 1e-12) / known[:, 0]).sum())
        second = float(np.clip(ndtr((mean[1] - mean[0]) / error), _LEAST, 1.0 - _LEAST))
        now = slice(wave, min(wave + _WAVE, units))
        variant[now] = rng.random(now.stop - wave) < second
        share[now] = np.where(variant[now] == 1, second, 1.0 - second)
    return variant, share


def _before(rng: np.random.Generator, good: Floats, dear: Floats) -> dict[str, Floats]:
    """What units were like in the time before, where they were there: seven of ten."""
    n = len(good)
    there = rng.random(n) < 0.7
    middle = float(np.dot(_SHARES, _QUALITY)), float(np.dot(_SHARES, _USD))
    return {
        "quality": np.where(there, middle[0] + good + 0.05 * rng.normal(size=n), np.nan),
        "usd": np.where(there, middle[1] * dear * np.exp(0.3 * rng.normal(size=n)), np.nan),
    }
