"""The blend by itself: cells are weighed as outcomes would be, and two fits are mixed by their moments."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core import blend, kernels
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats, fit

K, C = 4, 3
EXPECTED = FactorPrior(0.7, 0.05, False)


@pytest.fixture(scope="module")
def past() -> SufficientStats:
    """Sums of 800 requests in three of four classes, with two features."""
    rng = np.random.default_rng(3)
    sums = empty_stats(K, C + 1, C + 4)
    cls, x = rng.integers(0, C, 800), np.zeros((800, C + 4))
    x[:, 0] = x[np.arange(800), 1 + cls] = 1.0
    x[:, C + 2 :] = rng.normal(size=(800, 2))
    for a in range(K):
        values = 0.6 + 0.1 * a + 0.05 * cls - 0.03 * x[:, C + 2] + 0.12 * rng.normal(size=800)
        kernels.observe_many(
            sums.xx, sums.xy, sums.cells, np.full(800, a), cls, x, np.arange(800), values,
            np.ones(800), 0.7, 0.0,
        )  # fmt: skip
    return sums


def test_the_compiled_weighing_of_cells_is_the_weighing_of_outcomes(past: SufficientStats) -> None:
    """With every cell counting alike, history blends in as plain sums would."""
    none = empty_stats(K, C + 1, C + 4)
    out = empty_stats(K, C + 1, C + 4)
    blend.blend(
        none.xx, none.xy, none.cells, 1.0, past.xx, past.xy, past.cells,
        np.full((K, C + 1), 0.25), out.xx, out.xy, out.cells,
    )  # fmt: skip
    for blended, plain in ((out.xx, past.xx), (out.xy, past.xy), (out.cells, past.cells)):
        np.testing.assert_allclose(blended, 0.25 * plain, atol=1e-9)
    shares = np.array([[0.5, 0.1, 0.9, 1.0]] * K)
    blend.blend(
        none.xx, none.xy, none.cells, 1.0, past.xx, past.xy, past.cells,
        shares, out.xx, out.xy, out.cells,
    )  # fmt: skip
    for g in range(C):
        assert out.xx[0, 1 + g, 1 + g] == pytest.approx(shares[0, g] * past.xx[0, 1 + g, 1 + g])
        assert out.xy[0, 1 + g] == pytest.approx(shares[0, g] * past.xy[0, 1 + g])
    assert np.linalg.eigvalsh(out.xx[0]).min() > -1e-9
    assert out.xx[0, 0, 0] == pytest.approx(out.xx[0].diagonal()[1 : 1 + C].sum())


def test_the_mixture_has_the_moments_of_both_fits(past: SufficientStats) -> None:
    """Contrasts of models: the mean is that of the two fits, the variance adds what they differ by."""
    sums, expected, declared = empty_stats(K, C + 1, C + 4), EXPECTED, np.full(K, np.nan)
    cold = fit(sums, expected, declared)
    warm, mixed, half = (fit(sums, expected, declared, 1.0, past, 300.0, p) for p in (1.0, 0.9, 0.5))
    for fitted, p in ((mixed, 0.9), (half, 0.5)):
        np.testing.assert_allclose(fitted.theta, p * warm.theta + (1.0 - p) * cold.theta, atol=1e-12)
        apart = warm.theta - cold.theta
        apart = apart - apart.mean(axis=0)
        between = p * (1.0 - p) * apart[:, :, None] * apart[:, None, :]
        np.testing.assert_allclose(
            fitted.covariance, p * warm.covariance + (1.0 - p) * cold.covariance + between, atol=1e-12
        )
