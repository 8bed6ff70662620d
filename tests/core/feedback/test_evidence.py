"""Sums reweighed by cell: exact where the outcomes of a cell share what is done to them."""

from __future__ import annotations

import numpy as np

from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.evidence import believed
from banditroute.core.posterior import SufficientStats, empty_stats

K, C, D, CENTER = 3, 2, 5, 0.9


def outcomes(seed: int, n: int = 400) -> tuple[Ints, Ints, Floats, Floats]:
    """Model rows, classes, vectors `(n, d)` (one, classes one-hot, two features) and values."""
    rng = np.random.default_rng(seed)
    rows, cls = rng.integers(0, K, n), rng.integers(0, C, n)
    x = np.column_stack([np.ones(n), np.eye(C)[cls], rng.normal(size=(n, D - 1 - C))])
    return rows, cls, x, 0.8 + 0.1 * rng.normal(size=n)


def sums(rows: Ints, cls: Ints, x: Floats, y: Floats, weights: Floats | None = None) -> SufficientStats:
    stats = empty_stats(K, C, D)
    n = len(rows)
    kernels.observe_many(
        stats.xx, stats.xy, stats.cells, rows, cls, np.ascontiguousarray(x), np.arange(n), y,
        np.ones(n) if weights is None else weights, CENTER, 0.0,
    )  # fmt: skip
    return stats


def assert_alike(one: SufficientStats, other: SufficientStats, *, tolerance: float = 1e-9) -> None:
    for a, b in ((one.xx, other.xx), (one.xy, other.xy), (one.cells, other.cells)):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_full_belief_changes_nothing_but_rounding() -> None:
    stats = sums(*outcomes(0))
    assert_alike(believed(stats, np.ones((K, C)), np.zeros((K, C))), stats)


def test_one_share_for_all_cells_of_a_model_is_a_weight_on_its_outcomes() -> None:
    rows, cls, x, y = outcomes(1)
    share = np.array([0.2, 0.5, 1.0])
    mine = believed(sums(rows, cls, x, y), np.repeat(share[:, None], C, axis=1), np.zeros((K, C)))
    assert_alike(mine, sums(rows, cls, x, y, share[rows]))


def test_a_shift_is_as_if_every_outcome_had_been_raised() -> None:
    """Exact for the means of cells and their squares; for features, to what they vary by within a cell."""
    rows, cls, x, y = outcomes(2)
    shift = 0.1 * np.arange(K * C).reshape(K, C)
    mine, theirs = (
        believed(sums(rows, cls, x, y), np.ones((K, C)), shift),
        sums(rows, cls, x, y + shift[rows, cls]),
    )
    assert_alike(mine, theirs)


def test_shares_by_cell_keep_the_means_of_cells_and_weigh_them() -> None:
    rows, cls, x, y = outcomes(3)
    share = np.array([[1.0, 0.1], [0.0, 1.0], [0.3, 0.7]])
    whole, mine = sums(rows, cls, x, y), believed(sums(rows, cls, x, y), share, np.zeros((K, C)))
    places = np.arange(1, 1 + C)
    number, level = mine.xx[:, places, places], mine.xy[:, places]
    np.testing.assert_allclose(number, share * whole.xx[:, places, places], atol=1e-9)
    np.testing.assert_allclose(level, share * whole.xy[:, places], atol=1e-9)
    np.testing.assert_allclose(mine.cells, share[:, :, None] * whole.cells, atol=1e-9)
    assert (np.linalg.eigvalsh(mine.xx) > -1e-9).all()
