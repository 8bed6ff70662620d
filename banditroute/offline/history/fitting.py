"""`fit_prior`: what a log teaches, as a prior for `serve` and `simulate`.

The sums are those that `learn` would have kept of the same outcomes. For how many outcomes they may
count is chosen by the log itself: its earlier blocks in time (random halves, where it has no times)
predict the cells' means in later ones under each number in turn, and the best log score wins. What
nobody scored contributes nothing: selection by what the vectors hold can be ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from banditroute.config.priorfile import sealed
from banditroute.config.priors import PRIOR_VERSION, FactorHistory, ModelHistory, Prior
from banditroute.config.settings import Settings
from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.features import VERSION
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats, fit
from banditroute.core.state import factor_priors
from banditroute.errors import LogError
from banditroute.offline.history.judges import JudgeFound, judges_found
from banditroute.offline.history.outcomes import Outcomes, outcomes_of
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import log_path
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.options import parse_pairs, refuse_reading
from banditroute.types import FACTORS

CAPS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0)
"""Numbers of outcomes that are tried; the last is the most that history may ever start with."""

BLOCKS = 4
"""Blocks in time of a log with times."""

SPLITS = 4
"""Random halvings of a log without."""


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
        name = log_path(log).name
        wanted = parse_pairs(where, "--where") if isinstance(where, str) else where
        log = read_log(
            log, columns=columns, where=wanted, features=features, skip_bad=skip_bad, complete=False
        )
    known = outcomes_of(log, base)
    if "quality" not in known.factors and known.scores is None:
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
                if name in known.factors or (name == "quality" and known.scores is not None)
            },
        )
    )


def judges_in(log: Log | DecisionLog, settings: Settings) -> list[JudgeFound]:
    """The judges of a log, and what they are worth in a prior of it; none where people scored everything."""
    known = outcomes_of(log, settings)
    prior = factor_priors(settings)[FACTORS.index("quality")]
    return judges_found(known.instruments(prior), known.models)


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
        past, now = known.sums(name, prior, earlier), known.seen(name, prior, later)
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
        models=_models(known, known.sums(name, prior), known.scored(name), known.common(name, prior)),
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


def _models(known: Outcomes, sums: SufficientStats, scored: Ints, common: Floats) -> dict[str, ModelHistory]:
    """The sums by name, with how many answers were `scored` and what of their noise is `common`, both `(k,)`;
    models without any are left out."""
    found = {}
    for a, model in enumerate(known.models):
        count = float(sums.cells[a, :, 2].sum())
        if count > 0.0:
            found[model] = ModelHistory(
                outcomes=float(scored[a]),
                mean=float(sums.cells[a, :, 1].sum() / count),
                xx=tuple(map(tuple, sums.xx[a].tolist())),
                xy=tuple(sums.xy[a].tolist()),
                cells=tuple(map(tuple, sums.cells[a].tolist())),
                common=float(common[a]),
            )
    return found
