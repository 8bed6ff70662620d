"""Clipped weights: the interval holds for the target's worth and not for what is left of it."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.offline.estimators import PolicyValue, estimate
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog

CLIPPED = ("ips(clip=5)", "snips(clip=5)", "dr(clip=5)", "sndr(clip=5)")
P = np.array([0.91, 0.03, 0.03, 0.03])
TARGET = np.array([0.0, 1 / 3, 1 / 3, 1 / 3])


def drawn(worth: float, seed: int, n: int = 6_000) -> dict[str, np.ndarray]:
    """A log that hardly tried what the target does, where that earns `worth`."""
    rng = np.random.default_rng(seed)
    action = rng.choice(4, size=n, p=P)
    reward = (rng.random(n) < np.where(action == 0, 0.5, worth)).astype(float)
    return {
        "reward": reward,
        "action": action,
        "propensity": P[action],
        "target_pmf": np.tile(TARGET, (n, 1)),
    }


def clipped(worth: float, seed: int, **asked: object) -> list[PolicyValue]:
    q_hat = np.full((6_000, 4), 0.6)
    return estimate(list(CLIPPED), **drawn(worth, seed), q_hat=q_hat, **asked)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("worth", [0.02, 0.9, 1.0])
def test_the_interval_covers_what_clipping_took_away(worth: float) -> None:
    """100 logs; 95% promised. 89 or fewer come about once in 100 where an end is the truth, else never."""
    covered = [[value.low <= worth <= value.high for value in clipped(worth, seed)] for seed in range(100)]
    assert (np.mean(covered, axis=0) >= 0.9).all(), np.mean(covered, axis=0)
    if worth == 0.9:
        assert estimate("ips(clip=5)", **drawn(worth, 0)).value == pytest.approx(0.41, abs=0.05)


def test_the_interval_is_no_wider_than_what_is_open() -> None:
    """The clip of 5 keeps 45% of a weight of 11, so 55% of the target is open, give or take noise."""
    for value in clipped(0.9, 0):
        assert 0.5 < value.high - value.low < 0.66
    whole = estimate("ips(clip=1000)", **drawn(0.9, 0))
    plain = estimate("ips", **drawn(0.9, 0))
    assert (whole.low, whole.high) == (plain.low, plain.high)


def test_without_bounds_it_is_refused() -> None:
    case = drawn(0.9, 0)
    case["reward"] = 3.0 * case["reward"]
    refused = estimate("ips(clip=5)", **case)
    assert refused.refusal is not None
    assert "give bounds" in refused.refusal
    held = estimate("ips(clip=5)", **case, bounds=(0.0, 3.0))
    assert held.low <= 2.7 <= held.high
    assert "clipping takes away" in str(
        estimate("ips(clip=5)", **drawn(0.9, 0), interval="bootstrap").refusal
    )


def test_units_widen_it() -> None:
    """Units of six rows that were all answered alike."""
    case, rows = drawn(0.9, 0), np.arange(6_000)
    alike = np.argsort(np.argsort(case["reward"], kind="stable")) // 6
    alone, together = (estimate("ips(clip=5)", **case, cluster=ids) for ids in (rows, alike))
    assert together.value - together.low > 1.1 * (alone.value - alone.low)


def test_evaluate_compares_a_clipped_estimate_with_the_log_honestly() -> None:
    n = 12_000
    case, unknown = drawn(0.9, 1, n), np.full(n, np.nan)
    log = DecisionLog(
        kind="logged", request_ids=np.arange(n).astype(str), models=("a", "b", "c", "d"),
        classes=("chat",), class_index=np.zeros(n, np.int64), action=case["action"],
        quality=case["reward"], usd=unknown, seconds=unknown, output_tokens=unknown, input_tokens=unknown,
        propensity=case["propensity"], pmf=np.tile(P, (n, 1)),
    )  # fmt: skip
    rule = "per_class:{chat: b}"
    found = evaluate(log, [rule], estimators=["ips(clip=20)"], logged_by="fixed").policies[1]
    assert found.difference is not None
    assert found.difference.low <= 0.9 - case["reward"].mean() <= found.difference.high
    assert found.difference.high - found.difference.low > 0.35
