"""What has been learned, and how it is laid out: immutable, belonging to no policy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import kernels
from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.features import Layout, layout_of
from banditroute.core.feedback.belief import Weighed, weighed
from banditroute.core.feedback.changes import Change
from banditroute.core.feedback.testimony import Testimony, new_testimony, watched
from banditroute.core.history import judged, past_of
from banditroute.core.posterior import (
    FactorPrior,
    Posterior,
    SufficientStats,
    empty_stats,
    fit,
    reference_for,
)
from banditroute.core.spending import DAY, Spending
from banditroute.core.steering.newcomers import Pedigree, fit_newcomers, pedigree_of
from banditroute.core.steering.watch import Watch, new_watch
from banditroute.types import FACTORS, Model

QUALITY, TOKENS, USD, SECONDS, TTFT = range(5)
"""Positions in every array of factors, as in `types.FACTORS`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What does not move while learning: models, layout, priors, prices.

    `group` `(k,)` is the row that holds a model's quality, shared by deployments of one model.
    `prices` `(k, 2)` are USD per input and output token, NaN where unknown. `active` says which
    factors are learned; `half_lives` are in seconds (in requests, where a replay has no times). `past`
    are sums of history, one entry per factor or None, which count in every fit and are not forgotten, a
    model's for at most `trust` outcomes until live ones confirm them, and `own` `(f, k)` what of their noise
    matters where models are compared. `leaning` `(k, c)` is by how much the
    quality expected of a model in a class differs from `declared`, and `pedigree` what models without a
    declared prior are compared by; None where nobody asked. `barred` are models that may not be chosen yet,
    with a reason and a sentence.
    """

    models: tuple[Model, ...]
    layout: Layout
    priors: tuple[FactorPrior, ...]
    active: tuple[bool, ...]
    half_lives: tuple[float, ...]
    group: Ints
    prices: Floats
    declared: Floats
    past: tuple[SufficientStats | None, ...]
    own: Floats
    trust: tuple[float, ...]
    settings: Settings = Settings()
    leaning: Floats | None = None
    pedigree: Pedigree | None = None
    barred: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def declared_for(self, factor: int) -> Floats:
        """Prior means `(k,)` the operator gave for a factor, NaN where none."""
        return self.declared if factor == QUALITY else np.full(len(self.models), math.nan)

    def model_index(self, model: str) -> int | None:
        """Position of a model id; None for one that is no longer configured."""
        for i, m in enumerate(self.models):
            if m.id == model:
                return i
        return None


@dataclass(frozen=True, slots=True)
class State:
    """The fold of all events up to `seq`: sums, the fit made from them, what was spent, and their time.

    `stats` and `posterior` hold one entry per factor, None where it is not learned. `references`
    are the T_ref of forgetting. `class_shares` `(c,)` is the smoothed share of each class in the
    quality outcomes. `stale` are the factors whose fit followed by rank-one updates since it was last
    made. `watch` follows the log event by event, `testimony` stands beside the sums, and `weighed` is what
    came of it, None where nothing speaks against the sums. `curiosity` is the fit of quality whose variances
    say how much more outcomes could tell, where that is less than is not known (`feedback.belief.Weighed`).
    Every array is shared between states and never written to.
    """

    frame: Frame
    stats: tuple[SufficientStats | None, ...]
    posterior: tuple[Posterior | None, ...]
    references: tuple[float, ...]
    class_shares: Floats
    seq: int = 0
    at: float = 0.0
    stale: frozenset[int] = frozenset()
    spending: Spending = field(default_factory=dict)
    watch: Watch = Watch()
    testimony: Testimony = Testimony()
    weighed: Weighed | None = None
    curiosity: Posterior | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is known to have changed."""
        return self.testimony.changes

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that can be chosen, in the order of every array."""
        return self.frame.models

    def heard_of(self, factor: int) -> Bools:
        """Which models `(k,)` have any outcome of a factor, live or in history; deployments share their
        quality's."""
        sums, past = self.stats[factor], self.frame.past[factor]
        if sums is None:
            return np.zeros(len(self.models), np.bool_)
        heard: Bools = sums.cells[:, :, 2].sum(axis=1) > 0.0
        if past is not None:
            heard = heard | (past.cells[:, :, 2].sum(axis=1) > 0.0)
        return heard[self.frame.group] if factor == QUALITY else heard

    @property
    def classes(self) -> tuple[str, ...]:
        """The declared classes, `other` last."""
        return self.frame.layout.classes


def factor_priors(settings: Settings) -> tuple[FactorPrior, ...]:
    """Where each factor is expected to lie before anything is known, in the order of FACTORS."""
    return (
        FactorPrior(center=settings.policy.prior_quality, noise=0.05, logarithmic=False),
        FactorPrior(center=math.log(300.0), noise=0.5, logarithmic=True),
        FactorPrior(center=math.log(0.001), noise=0.5, logarithmic=True),
        FactorPrior(center=math.log(2.0), noise=0.5, logarithmic=True),
        FactorPrior(center=math.log(0.5), noise=0.5, logarithmic=True),
    )


def frame_of(settings: Settings, factors: tuple[str, ...] | None = None) -> Frame:
    """The frame a configuration declares; `factors` restricts what is learned (default: all)."""
    models = settings.models
    first: dict[str, int] = {}
    group = np.array([first.setdefault(m.group or m.id, i) for i, m in enumerate(models)], np.int64)
    prices = np.full((len(models), 2), math.nan)
    for i, m in enumerate(models):
        if m.usd_per_input_token is not None and m.usd_per_output_token is not None:
            prices[i] = m.usd_per_input_token, m.usd_per_output_token
    priced = ~np.isnan(prices[:, 1])
    wanted = FACTORS if factors is None else factors
    active = [name in wanted for name in FACTORS]
    active[TOKENS] &= bool(priced.any())
    active[USD] &= not priced.all()
    half_lives = tuple(settings.policy.half_life_days.get(f, math.inf) * DAY for f in FACTORS)
    declared = np.array([math.nan if m.prior_quality is None else m.prior_quality for m in models])
    layout, priors = layout_of(settings), factor_priors(settings)
    pedigree = pedigree_of(models) if settings.policy.pool_priors and np.isnan(declared).any() else None
    past, trust, own = past_of(settings.prior, models, group, layout, priors, active)
    return Frame(
        models,
        layout,
        priors,
        tuple(active),
        half_lives,
        group,
        prices,
        declared,
        past,
        own,
        trust,
        settings,
        _leaning(models, layout.classes),
        pedigree,
    )


def _leaning(models: tuple[Model, ...], classes: tuple[str, ...]) -> Floats | None:
    """Expected quality by class, less that in general, `(k, c)`; None where no model has any."""
    found = np.zeros((len(models), len(classes)))
    for a, model in enumerate(models):
        for name, quality in model.prior_by_class:
            if name in classes and model.prior_quality is not None:
                found[a, classes.index(name)] = quality - model.prior_quality
    return found if found.any() else None


def initial_state(settings: Settings, *, at: float = 0.0, factors: tuple[str, ...] | None = None) -> State:
    """The state before any event."""
    frame = frame_of(settings, factors)
    k, c, d = len(frame.models), len(frame.layout.classes), frame.layout.size
    stats = tuple(empty_stats(k, c, d) if on else None for on in frame.active)
    references = tuple(reference_for(at, h) for h in frame.half_lives)
    return refitted(
        frame, stats, references, seq=0, at=at, watch=new_watch(settings),
        testimony=new_testimony(settings, k, c),
    )  # fmt: skip


_NO_WATCH, _SILENCE = Watch(), Testimony()


def refitted(
    frame: Frame,
    stats: tuple[SufficientStats | None, ...],
    references: tuple[float, ...],
    *,
    seq: int,
    at: float,
    since: State | None = None,
    spending: Spending | None = None,
    watch: Watch = _NO_WATCH,
    testimony: Testimony = _SILENCE,
) -> State:
    """The state that sums give at a time: the fit is a function of sums and time alone.

    The sums are those that are believed by what stands beside them (`belief`). Factors whose sums and scale
    are those of the state `since` keep its fit, unless it is stale. Those with history are judged together:
    they keep it all or none.
    """
    scales = [scale_at(at, references[f], life) for f, life in enumerate(frame.half_lives)]
    testimony = watched(testimony, frame.settings, frame.priors, at)
    believed, counted = None, stats
    if not testimony.silent:
        believed = weighed(
            testimony, stats, scales, frame.half_lives, frame.priors, frame.settings.trust,
            frame.settings.judge.model,
        )  # fmt: skip
        counted, scales = believed.stats, list(believed.scales)
    fitted_to = None if since is None else since.stats if since.weighed is None else since.weighed.stats
    kept = [
        since is not None
        and fitted_to is not None
        and sums is fitted_to[f]
        and f not in since.stale
        and math.isinf(life)
        for f, (sums, life) in enumerate(zip(counted, frame.half_lives, strict=True))
    ]
    warm = [sums is not None and past is not None for sums, past in zip(counted, frame.past, strict=True)]
    moved = any(own and not keep for own, keep in zip(warm, kept, strict=True))
    belief = judged(counted, frame.past, frame.own, frame.trust, frame.priors, scales) if moved else None
    posterior: list[Posterior | None] = []
    known: tuple[Any, ...]
    for f, sums in enumerate(counted):
        if sums is None:
            posterior.append(None)
        elif warm[f] and belief is not None:
            known = frame.past[f], frame.trust[f], float(belief.right[f]), belief.share[f]
            posterior.append(_fitted(frame, f, sums, scales[f], *known))
        elif kept[f] and since is not None:
            posterior.append(since.posterior[f])
        else:
            posterior.append(_fitted(frame, f, sums, scales[f]))
    curiosity = None
    if believed is not None and believed.face is not None:
        known = ()
        if warm[QUALITY] and belief is not None:
            right, share = float(belief.right[QUALITY]), belief.share[QUALITY]
            known = (frame.past[QUALITY], frame.trust[QUALITY], right, share)
        curiosity = _fitted(frame, QUALITY, believed.face, 1.0, *known)
    return State(
        frame, stats, tuple(posterior), references, class_shares(frame, stats), seq, at,
        spending=spending or {}, watch=watch, testimony=testimony, weighed=believed, curiosity=curiosity,
    )  # fmt: skip


def _fitted(frame: Frame, f: int, sums: SufficientStats, scale: float, *known: Any) -> Posterior:
    """The fit of one factor, with whatever is expected beforehand."""
    given = (sums, frame.priors[f], frame.declared_for(f), scale, *known)
    if f != QUALITY or (frame.leaning is None and frame.pedigree is None):
        return fit(*given)
    return fit_newcomers(*given, pedigree=frame.pedigree, leaning=frame.leaning)


def scale_at(at: float, reference: float, half_life: float) -> float:
    """What the sums are multiplied by when they are used at a time (forgetting)."""
    return 1.0 if math.isinf(half_life) else float(kernels.decay(-(at - reference), half_life))


def class_shares(frame: Frame, stats: tuple[SufficientStats | None, ...]) -> Floats:
    """Smoothed share `(c,)` of each class among the quality outcomes."""
    c = len(frame.layout.classes)
    sums, shares = stats[QUALITY], np.full(c, 1.0 / c)
    if sums is not None:
        kernels.shares(sums.cells, shares)
    return shares
