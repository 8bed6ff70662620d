"""What the pool says of a model that nobody has tried: calibrated, better than the pool's mean, and exact.

Coverage is judged over 8 worlds of 120 pools: of 960 right intervals of 90%, fewer than 85% or more than 95%
hold with probability below 1e-6 (binomial; they are seeded, so nothing is left to luck).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import PolicySettings, RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.core.posterior import FactorPrior, Posterior, SufficientStats, empty_stats, fit
from banditroute.core.state import QUALITY, initial_state, refitted
from banditroute.core.steering.newcomers import (
    Pedigree,
    family_name,
    fit_newcomers,
    pedigree_of,
    pool_levels,
    pool_priors,
)
from banditroute.types import Model

CLASSES = 4
NOISE = 0.15
PRIOR = FactorPrior(center=0.9, noise=0.05, logarithmic=False)
Z90 = 1.6448536269514722


def pool_of(
    rng: np.random.Generator, k: int, slope: float, family: float, own: float
) -> tuple[tuple[Model, ...], Floats]:
    """Models and their true qualities, by price, family and themselves."""
    price, kin = rng.uniform(-1.0, 1.0, k), rng.integers(0, 3, k)
    level = 0.85 + slope * price + rng.normal(0.0, family, 3)[kin] + rng.normal(0.0, own, k)
    usd = 10.0 ** (price - 6.0)
    models = tuple(
        Model(f"m{a}", family=f"f{kin[a]}", usd_per_input_token=usd[a], usd_per_output_token=usd[a])
        for a in range(k)
    )
    return models, level


def heard(rng: np.random.Generator, level: Floats, numbers: list[int]) -> SufficientStats:
    """Sums of `numbers` outcomes of each model in hard and easy classes, of several lengths."""
    hard = rng.normal(0.0, 0.05, CLASSES)
    hard -= hard.mean()
    sums = empty_stats(len(level), CLASSES + 1, CLASSES + 3)
    for a, n in enumerate(numbers):
        which = rng.integers(0, CLASSES, n)
        x = np.zeros((n, CLASSES + 3))
        x[:, 0], x[np.arange(n), 1 + which], x[:, -1] = 1.0, 1.0, rng.normal(0.0, 0.3, n)
        y = level[a] + hard[which] + rng.normal(0.0, NOISE, n) - PRIOR.center
        sums.xx[a], sums.xy[a] = x.T @ x, x.T @ y
        for g in range(CLASSES):
            own = y[which == g]
            sums.cells[a, g] = (own**2).sum(), (own + PRIOR.center).sum(), len(own)
    return sums


def fitted(sums: SufficientStats, models: tuple[Model, ...] | None) -> Posterior:
    nothing = np.full(len(sums.xy), np.nan)
    if models is None:
        return fit(sums, PRIOR, nothing)
    return fit_newcomers(sums, PRIOR, nothing, 1.0, pedigree=pedigree_of(models), leaning=None)


def judged(
    k: int, slope: float, family: float, own: float, runs: int, *, on: bool, scores: int = 0
) -> Floats:
    """Per run: whether the 90% interval of the last model holds, and its error."""
    found = np.empty((runs, 2))
    for run in range(runs):
        rng = np.random.default_rng((k, run))
        models, level = pool_of(rng, k + 1, slope, family, own)
        posterior = fitted(heard(rng, level, [60] * k + [scores]), models if on else None)
        mean = PRIOR.center + posterior.theta[k, 0] + posterior.kappa[:CLASSES].mean()
        error = mean - level[k]
        found[run] = abs(error) <= Z90 * np.sqrt(posterior.cov[k, 0]), error
    return found


WORLDS = (
    (8, 0.05, 0.03, 0.03),
    (8, 0.0, 0.0, 0.05),
    (8, 0.1, 0.0, 0.02),
    (8, 0.0, 0.08, 0.02),
    (12, 0.05, 0.0, 0.03),
    (16, 0.05, 0.03, 0.03),
    (16, 0.0, 0.05, 0.05),
    (24, 0.08, 0.03, 0.02),
)


def test_a_newcomers_interval_is_honest_over_pools() -> None:
    held = [judged(*world, 120, on=True)[:, 0].mean() for world in WORLDS]
    assert 0.85 <= np.mean(held) <= 0.95
    assert min(held) > 0.75  # in the worst of the worlds too: below by luck with probability 1e-6


@pytest.mark.full
@pytest.mark.parametrize("world", WORLDS)
def test_a_newcomers_interval_is_honest_in_every_world(world: tuple[int, float, float, float]) -> None:
    assert 0.83 <= judged(*world, 1_000, on=True)[:, 0].mean() <= 0.97


def test_small_pools_do_not_pretend_to_know() -> None:
    """Three models tell no slope: intervals are wide rather than wrong."""
    assert judged(3, 0.05, 0.0, 0.03, 200, on=True)[:, 0].mean() >= 0.9


def test_price_and_family_tell_more_than_the_pools_mean() -> None:
    """Where they matter the error falls by a quarter at least, where they do not it hardly grows."""

    def error(world: tuple[int, float, float, float], on: bool) -> float:
        return float(np.sqrt((judged(*world, 150, on=on)[:, 1] ** 2).mean()))

    for world in (WORLDS[2], WORLDS[3], WORLDS[7]):
        assert error(world, True) < 0.75 * error(world, False)
    assert error(WORLDS[1], True) < 1.15 * error(WORLDS[1], False)


def test_its_first_outcomes_take_over_step_by_step() -> None:
    rng = np.random.default_rng(5)
    models, level = pool_of(rng, 9, 0.05, 0.03, 0.03)
    everything = heard(rng, level, [60] * 9)
    moved = []
    before: float | None = None
    for scores in range(12):
        rng = np.random.default_rng(7)
        few = heard(rng, level, [60] * 8 + [scores])
        few = SufficientStats(
            *(
                np.where(np.arange(9).reshape(-1, *[1] * (a.ndim - 1)) < 8, b, a)
                for a, b in zip(
                    (few.xx, few.xy, few.cells), (everything.xx, everything.xy, everything.cells), strict=True
                )
            )
        )
        now = fitted(few, models)
        if before is not None:
            moved.append(abs(float(now.theta[8, 0]) - before))
        before = float(now.theta[8, 0])
    assert max(moved) < 0.05


def test_the_exchanged_prior_is_that_of_a_direct_solution() -> None:
    """The rank-one exchange against the normal equations with the other prior written into them."""
    rng = np.random.default_rng(3)
    models, level = pool_of(rng, 7, 0.05, 0.03, 0.03)
    sums = heard(rng, level, [60, 40, 30, 80, 5, 1, 0])
    n, total, squares = (
        np.array([[sums.xx[a, 1 + g, 1 + g] for g in range(CLASSES + 1)] for a in range(7)]),
        sums.xy[:, 1 : CLASSES + 2],
        sums.cells[:, :, 0],
    )
    mean, variance = pool_priors(*pool_levels(n, total, squares, PRIOR.noise), pedigree_of(models))
    found = fitted(sums, models)
    plain = fit(sums, PRIOR, PRIOR.center + mean)
    ridge = 1.0 / plain.cov[6, 0]  # the empty row shows the prior that the kernel has
    for a in range(7):
        precision = np.linalg.inv(plain.covariance[a])
        right = precision @ plain.theta[a]
        other = 1.0 / min(variance[a], plain.noise[a])
        precision[0, 0] += other - ridge
        right[0] += (other - ridge) * mean[a]
        np.testing.assert_allclose(found.theta[a], np.linalg.solve(precision, right), atol=1e-9)
        np.testing.assert_allclose(found.covariance[a], np.linalg.inv(precision), atol=1e-9)


def test_a_prior_is_what_the_others_say() -> None:
    """Leaving out a model's own level is what the prior for it amounts to."""
    rng = np.random.default_rng(11)
    level, variance = rng.normal(0.0, 0.05, 6), np.full(6, 1e-4)
    pedigree = Pedigree(rng.normal(0.0, 0.5, 6), np.array([0, 0, 1, 1, 2, 2]))
    mean, doubt = pool_priors(level, variance, pedigree)
    for a in range(6):
        unheard = variance.copy()
        unheard[a] = np.inf
        alone, apart = pool_priors(level, unheard, pedigree)
        assert mean[a] == pytest.approx(alone[a], abs=1e-9)
        assert doubt[a] == pytest.approx(apart[a], abs=1e-9)


def test_a_model_without_a_price_is_known_less() -> None:
    level, variance = np.linspace(-0.1, 0.1, 6), np.full(6, 1e-5)
    variance[5] = np.inf
    kin = np.arange(6)
    priced = Pedigree(np.linspace(-1.0, 1.0, 6), kin)
    unpriced = Pedigree(np.append(np.linspace(-1.0, 0.6, 5), np.nan), kin)
    assert pool_priors(level, variance, unpriced)[1][5] > 1.5 * pool_priors(level, variance, priced)[1][5]


def test_names_tell_families() -> None:
    names = ["gpt-4o", "openai/GPT-4o-mini", "meta-llama/Llama-3.3-70B", "o3", "7b"]
    assert [family_name(name) for name in names] == ["gpt", "gpt", "llama", "o", "7b"]
    models = (Model("gpt-4o"), Model("gpt-4o-mini"), Model("mine", family="gpt"), Model("qwen3-32b"))
    assert pedigree_of(models).family.tolist() == [0, 0, 0, 1]


def settings_of(*models: Model, pool: bool = True) -> Settings:
    return Settings(
        models=models,
        classes=(RequestClass("code"), RequestClass("chat")),
        policy=PolicySettings(pool_priors=pool),
    )


def test_nothing_changes_where_nobody_asks_for_it() -> None:
    """Declared priors, no outcomes, or the switch off: the same bits."""
    rng = np.random.default_rng(0)
    declared = tuple(Model(f"m{a}", prior_quality=0.8) for a in range(3))
    for settings, empty in (
        (settings_of(*declared), False),
        (settings_of(Model("a"), Model("b"), Model("c")), True),
        (settings_of(Model("a"), Model("b"), Model("c"), pool=False), False),
    ):
        state = initial_state(settings)
        sums = state.stats[QUALITY]
        assert sums is not None
        if not empty:
            d = sums.xy.shape[1]
            for a in range(3):
                x = rng.normal(size=(20, d)) * 0.1
                x[:, 0], x[:, 1] = 1.0, 1.0
                y = rng.normal(0.0, 0.1, 20)
                sums = replace(sums, xx=sums.xx.copy(), xy=sums.xy.copy(), cells=sums.cells.copy())
                sums.xx[a], sums.xy[a], sums.cells[a, 0] = x.T @ x, x.T @ y, [(y**2).sum(), y.sum() + 18, 20]
        stats = (sums, *state.stats[1:])
        found = refitted(state.frame, stats, state.references, seq=1, at=0.0).posterior[QUALITY]
        plain = fit(sums, state.frame.priors[QUALITY], state.frame.declared_for(QUALITY))
        assert found is not None
        assert found.theta.tobytes() == plain.theta.tobytes()
        assert found.cov.tobytes() == plain.cov.tobytes()


def test_priors_by_class_are_where_learning_starts_and_give_way() -> None:
    leaning = Model("a", prior_quality=0.8, prior_by_class=(("code", 0.9), ("nowhere", 0.1)))
    settings = settings_of(leaning, Model("b", prior_quality=0.8))
    state = initial_state(settings)
    start = state.posterior[QUALITY]
    assert start is not None
    assert (start.theta[0, :4] + [0.9, 0, 0, 0]).tolist() == pytest.approx([0.8, 0.1, 0.0, 0.0])
    sums = state.stats[QUALITY]
    assert sums is not None
    d, n = sums.xy.shape[1], 3_000
    for a in range(2):  # in truth both are worth 0.7 everywhere
        for g in range(2):
            x = np.zeros(d)
            x[0] = x[1 + g] = 1.0
            sums.xx[a] += n * np.outer(x, x)
            sums.xy[a] += n * x * -0.2
            sums.cells[a, g] = n * (0.04 + 0.01), n * 0.7, n
    posterior = refitted(state.frame, (sums, *state.stats[1:]), state.references, seq=1, at=0.0).posterior[
        QUALITY
    ]
    assert posterior is not None
    for g in range(2):
        level = 0.9 + posterior.theta[:, 0] + posterior.theta[:, 1 + g] + posterior.kappa[g]
        np.testing.assert_allclose(level, 0.7, atol=0.002)
