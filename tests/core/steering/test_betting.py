"""Bets on a bounded mean: what is refuted is false, at all times, and little money is lost on the way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from banditroute.core.steering.betting import BETS, Gambler


def test_the_wealth_is_the_product_of_what_each_bet_won() -> None:
    terms = [(0.3, 0.5), (-0.2, 0.5), (0.9, 2.0), (-1.5, 2.0), (0.1, 0.4)]
    gambler, losses = Gambler(), [1.0, 1.0, 2.1, 2.1, 2.1]
    for y, loss in terms:
        gambler = gambler.bet(y, loss)
    assert gambler.losses == (1.0, 2.1)
    assert gambler.counts == (2, 3)
    for claim in (-0.5, 0.0, 0.2):
        wealth = np.mean(
            [
                math.prod(
                    (1 + b / most * y) / (1 + b / most * claim)
                    for (y, _), most in zip(terms, losses, strict=True)
                )
                for b in BETS
            ]
        )
        assert gambler.log_wealth(claim) == pytest.approx(math.log(wealth))


def test_the_limit_is_where_the_wealth_meets_the_goal() -> None:
    rng = np.random.default_rng(1)
    gambler = Gambler()
    for y in 0.4 + 0.2 * rng.standard_normal(500).clip(-2, 2):
        gambler = gambler.bet(float(y), 0.2)
    goal = math.log(20)
    least = gambler.least(goal)
    assert 0.35 < least < 0.4
    assert gambler.log_wealth(least) == pytest.approx(goal, abs=1e-6)
    assert Gambler().least(goal) == -1.0


@pytest.mark.parametrize("drifting", [False, True])
def test_a_true_claim_is_rarely_refuted_however_often_one_looks(drifting: bool) -> None:
    """Two-point terms with mean 0, the worst case for a bound on the range; drifting, the mean falls first
    and then rises with no running mean above 0, while losses grow. Expected: at most 5% of 400 runs; a fair
    5% exceeds 35 with probability 0.001."""
    refuted, goal = 0, math.log(20)
    for seed in range(400):
        rng, gambler = np.random.default_rng(seed), Gambler()
        for t in range(300):
            loss = 1.0 if t < 100 or not drifting else 4.0
            mean = 0.0 if not drifting else -0.2 if t < 100 else 0.1 if t < 300 else 0.0
            high = rng.random() < (loss + mean) / (loss + 3.0)
            gambler = gambler.bet(3.0 if high else -loss, loss)
            if gambler.log_wealth(0.0) > goal:
                refuted += 1
                break
    assert refuted <= 35
