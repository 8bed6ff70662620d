"""What every policy promises, checked for each one that is registered, in each of its usages.

A new policy is found here by its registry line. Everything is seeded. The frequency tests are
chi-square tests; over all policies together they raise a false alarm with probability 1e-4 per
choice of seeds (Bonferroni), so a failure is a fault.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaincc

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Policy, Slate
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.policies import REGISTRY, get_policy, policy_specs
from banditroute.types import Context, Decision, Limits, Model, Observation, Preferences

FALSE_ALARM = 1e-4
DRAWS = 20_000

MODELS = tuple(
    Model(
        f"m{place}",
        tier=("budget", "standard", "premium")[place % 3],
        usd_per_input_token=1e-7 * (place + 1),
        usd_per_output_token=4e-7 * (place + 1),
        prior_quality=0.8 + 0.01 * place,
    )
    for place in range(6)
)
SETTINGS = Settings(models=MODELS)
FLOORED = replace(SETTINGS, policy=replace(SETTINGS.policy, floor=0.1))
SPECS = policy_specs(SETTINGS)


def slates(seed: int) -> list[Slate]:
    """Random slates of 1 to 6 models: masks, exact ties, equal and very unequal sds, odd contexts."""
    rng = np.random.default_rng(seed)
    return [_slate(rng, k, round(40 / k)) for k in range(1, len(MODELS) + 1)]


def _slate(rng: np.random.Generator, k: int, n: int) -> Slate:
    eligible = rng.random((n, k)) < 0.6
    eligible[np.arange(n), rng.integers(k, size=n)] = True
    mean = rng.normal(0.7, 0.1, (n, k))
    mean[::3] = mean[::3].round(1)
    sd = 0.05 * 10.0 ** rng.uniform(-2, 0, (n, k))
    sd[::5] = 0.0
    usd = rng.choice([0.001, 0.002, 0.01], (n, k))
    classes, texts = ("code", "chat", "other"), ("hello", "Prove the theorem.", "Is it late?", "")
    contexts = [
        Context(
            request_class=classes[rng.integers(3)],
            complexity=None if rng.random() < 0.2 else float(rng.random()),
            text=texts[rng.integers(4)],
            unit=None if rng.random() < 0.3 else f"user-{rng.integers(20)}",
        )
        for _ in range(n)
    ]
    ids = [f"d{rng.integers(2**32)}" for _ in range(n)]
    return Slate(MODELS[:k], contexts, ids, eligible, mean, sd, mean, usd, usd)


def test_every_registered_policy_is_covered() -> None:
    assert {spec.partition(":")[0] for spec in SPECS} == set(REGISTRY)


@pytest.mark.parametrize("settings", [SETTINGS, FLOORED], ids=["", "floor"])
@pytest.mark.parametrize("spec", SPECS)
def test_probabilities_are_probabilities(spec: str, settings: Settings) -> None:
    """Finite, sums to 1 within 1e-12, zero on what is not eligible, the same when asked again."""
    policy = get_policy(spec, settings)
    assert isinstance(policy, Policy)
    assert policy.name == spec
    for slate in slates(1):
        before = slate.mean.copy(), slate.sd.copy(), slate.eligible.copy()
        choice = policy.choose(slate)
        for pmf in (choice.pmf, choice.pmf if choice.marginal is None else choice.marginal):
            assert pmf.shape == slate.eligible.shape
            assert np.isfinite(pmf).all()
            assert (pmf >= 0.0).all()
            np.testing.assert_allclose(pmf.sum(axis=1), 1.0, rtol=0, atol=1e-12)
            assert (pmf[~slate.eligible] == 0.0).all()
        _assert_same(choice, get_policy(spec, settings).choose(slate))
        assert all(
            np.array_equal(own, old)
            for own, old in zip((slate.mean, slate.sd, slate.eligible), before, strict=True)
        )


def _assert_same(first: Choice, again: Choice) -> None:
    assert np.array_equal(first.pmf, again.pmf)
    assert (first.reasons, first.variants, first.parameters) == (
        again.reasons,
        again.variants,
        again.parameters,
    )
    for one, other in (
        (first.draws, again.draws),
        (first.shares, again.shares),
        (first.marginal, again.marginal),
    ):
        assert (one is None) == (other is None)
        assert one is None or other is None or np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("spec", SPECS)
def test_a_row_does_not_depend_on_the_other_rows(spec: str) -> None:
    policy = get_policy(spec, SETTINGS)
    for slate in slates(2):
        whole = policy.choose(slate).pmf
        for row in range(0, len(slate.ids), 7):
            assert np.array_equal(policy.choose(_row(slate, row)).pmf[0], whole[row])


def _row(slate: Slate, row: int) -> Slate:
    at = slice(row, row + 1)
    return Slate(
        slate.models, slate.contexts[at], slate.ids[at], slate.eligible[at], slate.mean[at], slate.sd[at],
        slate.quality[at], slate.usd[at], slate.seconds[at],
    )  # fmt: skip


@pytest.fixture(scope="module")
def state() -> State:
    """A state that has seen a few outcomes, so that models differ and none is settled."""
    rng = np.random.default_rng(3)
    seen = [
        Observation(Context("code"), model.id, "quality", float(np.clip(rng.normal(0.8, 0.1), 0, 1)), 0.0)
        for model in MODELS[:4]
        for _ in range(8)
    ]
    return learn(initial_state(SETTINGS), seen, seq=len(seen), at=1.0)


@pytest.mark.parametrize("spec", SPECS)
def test_the_logged_propensity_is_the_sampling_frequency(spec: str, state: State) -> None:
    """Chi-square of the models drawn against the sum of their logged probabilities.

    Every request has the same context here, so where traffic is split, the logged marginal of a
    model is one number, and the frequency over all variants must meet it too.
    """
    policy = get_policy(spec, FLOORED)
    decisions = _decisions(state, policy)
    expected = dict.fromkeys((model.id for model in MODELS), 0.0)
    for decision in decisions:
        for candidate in decision.candidates:
            expected[candidate.model] += candidate.propensity
        chosen = next(c for c in decision.candidates if c.model == decision.model)
        assert decision.propensity == chosen.propensity > 0.0
    drawn = Counter(decision.model for decision in decisions)
    _assert_frequencies(drawn, expected)
    if decisions[0].marginal is not None:
        marginal = {d.model: d.marginal or 0.0 for d in decisions}
        assert all(d.marginal == marginal[d.model] for d in decisions)
        _assert_frequencies(drawn, {model: share * len(decisions) for model, share in marginal.items()})


def _decisions(state: State, policy: Policy) -> list[Decision]:
    rng = np.random.default_rng(4)
    wanted = Preferences(limits=Limits(deny=("m5",)))
    requests = [
        Request(f"id-{i}", 1.0, int(seed), Context("code", complexity=0.5, unit=f"u{i}"), wanted)
        for i, seed in enumerate(rng.integers(2**63, size=DRAWS))
    ]
    decisions: list[Decision] = []
    for at in range(0, DRAWS, 2_000):
        decisions += decide(state, requests[at : at + 2_000], policy, FLOORED)
        if all(d.propensity == 1.0 and d.marginal is None for d in decisions):
            break  # nothing is left to chance: more draws tell nothing more
    return decisions


def _assert_frequencies(drawn: Mapping[str, int], expected: Mapping[str, float]) -> None:
    """Pearson's chi-square; models expected less than five times are pooled with the rarest other."""
    cells = sorted(((expected[model], drawn.get(model, 0)) for model in expected), reverse=True)
    assert all(own > 0.0 or seen == 0 for own, seen in cells)
    while len(cells) > 1 and cells[-1][0] < 5.0:
        (rare, r), (next_rare, n) = cells.pop(), cells.pop()
        cells.append((rare + next_rare, r + n))
    assert sum(drawn.values()) == pytest.approx(sum(own for own, _ in cells), rel=1e-6)
    if len(cells) == 1:
        return
    statistic = math.fsum((seen - own) ** 2 / own for own, seen in cells)
    p = float(gammaincc((len(cells) - 1) / 2, statistic / 2))
    assert p > FALSE_ALARM / (len(SPECS) + 1), f"chi-square {statistic:.1f} on {len(cells)} cells: {cells}"


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_seed_gives_the_same_decision(spec: str, state: State) -> None:
    requests = [Request(f"id-{i}", 1.0, i, Context("code", unit=f"u{i}")) for i in range(50)]
    first, again = (decide(state, requests, get_policy(spec, SETTINGS), SETTINGS) for _ in range(2))
    assert first == again
