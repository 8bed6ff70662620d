"""`fit_prior`: what a log teaches, as a prior for `serve` and `simulate`.

The sums are those that `learn` would have kept of the same outcomes. For how many outcomes they may
count is chosen by the log itself: its earlier blocks in time (random halves, where it has no times)
predict the cells' means in later ones under each number in turn, and the best log score wins. What
nobody scored contributes nothing: selection by what the vectors hold can be ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.config.priorfile import sealed
from banditroute.config.priors import PRIOR_VERSION, FactorHistory, ModelHistory, Prior
from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.features import TYPICAL_TOKENS, VERSION, Layout, layout_of
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats, fit
from banditroute.core.state import factor_priors
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.options import parse_pairs, refuse_reading
from banditroute.offline.replay.catalogue import log_features
from banditroute.types import FACTORS

CAPS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0)
"""Numbers of outcomes that are tried; the last is the most that history may ever start with."""

BLOCKS = 4
"""Blocks in time of a log with times."""

SPLITS = 4
"""Random halvings of a log without."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A log as vectors `x` `(n, d)`, classes `cls` `(n,)`, and per factor the `rows`, `models` and `values`
    of what is known, `(m,)` each."""

    layout: Layout
    models: tuple[str, ...]
    x: Floats
    cls: Ints
    factors: Mapping[str, tuple[Ints, Ints, Floats]]

    def sums(self, name: str, prior: FactorPrior, keep: np.ndarray | None = None) -> SufficientStats:
        """The sums of one factor, of the requests that `keep` `(n,)` holds for."""
        rows, models, values = self.factors[name]
        if keep is not None:
            chosen = keep[rows]
            rows, models, values = rows[chosen], models[chosen], values[chosen]
        stats = empty_stats(len(self.models), len(self.layout.classes), self.layout.size)
        kernels.observe_many(
            stats.xx, stats.xy, stats.cells, models, self.cls, self.x, rows, values,
            np.ones(len(rows)), prior.center, float(prior.logarithmic),
        )  # fmt: skip
        return stats


def fit_prior(
    log: str | Path | Log | DecisionLog,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    settings: Settings | None = None,
    skip_bad: bool = False,
    source: str | None = None,
) -> Prior:
    """The prior of a log: full information, logged decisions, or merely what was observed.

    `source` names the log in the prior, by default as its file is called.

    `settings` give prices (so that USD teach output tokens, where the log has none), the scale of
    features and the prior quality. Raises LogError where the log has nothing to teach.
    """
    base = settings or Settings()
    if isinstance(log, Log | DecisionLog):
        name = "a log in memory"
        refuse_reading(columns, where, features, skip_bad)
    else:
        name = Path(log).name
        wanted = parse_pairs(where, "--where") if isinstance(where, str) else where
        log = read_log(log, columns=columns, where=wanted, features=features, skip_bad=skip_bad)
    known = outcomes_of(log, base)
    if "quality" not in known.factors:
        raise LogError(
            "No row of the log has a quality, so there is nothing to fit; name the column of the scores "
            "with --columns quality=COLUMN."
        )
    priors = dict(zip(FACTORS, factor_priors(base), strict=True))
    return sealed(
        Prior(
            banditroute_prior=PRIOR_VERSION,
            features_version=VERSION,
            source=source or name,
            requests=len(log),
            classes=known.layout.classes,
            features=known.layout.numeric,
            embedding=0,
            factors={
                name: _history(known, name, priors[name], _folds(log))
                for name in FACTORS
                if name in known.factors
            },
        )
    )


def outcomes_of(log: Log | DecisionLog, base: Settings) -> Outcomes:
    """What a log says, in the vectors of its own classes and features."""
    settings = replace(
        base,
        classes=tuple(RequestClass(name) for name in log.classes),
        features=FeatureSettings(numeric={**log_features(log), **base.features.numeric}),
    )
    layout = layout_of(settings)
    places = np.array([layout.class_index(name) for name in log.classes], np.int64)
    x, cls = layout.encode_columns(places[log.class_index], log.input_tokens, log.features)
    factors = {}
    for name in FACTORS:
        values = getattr(log, name, None)
        if values is None:
            continue
        if name == "output_tokens":
            values = _with_bought_tokens(log, values, base)
        told = ~np.isnan(values)
        if not told.any():
            continue
        if isinstance(log, DecisionLog):
            rows = np.flatnonzero(told)
            models = log.action[rows]
        else:
            rows, models = np.nonzero(told)
        factors[name] = (
            rows.astype(np.int64),
            models.astype(np.int64),
            np.ascontiguousarray(values[told], np.float64),
        )
    return Outcomes(layout, log.models, x, cls, factors)


def _with_bought_tokens(log: Log | DecisionLog, tokens: Floats, base: Settings) -> Floats:
    """Output tokens, where the log has none those that its USD would have bought at configured prices."""
    declared = {model.id: model for model in base.models}
    prices = np.full((len(log.models), 2), np.nan)
    for a, name in enumerate(log.models):
        model = declared.get(name)
        if model is not None and model.usd_per_input_token is not None and model.usd_per_output_token:
            prices[a] = model.usd_per_input_token, model.usd_per_output_token
    known = np.nan_to_num(np.trunc(log.input_tokens))
    length = np.where(known > 0.0, known, TYPICAL_TOKENS)
    if isinstance(log, DecisionLog):
        paid, per = length * prices[log.action, 0], prices[log.action, 1]
    else:
        paid, per = length[:, None] * prices[:, 0], prices[:, 1]
    bought = (log.usd - paid) / per
    bought = np.where(bought > 0.5, bought, np.where(np.isnan(bought), np.nan, 0.0))
    return np.where(np.isnan(tokens), bought, tokens)


def _folds(log: Log | DecisionLog) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of earlier and later requests, each as a mask `(n,)`."""
    n = len(log)
    if log.at is not None:
        block = np.arange(n) * BLOCKS // n
        return [(block < b, block == b) for b in range(1, BLOCKS)]
    halves = []
    for split in range(SPLITS):
        first = np.random.default_rng(split).permutation(n) < n // 2
        halves += [(first, ~first), (~first, first)]
    return halves


def _history(
    known: Outcomes, name: str, prior: FactorPrior, folds: list[tuple[np.ndarray, np.ndarray]]
) -> FactorHistory:
    scores = dict.fromkeys((0.0, *CAPS), 0.0)
    cells = 0
    for earlier, later in folds:
        past, now = known.sums(name, prior, earlier), known.sums(name, prior, later)
        for cap in scores:
            score, held_out = _score(past, now, prior, cap)
            scores[cap] += score
        cells += held_out
    best = max(scores, key=lambda cap: scores[cap]) if cells else 100.0
    return FactorHistory(
        center=prior.center,
        logarithmic=prior.logarithmic,
        trust=best,
        scores={f"{cap:g}": score / max(cells, 1) for cap, score in scores.items()},
        models=_models(known, known.sums(name, prior)),
    )


def _score(past: SufficientStats, now: SufficientStats, prior: FactorPrior, cap: float) -> tuple[float, int]:
    """Log density of the cells' means in `now` as `past` predicts them when trusted for `cap` outcomes, and
    the number of cells."""
    k, c = now.cells.shape[:2]
    none = empty_stats(k, c, now.xy.shape[1])
    posterior = fit(none, prior, np.full(k, np.nan), 1.0, past if cap else None, cap, 1.0)
    total, cells = 0.0, 0
    for a in range(k):
        for g in range(c):
            n = now.xx[a, 1 + g, 1 + g]
            if n < 1.0:
                continue
            x = now.xx[a, 1 + g] / n
            mean, variance = np.empty((1, k)), np.empty((1, k))
            kernels.predict(
                x[None], np.array([g]), posterior.theta, posterior.cov, posterior.kappa, mean, variance
            )
            spread = variance[0, a] + posterior.noise[a] / n
            total -= 0.5 * (np.log(2.0 * np.pi * spread) + (now.xy[a, 1 + g] / n - mean[0, a]) ** 2 / spread)
            cells += 1
    return float(total), cells


def _models(known: Outcomes, sums: SufficientStats) -> dict[str, ModelHistory]:
    """The sums by name; models without an outcome are left out."""
    found = {}
    for a, model in enumerate(known.models):
        count = float(sums.cells[a, :, 2].sum())
        if count > 0.0:
            found[model] = ModelHistory(
                outcomes=count,
                mean=float(sums.cells[a, :, 1].sum() / count),
                xx=tuple(map(tuple, sums.xx[a].tolist())),
                xy=tuple(sums.xy[a].tolist()),
                cells=tuple(map(tuple, sums.cells[a].tolist())),
            )
    return found
