"""A prior in the fit: right history helps, wrong history lets go, and none leaves everything as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import FeatureSettings, PolicySettings, RequestClass, Settings
from banditroute.core import blend, kernels
from banditroute.core.base import Floats
from banditroute.core.decide import initial_state, learn
from banditroute.core.history import counted
from banditroute.core.posterior import RIGHT, SufficientStats, empty_stats, fit
from banditroute.core.snapshot import dump_state, fingerprint, load_state, state_distance
from banditroute.core.state import QUALITY, SECONDS, State, refitted
from banditroute.errors import ConfigError
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.learning import cold_state, play
from banditroute.offline.replay.order import request_order
from banditroute.offline.replay.traffic import log_traffic
from banditroute.policies import get_policy
from banditroute.types import Context, Model, Observation, Weights

K, C = 4, 3
WEIGHTS = Weights(quality=1.0, usd=0.0)
MODELS = tuple(f"m{a}" for a in range(K))
SETTINGS = Settings(
    models=tuple(Model(name) for name in MODELS), classes=tuple(RequestClass(f"c{g}") for g in range(C))
)


def world(seed: int) -> Floats:
    """True mean qualities `(c, k)`."""
    rng = np.random.default_rng(seed)
    return np.clip(0.8 + 0.08 * rng.normal(size=K) + 0.03 * rng.normal(size=(C, K)), 0.05, 0.95)


def a_log(mean: Floats, n: int, seed: int) -> Log:
    """Requests of a world, with a score and a wait for every model, and a feature that matters little."""
    rng = np.random.default_rng([seed, n])
    cls, hard = rng.integers(0, C, n), rng.random(n)
    quality = mean[cls] - 0.05 * (hard - 0.5)[:, None] + 0.12 * rng.normal(size=(n, K))
    nothing = np.full((n, K), np.nan)
    return Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS,
        classes=tuple(f"c{g}" for g in range(C)), class_index=cls, quality=np.clip(quality, 0.0, 1.0),
        usd=nothing, seconds=np.exp(0.4 * rng.normal(size=(n, K)) + 0.2 * np.arange(K)),
        output_tokens=nothing, input_tokens=rng.integers(20, 3_000, n).astype(float),
    )  # fmt: skip


def regret(log: Log, mean: Floats, seed: int, prior: Prior | None, *, plainly: bool = False) -> float:
    """What Thompson sampling loses; `plainly` takes history for outcomes of today."""
    settings = replace(SETTINGS, prior=prior)
    state = cold_state(log, settings)
    if plainly:
        frame = replace(state.frame, past=(None,) * 5)
        state = refitted(frame, state.frame.past, state.references, seq=0, at=0.0)
    traffic = log_traffic(log, state.frame.layout, seed)
    actions, _ = play(traffic, state, get_policy("thompson", settings), WEIGHTS)
    cls = log.class_index[request_order(log, seed)]
    return float((mean.max(axis=1)[cls] - mean[cls, actions]).sum())


def under_other_labels(prior: Prior, shift: int = 1) -> Prior:
    return sealed(
        replace(
            prior,
            factors={
                name: replace(
                    factor, models={MODELS[(a + shift) % K]: factor.models[MODELS[a]] for a in range(K)}
                )
                for name, factor in prior.factors.items()
            },
        )
    )


def observed(log: Log, seed: int = 0) -> list[Observation]:
    """One outcome of quality and wait per request, of a model drawn at random."""
    chosen = np.random.default_rng(seed).integers(0, K, len(log))
    return [
        Observation(context(log, i), MODELS[a], factor, float(getattr(log, factor)[i, a]), float(i))
        for i, a in enumerate(chosen)
        for factor in ("quality", "seconds")
    ]


def context(log: Log, i: int) -> Context:
    return Context(log.classes[log.class_index[i]], input_tokens=int(log.input_tokens[i]))


@pytest.fixture(scope="module")
def regrets() -> Floats:
    """Regret in 12 seeded worlds of 600 requests, `(12, 4)`: cold, with right history, with the labels
    permuted, and with those permuted taken for outcomes of today."""
    rows = []
    for seed in range(12):
        mean = world(seed)
        log, prior = a_log(mean, 600, seed), fit_prior(a_log(mean, 800, seed))
        mistaken = under_other_labels(prior)
        rows.append([regret(log, mean, seed, known) for known in (None, prior, mistaken)])
        rows[-1].append(regret(log, mean, seed, mistaken, plainly=True))
    return np.array(rows)


def test_right_history_saves_most_of_the_regret_and_wrong_history_is_let_go(regrets: Floats) -> None:
    """Right history halves the regret; wrong history costs less than half of what it would as plain sums.
    Seeded; how often fresh worlds would fail was not measured."""
    cold, right, wrong, believed = regrets.T
    saved = cold - right
    assert saved.mean() / (saved.std(ddof=1) / 12**0.5) > 3.3
    assert right.mean() < 0.5 * cold.mean()
    assert wrong.mean() < 0.5 * believed.mean()


@pytest.mark.xfail(
    strict=True,
    reason="not reached: until a few dozen outcomes have shown it, wrong history is mostly believed",
)
def test_wrong_history_costs_a_quarter_more_than_none(regrets: Floats) -> None:
    cold, _, wrong, _ = regrets.T
    assert wrong.mean() < 1.25 * cold.mean()


def test_without_history_the_fit_is_the_same_to_the_last_bit() -> None:
    log = a_log(world(1), 200, 1)
    empty = replace(fit_prior(log), factors={})
    settings = replace(SETTINGS, prior=empty)
    with pytest.raises(ConfigError, match="knows none of the models"):
        initial_state(settings)
    state = learn(initial_state(SETTINGS), observed(log), seq=400, at=200.0)
    sums, posterior, frame = state.stats[QUALITY], state.posterior[QUALITY], state.frame
    assert sums is not None
    assert posterior is not None
    blank = empty_stats(K, C + 1, frame.layout.size)
    blended = fit(sums, frame.priors[QUALITY], frame.declared_for(QUALITY), 1.0, blank, 100.0)
    for name in ("theta", "cov", "noise", "kappa", "smear"):
        np.testing.assert_array_equal(getattr(blended, name), getattr(posterior, name))


@pytest.fixture(scope="module")
def prior() -> Prior:
    return fit_prior(a_log(world(3), 800, 3))


def test_the_state_is_a_fold_that_knows_its_prior(prior: Prior) -> None:
    """Order and batches do not matter, a snapshot brings back the same fit, another prior is another fold."""
    settings, log = replace(SETTINGS, prior=prior), a_log(world(3), 120, 4)
    news = observed(log)
    once = learn(initial_state(settings), news, seq=240, at=120.0)
    parts = initial_state(settings)
    for start in range(0, 240, 48):
        parts = learn(parts, news[::-1][start : start + 48], seq=start + 48, at=120.0)
    assert state_distance(once, parts) < 1e-12
    for factor in (QUALITY, SECONDS):
        np.testing.assert_allclose(once.posterior[factor].theta, parts.posterior[factor].theta, atol=1e-10)  # type: ignore[union-attr]
    again = load_state(dump_state(once), settings)
    np.testing.assert_array_equal(again.posterior[QUALITY].theta, once.posterior[QUALITY].theta)  # type: ignore[union-attr]
    others = {
        fingerprint(s) for s in (SETTINGS, settings, replace(settings, prior=under_other_labels(prior)))
    }
    assert len(others) == 3


def test_forgetting_leaves_the_prior_in_place(prior: Prior) -> None:
    settings = replace(SETTINGS, prior=prior, policy=PolicySettings(half_life_days={"quality": 1.0}))
    start = initial_state(settings)
    news = [Observation(Context("c0", input_tokens=500), "m0", "quality", 0.2, 0.0) for _ in range(200)]
    soon = learn(start, news, seq=200, at=1.0)
    late = learn(soon, [], seq=200, at=86_400.0 * 60)
    assert level(soon) < level(start) - 0.1
    assert level(late) == pytest.approx(level(start), abs=1e-3)


def level(state: State) -> float:
    """Mean quality of m0 in c0."""
    posterior = state.posterior[QUALITY]
    assert posterior is not None
    return float(posterior.theta[0, 0] + posterior.theta[0, 1] + posterior.kappa[0])


def test_a_conflict_drops_history_and_one_failure_does_not(prior: Prior) -> None:
    settings = replace(SETTINGS, prior=prior)
    start = initial_state(settings)
    sums, past = start.stats[QUALITY], start.frame.past[QUALITY]
    assert sums is not None
    assert past is not None
    trust, expected = start.frame.trust[QUALITY], start.frame.priors[QUALITY]
    before = counted(sums, past, trust, expected)
    assert (before > 100.0).all()
    assert (before <= C * trust).all()

    def after(values: list[float], model: str) -> Floats:
        news = [
            Observation(Context(f"c{i % C}", input_tokens=245), model, "quality", v, 0.0)
            for i, v in enumerate(values)
        ]
        live = learn(start, news, seq=len(news), at=0.0).stats[QUALITY]
        assert live is not None
        return counted(live, past, trust, expected)

    means = world(3)[:, 1]
    noise = np.random.default_rng(0).normal(0.0, 0.12, 60)

    def near(shift: float) -> list[float]:
        return [float(np.clip(means[i % C] + shift + e, 0.0, 1.0)) for i, e in enumerate(noise)]

    conflict = after(near(-0.3), "m1")
    assert conflict[1] < 20.0
    assert (conflict[[0, 2, 3]] < 0.6 * before[[0, 2, 3]]).all()  # doubt spreads to those nobody tried
    assert (after([0.0], "m1") > 0.3 * before).all()
    assert after(near(0.0), "m1")[1] > 0.5 * before[1]


def test_outcomes_under_other_labels_drop_all_history_and_agreeing_ones_confirm_it(prior: Prior) -> None:
    """Two models of four tried 40 times: history of the other two goes or stays with them. Of a new one no
    more is believed than beforehand."""
    start = initial_state(replace(SETTINGS, prior=prior))
    sums, past = start.stats[QUALITY], start.frame.past[QUALITY]
    assert sums is not None
    assert past is not None
    means = past.xy[:, 0] / past.xx[:, 0, 0] + start.frame.priors[QUALITY].center
    worst, best = int(means.argmin()), int(means.argmax())
    noise = np.random.default_rng(2).normal(0.0, 0.05, (40, 2))

    def right(values: dict[int, float]) -> float:
        news = [
            Observation(Context(f"c{i % C}", input_tokens=245), MODELS[a], "quality", value + e, 0.0)
            for (a, value), column in zip(values.items(), noise.T, strict=True)
            for i, e in enumerate(column)
        ]
        live = learn(start, news, seq=80, at=0.0).stats[QUALITY]
        assert live is not None
        return believed(live, past, start)

    assert believed(sums, past, start) == pytest.approx(RIGHT)
    assert right({best: means[best], worst: means[worst]}) > RIGHT
    assert right({best: means[worst], worst: means[best]}) < 0.05


def believed(live: SufficientStats, past: SufficientStats, state: State) -> float:
    """The probability that history is right."""
    share, expected = np.empty(past.cells.shape[:2]), state.frame.priors[QUALITY].noise
    right = blend.weigh(
        live.xx, live.xy, live.cells, 1.0, past.xx, past.xy, past.cells, state.frame.trust[QUALITY], expected,
        RIGHT, share,
    )  # fmt: skip
    return float(right)


def test_names_are_placed_classes_merged_and_the_center_moved_exactly() -> None:
    """The sums are those that the configuration itself would have kept of the same outcomes."""
    log = a_log(world(5), 300, 5)
    prior = fit_prior(log)
    settings = Settings(
        models=(Model("new"), Model("m2"), Model("m0", group="twins"), Model("m1", group="twins")),
        classes=(RequestClass("c2"), RequestClass("unheard")),
        policy=PolicySettings(prior_quality=0.7),
        features=FeatureSettings({"difficulty": (0.5, 0.3)}),
    )
    frame = initial_state(replace(settings, prior=prior)).frame
    past, layout = frame.past[QUALITY], frame.layout
    assert past is not None
    x, cls = layout.encode([context(log, i) for i in range(300)])
    own = empty_stats(4, 3, layout.size)
    for row, name in ((1, "m2"), (2, "m0"), (2, "m1")):
        kernels.observe_many(
            own.xx, own.xy, own.cells, np.full(300, row), cls, x, np.arange(300),
            np.ascontiguousarray(log.quality[:, MODELS.index(name)]), np.ones(300), 0.7, 0.0,
        )  # fmt: skip
    for ours, kept in ((past.xx, own.xx), (past.xy, own.xy), (past.cells, own.cells)):
        np.testing.assert_allclose(ours, kept, atol=1e-9)
    assert past.xx[0].sum() == 0.0
