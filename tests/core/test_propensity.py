"""Exact choice probabilities: held against dense quadrature, closed forms and symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from banditroute.core.propensity import NEGLIGIBLE, best_model_probabilities, thompson_pmf

Floats = NDArray[np.float64]


def dense(mean: Floats, sd: Floats) -> Floats:
    """The same integral by brute force: 20 nodes in panels a quarter of every sd wide, in logarithms."""
    sd = np.maximum(sd, sd.max() / 1e6)
    breaks = np.unique(np.concatenate([mean + step * sd for step in np.arange(-9.0, 9.01, 0.25)]))
    nodes, weights = leggauss(20)
    half = np.diff(breaks) / 2.0
    z = ((breaks[:-1] + breaks[1:])[:, None] / 2.0 + half[:, None] * nodes).ravel()
    w = (half[:, None] * weights).ravel()
    t = (z[:, None] - mean) / sd
    below = log_ndtr(t)
    log_density = -0.5 * t * t - np.log(np.sqrt(2.0 * np.pi) * sd)
    everyone_else = below.sum(axis=1, keepdims=True) - below
    return np.asarray(w @ np.exp(log_density + everyone_else))


@pytest.mark.parametrize("k", [2, 3, 8, 20, 64])
@pytest.mark.parametrize("ratio", [1.0, 10.0, 100.0, 1000.0, 1e6])
def test_the_error_is_below_1e_8(k: int, ratio: float) -> None:
    rng = np.random.default_rng([k, int(ratio)])
    for spread in (0.0, 0.3, 1.0, 3.0):
        for _ in range(3):
            sd = np.exp(rng.uniform(-np.log(ratio), 0.0, k))
            sd[0] = 1.0
            mean = rng.normal(size=k) * spread
            assert np.abs(best_model_probabilities(mean, sd) - dense(mean, sd)).max() < 1e-8


def test_two_models_have_a_closed_form() -> None:
    mean, sd = np.array([0.3, -0.1]), np.array([0.5, 0.02])
    expected = ndtr((mean[0] - mean[1]) / np.hypot(*sd))
    assert best_model_probabilities(mean, sd)[0] == pytest.approx(expected, abs=1e-9)


def test_equals_share_equally() -> None:
    for k in (1, 2, 7, 64):
        pmf = best_model_probabilities(np.full(k, 5.0), np.full(k, 0.1))
        np.testing.assert_allclose(pmf, 1.0 / k, atol=1e-9)


def test_without_uncertainty_the_best_share_everything() -> None:
    pmf = best_model_probabilities(np.array([1.0, 2.0, 2.0, 0.0]), np.zeros(4))
    assert pmf.tolist() == [0.0, 0.5, 0.5, 0.0]


def test_scale_and_shift_change_nothing() -> None:
    rng = np.random.default_rng(3)
    mean, sd = rng.normal(size=(50, 6)), rng.uniform(0.1, 1.0, (50, 6))
    moved = best_model_probabilities(1e4 * mean + 7.0, 1e4 * sd)
    np.testing.assert_allclose(moved, best_model_probabilities(mean, sd), atol=1e-9)


def test_leading_axes_and_masks() -> None:
    rng = np.random.default_rng(4)
    mean, sd = rng.normal(size=(2, 3, 5)), rng.uniform(0.1, 1.0, (2, 3, 5))
    mask = np.array([True, False, True, True, False])
    pmf = best_model_probabilities(mean, sd, np.broadcast_to(mask, mean.shape))
    assert (pmf[..., ~mask] == 0.0).all()
    alone = best_model_probabilities(mean[..., mask], sd[..., mask])
    np.testing.assert_array_equal(pmf[..., mask], alone)


def test_it_agrees_with_sampling() -> None:
    """400,000 draws: an entry further than 5 standard errors off has probability below 6e-7 each."""
    rng = np.random.default_rng(5)
    mean, sd = np.array([0.9, 0.88, 0.7, 0.95]), np.array([0.02, 0.1, 0.3, 0.01])
    n = 400_000
    best = (mean + sd * rng.normal(size=(n, 4))).argmax(axis=1)
    seen = np.bincount(best, minlength=4) / n
    pmf = best_model_probabilities(mean, sd)
    assert (np.abs(seen - pmf) < 5.0 * np.sqrt(pmf * (1.0 - pmf) / n)).all()


@pytest.mark.parametrize(
    ("mean", "sd", "what"),
    [
        ([1.0, 2.0], [1.0], "same shape"),
        ([np.nan, 2.0], [1.0, 1.0], "finite"),
        ([1.0, 2.0], [1.0, -1.0], "negative"),
        ([1.0, 2.0], [1.0, np.inf], "finite"),
    ],
)
def test_nonsense_is_refused(mean: list[float], sd: list[float], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        best_model_probabilities(np.array(mean), np.array(sd))


def test_a_row_with_nothing_eligible_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        best_model_probabilities(np.zeros((1, 2)), np.ones((1, 2)), np.zeros((1, 2), np.bool_))


def test_thompson_zeroes_then_renormalises_then_mixes_the_floor() -> None:
    mean = np.array([[1.0, 0.9, 0.0, 5.0]])
    sd = np.array([[0.1, 0.1, 0.18, 0.1]])
    eligible = np.array([[True, True, True, False]])
    best = best_model_probabilities(mean, sd, eligible)
    assert 0.0 < best[0, 2] < NEGLIGIBLE
    bare = thompson_pmf(mean, sd, eligible)
    assert bare[0, 2] == 0.0
    assert bare.sum() == pytest.approx(1.0, abs=1e-15)
    assert bare[0, 0] / bare[0, 1] == pytest.approx(best[0, 0] / best[0, 1], rel=1e-12)
    mixed = thompson_pmf(mean, sd, eligible, 0.3)
    np.testing.assert_allclose(mixed[0], [0.7 * bare[0, 0] + 0.1, 0.7 * bare[0, 1] + 0.1, 0.1, 0.0])
