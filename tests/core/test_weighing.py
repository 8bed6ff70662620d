"""Is history right: what live outcomes say of it, factor by factor and all together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.core.decide import initial_state, learn
from banditroute.core.history import Judged, judged
from banditroute.core.state import QUALITY, SECONDS, USD, State
from banditroute.core.summary import counted_history
from banditroute.core.weighing import RIGHT
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from banditroute.types import Context, Factor, Model, Observation
from tests.core.warm_worlds import MODELS, SETTINGS, C, K, a_log, world


@pytest.fixture(scope="module")
def prior() -> Prior:
    return fit_prior(a_log(world(3), 800, 3))


def test_a_conflict_drops_history_and_one_failure_does_not(prior: Prior) -> None:
    start = initial_state(replace(SETTINGS, prior=prior))
    before = counts(start)
    assert (before > 100.0).all()
    assert (before <= C * start.frame.trust[QUALITY]).all()
    means = world(3)[:, 1]
    noise = np.random.default_rng(0).normal(0.0, 0.12, 60)

    def near(shift: float) -> list[float]:
        return [float(np.clip(means[i % C] + shift + e, 0.0, 1.0)) for i, e in enumerate(noise)]

    conflict = counts(after(start, "quality", m1=near(-0.3)))
    assert conflict[1] < 20.0
    assert (conflict[[0, 2, 3]] < 0.6 * before[[0, 2, 3]]).all()  # doubt spreads to those nobody tried
    assert (counts(after(start, "quality", m1=[0.0])) > 0.3 * before).all()
    assert counts(after(start, "quality", m1=near(0.0)))[1] > 0.5 * before[1]


def test_outcomes_under_other_labels_drop_all_history_and_agreeing_ones_confirm_it(prior: Prior) -> None:
    """Two models of four tried 40 times: history of the other two goes or stays with them. Of a new one no
    more is believed than beforehand."""
    start = initial_state(replace(SETTINGS, prior=prior))
    means = levels(start, QUALITY)
    worst, best = int(means.argmin()), int(means.argmax())
    noise = np.random.default_rng(2).normal(0.0, 0.05, (2, 40))

    def right(values: dict[int, float]) -> float:
        told = {MODELS[a]: (value + e).tolist() for (a, value), e in zip(values.items(), noise, strict=True)}
        return float(belief(after(start, "quality", **told)).right[QUALITY])

    assert belief(start).right[QUALITY] == pytest.approx(RIGHT)
    assert right({best: means[best], worst: means[worst]}) > RIGHT
    assert right({best: means[worst], worst: means[best]}) < 0.05


def test_labels_that_are_wrong_in_the_meters_drop_the_history_of_quality() -> None:
    """Nobody has scored an answer, and yet. Costs a factor of 2 apart, sd of the logarithm 0.5, ten outcomes
    of each model."""
    known = fit_prior(a_log(world(3), 800, 3, billed=True))
    start = initial_state(replace(SETTINGS, prior=known))
    right, wrong = metered(start, USD, [0, 1, 2, 3], 10), metered(start, USD, [1, 2, 3, 0], 10)
    assert belief(right).labels > 0.99
    assert belief(right).right[QUALITY] > RIGHT
    assert belief(wrong).labels < 0.25
    assert (counts(wrong) < 0.25 * counts(start)).all()
    assert spread(wrong) > 1.5 * spread(start)  # the fit of quality was made again


def test_a_change_of_what_meters_say_leaves_the_history_of_quality(prior: Prior) -> None:
    """All twice as slow: history of waits goes, that of quality stays. So it does when one model alone is
    ten times as slow, or a single wait is a hundred times as long."""
    start = initial_state(replace(SETTINGS, prior=prior))
    slower = metered(start, SECONDS, [0, 1, 2, 3], 40, np.full(K, np.log(2.0)))
    assert belief(slower).right[SECONDS] < 0.1
    assert belief(slower).right[QUALITY] > 0.9 * RIGHT
    one = metered(start, SECONDS, [0, 1, 2, 3], 40, np.array([0.0, np.log(10.0), 0.0, 0.0]))
    assert belief(one).right[QUALITY] > 0.8 * RIGHT
    outlier = after(start, "seconds", m2=[float(np.exp(levels(start, SECONDS)[2]) * 100.0)])
    assert belief(outlier).right[QUALITY] > 0.8 * RIGHT


def test_many_small_cells_together_say_where_a_level_is() -> None:
    """60 classes of five requests: each cell may be trusted for ten outcomes only, but a model's level rests
    on all of them. The labels of two models .08 apart are swapped, and 90 scores of each show it."""
    rng, many, n = np.random.default_rng(5), 60, 300
    cls, apart = np.arange(n) % many, np.array([0.0, 0.08])
    nothing = np.full((n, 2), np.nan)
    log = Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS[:2],
        classes=tuple(f"c{g}" for g in range(many)), class_index=cls, usd=nothing, seconds=nothing,
        quality=0.7 + apart + 0.15 * rng.normal(size=(n, 2)), output_tokens=nothing,
        input_tokens=np.full(n, 245.0),
    )  # fmt: skip
    settings = Settings(
        models=tuple(Model(name) for name in MODELS[:2]),
        classes=tuple(RequestClass(name) for name in log.classes),
    )
    known = fit_prior(log)
    quality = replace(known.factors["quality"], trust=10.0)
    start = initial_state(replace(settings, prior=sealed(replace(known, factors={"quality": quality}))))

    def told(means: Floats) -> float:
        live = 0.7 + means + 0.15 * rng.normal(size=(90, 2))
        scores = {MODELS[a]: live[:, a].tolist() for a in range(2)}
        return float(belief(after(start, "quality", many, **scores)).right[QUALITY])

    assert told(apart) > RIGHT
    assert told(apart[::-1]) < 0.2


def metered(state: State, factor: int, labels: list[int], n: int, shift: Floats | None = None) -> State:
    """After `n` outcomes of every model as history has them under `labels`, times `exp(shift)` `(k,)`."""
    noise, logs = np.random.default_rng(7).normal(0.0, 0.4, (K, n)), levels(state, factor)
    off = np.zeros(K) if shift is None else shift
    told = {MODELS[a]: np.exp(logs[b] + off[a] + noise[a]).tolist() for a, b in enumerate(labels)}
    name: Factor = "usd" if factor == USD else "seconds"
    return after(state, name, **told)


def after(state: State, factor: Factor, classes: int = C, /, **values: list[float]) -> State:
    """The state after outcomes of one factor by model, their classes in turn."""
    news = [
        Observation(Context(f"c{i % classes}", input_tokens=245), model, factor, v, 0.0)
        for model, told in values.items()
        for i, v in enumerate(told)
    ]
    return learn(state, news, seq=len(news), at=0.0)


def levels(state: State, factor: int) -> Floats:
    """The models' mean outcomes in history `(k,)`, logarithms of waits."""
    past = state.frame.past[factor]
    assert past is not None
    levels: Floats = past.xy[:, 0] / past.xx[:, 0, 0] + state.frame.priors[factor].center
    return levels


def belief(state: State) -> Judged:
    """How live outcomes judge history."""
    frame = state.frame
    found = judged(state.stats, frame.past, frame.own, frame.trust, frame.priors, [1.0] * 5)
    assert found is not None
    return found


def counts(state: State) -> Floats:
    """For how many outcomes history counts, of quality `(k,)`."""
    return np.array([counted_history(state)["quality"][model] for model in MODELS])


def spread(state: State) -> float:
    """Mean epistemic variance of quality."""
    posterior = state.posterior[QUALITY]
    assert posterior is not None
    return float(posterior.covariance[:, 0, 0].mean())
