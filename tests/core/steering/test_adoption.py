"""How soon a newcomer is taken up: as soon as with 20 forced requests where it is the best, and with fewer
requests where it is not.

A pool of six models that are known well, in four classes, and a seventh that nobody knows. `eager` gives
it a share as long as it may be best; `forced` gives it the first 20 requests whatever comes of them. Every
arm meets the same requests and the same luck. Medians over seeds; the margins are several times the
standard error of the medians in the full study.
"""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.config.feedback import TrialSettings
from banditroute.config.settings import PolicySettings, RequestClass, Settings
from banditroute.core.base import Bools, Floats
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.steering.trials import encouraged
from banditroute.policies import get_policy
from banditroute.types import Context, Model, Observation, Preferences, Weights

CLASSES = ("code", "chat", "extraction", "reasoning")
KNOWN, REQUESTS, FORCED, TICK, NOISE = 6, 300, 20, 5, 0.15
WEIGHTS = Preferences(weights=Weights(usd=0.0))


def test_encouraging_keeps_a_pmf_and_stops_where_there_is_no_hope() -> None:
    pmf = [0.6, 0.2, 0.05, 0.15, 0.0]
    assert encouraged(pmf, (), 0.5) == pmf
    found = encouraged(pmf, (2,), 0.5)
    assert found == pytest.approx([0.5 * 0.6 / 0.95, 0.5 * 0.2 / 0.95, 0.5, 0.5 * 0.15 / 0.95, 0.0])
    both = encouraged(pmf, (0, 2, 4), 0.5)
    assert both[2] == 0.25
    assert both[0] == 0.6  # has more than its part already
    assert both[4] == 0.0  # not encouraged: no chance of being best
    assert sum(both) == pytest.approx(1.0)
    assert encouraged([0.99, 0.01], (1,), 0.5) == [0.99, 0.01]
    assert encouraged([0.0, 1.0], (1,), 0.5) == [0.0, 1.0]


def played(seed: int, gap: float, arm: str) -> tuple[Bools, Floats]:
    """Which of the requests went to the newcomer `(n,)`, and what each choice cost against the best `(n,)`.
    The newcomer is better by `gap` in every class than whoever was best there."""
    rng = np.random.default_rng(seed)
    price = np.append(rng.uniform(-1.0, 1.0, KNOWN), 0.0)
    level = 0.85 + 0.04 * price + rng.normal(0.0, 0.03, KNOWN + 1)
    quality = level[:, None] + rng.normal(0.0, 0.02, (KNOWN + 1, len(CLASSES)))
    quality[KNOWN] = quality[:KNOWN].max(axis=0) + gap
    usd = 10.0 ** (price - 6.0)
    models = tuple(
        Model(f"family{a % 3}-{a}", usd_per_input_token=usd[a], usd_per_output_token=usd[a])
        for a in range(KNOWN + 1)
    )
    settings = Settings(
        models=models,
        classes=tuple(map(RequestClass, CLASSES)),
        policy=PolicySettings(pool_priors=True),
        trial=TrialSettings(eager=0.5 if arm == "eager" else 0.0, outcomes=FORCED),
    )

    def outcome(a: int, c: int, luck: float, at: float) -> Observation:
        score = float(np.clip(quality[a, c] + NOISE * luck, 0.0, 1.0))
        return Observation(
            Context(request_class=CLASSES[c], input_tokens=500), models[a].id, "quality", score, at
        )

    before = [
        outcome(a, int(rng.integers(len(CLASSES))), float(rng.normal()), 0.0)
        for a in range(KNOWN)
        for _ in range(200)
    ]
    state = learn(initial_state(settings, factors=("quality",)), before, seq=1, at=0.0)
    policy = get_policy("thompson", settings)
    luck, which = rng.normal(size=REQUESTS), rng.integers(0, len(CLASSES), REQUESTS)
    took, regret = np.zeros(REQUESTS, np.bool_), np.empty(REQUESTS)
    news: list[Observation] = []
    for t in range(REQUESTS):
        c = int(which[t])
        if arm == "forced" and t < FORCED:
            a = KNOWN
        else:
            asked = Context(request_class=CLASSES[c], input_tokens=500)
            (decision,) = decide(
                state, [Request(f"{t}", float(t), seed * 1_000 + t, asked, WEIGHTS)], policy, settings
            )
            assert sum(decision.pmf) == pytest.approx(1.0)
            if "eager" in decision.parameters:
                own = decision.pmf[KNOWN]
                assert own < 0.02 or own >= 0.5 - 1e-12  # beyond hope, or encouraged: what was drawn from
            a = int(decision.model.rsplit("-", 1)[1])
        took[t], regret[t] = a == KNOWN, quality[:, c].max() - quality[a, c]
        news.append(outcome(a, c, float(luck[t]), float(t)))
        if len(news) == TICK:
            state, news = learn(state, news, seq=2 + t, at=float(t)), []
    return took, regret


def adopted(took: Bools) -> int:
    """The request by which half of the last 50 went to the newcomer."""
    share = np.convolve(took, np.full(50, 1 / 50), "valid")
    reached = np.flatnonzero(share >= 0.5)
    return int(reached[0]) + 50 if len(reached) else REQUESTS + 50


def study(seeds: int, gap: float, arm: str) -> tuple[float, float, float]:
    """Median request of adoption, mean requests that went to the newcomer, mean regret."""
    paths = [played(seed, gap, arm) for seed in range(seeds)]
    return (
        float(np.median([adopted(took) for took, _ in paths])),
        float(np.mean([took.sum() for took, _ in paths])),
        float(np.mean([regret.sum() for _, regret in paths])),
    )


def test_a_good_newcomer_is_adopted_as_soon_as_by_force() -> None:
    eager, _, _ = study(7, 0.08, "eager")
    forced, _, _ = study(7, 0.08, "forced")
    assert eager <= 1.2 * forced


def test_a_bad_newcomer_gets_less_than_by_force() -> None:
    _, taken, lost = study(5, -0.3, "eager")
    _, by_force, lost_by_force = study(5, -0.3, "forced")
    assert taken < 0.5 * by_force
    assert lost < 0.8 * lost_by_force


@pytest.mark.full
@pytest.mark.parametrize("gap", [0.04, 0.08])
def test_adoption_keeps_up_with_force_over_many_pools(gap: float) -> None:
    eager, _, _ = study(60, gap, "eager")
    forced, _, _ = study(60, gap, "forced")
    slow, _, _ = study(60, gap, "thompson")
    assert eager <= 1.2 * forced
    assert eager < slow


@pytest.mark.full
@pytest.mark.parametrize("gap", [-0.1, -0.3])
def test_bad_newcomers_get_less_over_many_pools(gap: float) -> None:
    _, taken, lost = study(60, gap, "eager")
    _, by_force, lost_by_force = study(60, gap, "forced")
    assert taken < 0.9 * by_force
    assert lost < lost_by_force
