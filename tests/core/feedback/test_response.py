"""People who answer when they are angry: what their scores say, and what the audit makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core.base import Floats
from banditroute.core.feedback.response import Response, bounds, response, unexplained_by_features
from banditroute.core.posterior import SufficientStats

K, C = 3, 2
MEAN = np.array([[0.85, 0.6], [0.75, 0.7], [0.6, 0.5]])


def world(seed: int, *, gamma: float, n: int = 6_000, audit: float = 0.3) -> tuple[Floats, Floats, Floats]:
    """Sums of one world in which the log odds of a score rise by `gamma` per point of quality."""
    rng = np.random.default_rng(seed)
    model, cls = rng.integers(0, K, n), rng.integers(0, C, n)
    quality = MEAN[model, cls] + 0.15 * rng.normal(size=n)
    answers = rng.random(n) < 1.0 / (1.0 + np.exp(1.0 - gamma * (quality - 0.7)))
    audited = rng.random(n) < audit
    judged = 0.2 + 0.7 * quality + 0.1 * rng.normal(size=n) + 0.03 * model
    ones = np.ones(n)

    def sums(rows: np.ndarray, *columns: Floats) -> Floats:
        out = np.zeros((K, C, len(columns)))
        for i, column in enumerate(columns):
            np.add.at(out[:, :, i], (model[rows], cls[rows]), column[rows])
        return out

    return (
        sums(audited & answers, ones, judged, quality, judged**2, judged * quality, quality**2),
        sums(audited & ~answers, ones, judged, judged**2),
        sums(answers, ones, quality, quality**2),
    )


def people_mean(direct: Floats) -> Floats:
    return direct[:, :, 1] / direct[:, :, 0]


@pytest.mark.parametrize("gamma", [-4.0, 3.0])
def test_the_audit_takes_most_of_the_bias_out_of_what_people_say(gamma: float) -> None:
    """40 worlds. The mean error over worlds of the corrected means is under a quarter of the naive one. A
    mean of 40 of them has an se of about .002 where the naive bias is about .06: a right estimator fails
    in under one of 10⁶ such tests."""
    naive, mended = np.zeros((K, C)), np.zeros((K, C))
    for seed in range(40):
        pairs, silent, direct = world(seed, gamma=gamma)
        means = people_mean(direct)
        naive += (means - MEAN) / 40
        mended += (means + response(pairs, silent, direct).shift - MEAN) / 40
    assert abs(naive.mean()) > 0.02
    assert np.abs(mended).mean() < 0.25 * np.abs(naive).mean()


def test_the_interval_of_the_odds_covers() -> None:
    """400 worlds at γ = −2: gamma ± 1.96 sd covers 90 to 98% (binomial sd 1.1%; the shrinkage biases it a
    little, and the slope's error is not in it)."""
    found = [response(*world(seed, gamma=-2.0, n=2_000)) for seed in range(400)]
    inside = [abs(r.gamma + 2.0) <= 1.96 * r.gamma_sd for r in found]
    assert 0.90 < np.mean(inside) < 0.985


@pytest.mark.parametrize("scored", [11, 2])
def test_equal_scores_of_a_few_answers_tell_little(scored: int) -> None:
    """A judge that gave the same to 22 answers has shown no scatter, but it may have some."""
    pairs, silent = np.zeros((1, 1, 6)), np.zeros((1, 1, 3))
    pairs[0, 0] = scored * np.array([1.0, 0.1, 0.1, 0.01, 0.01, 0.03])  # people differ with sd .14
    silent[0, 0] = (22 - scored) * np.array([1.0, 0.1, 0.01])
    few = response(pairs, silent, pairs[:, :, [0, 2, 5]])
    assert abs(few.gamma) < 1e-9
    assert few.gamma_sd > 0.2
    many = response(100 * pairs, 100 * silent, 100 * pairs[:, :, [0, 2, 5]])
    assert many.gamma_sd < few.gamma_sd


def test_who_answers_at_random_is_left_alone() -> None:
    shifts = np.array([response(*world(seed, gamma=0.0)).shift for seed in range(40)])
    assert np.abs(shifts.mean(axis=0)).max() < 0.004
    assert np.abs(shifts).max() < 0.03


def scored(seed: int, n: int, slope: float) -> SufficientStats:
    """Sums of scores that scatter by .15 about their cell's mean and a feature's effect of `slope`."""
    rng = np.random.default_rng(seed)
    model, cls, feature = rng.integers(0, K, n), rng.integers(0, C, n), rng.normal(size=n)
    x = np.zeros((n, C + 3))  # and a feature that never varies
    x[:, 0], x[:, C + 1] = 1.0, feature
    x[np.arange(n), 1 + cls] = 1.0
    y = MEAN[model, cls] - 0.8 + slope * feature + 0.15 * rng.normal(size=n)
    stats = SufficientStats(np.zeros((K, C + 3, C + 3)), np.zeros((K, C + 3)), np.zeros((K, C, 3)))
    np.add.at(stats.xx, model, x[:, :, None] * x[:, None, :])
    np.add.at(stats.xy, model, x * y[:, None])
    np.add.at(stats.cells, (model, cls), np.stack([y * y, y + 0.8, np.ones(n)], axis=1))
    return stats


@pytest.mark.parametrize(("slope", "share"), [(0.15, 0.5), (0.3, 0.2), (0.0, 1.0)])
def test_what_features_explain_is_told_from_what_they_do_not(slope: float, share: float) -> None:
    """With noise of .15 and a feature of variance 1: .15²/(.15² + slope²). The se at 600 scores is .03."""
    assert unexplained_by_features(scored(1, 600, slope)) == pytest.approx(share, abs=0.1)


def test_a_few_scores_explain_nothing() -> None:
    assert unexplained_by_features(scored(1, 0, 0.3)) == 1.0
    assert unexplained_by_features(scored(1, 7, 0.3)) > 0.3
    few = [unexplained_by_features(scored(seed, 30, 0.0)) for seed in range(40)]
    assert np.mean(few) > 0.85


def test_a_mean_is_moved_by_what_features_leave_over() -> None:
    sums = world(0, gamma=-4.0)
    assert response(*sums, unexplained=0.5).shift == pytest.approx(0.5 * response(*sums).shift)


def test_without_an_audit_nothing_is_moved_and_bounds_say_what_is_not_known() -> None:
    pairs, silent, direct = world(0, gamma=-4.0)
    known: Response = response(np.zeros_like(pairs), np.zeros_like(silent), direct)
    assert not known.shift.any()
    assert known.gamma == 0.0
    half, double = bounds(known.rate, direct, 1.5), bounds(known.rate, direct, 2.0)
    assert (half < double).all()
    binary = np.zeros((1, 1, 3))
    binary[:, :, :] = 1_000.0, 500.0, 500.0  # half of them 1, half 0
    reach = bounds(np.zeros((1, 1)), binary, 2.0)[0, 0]
    # Exactly: with odds of 2 a mean of .5 among few who answer comes from 1/3 among all.
    assert reach == pytest.approx(0.5 - 1.0 / 3.0, abs=0.01)
