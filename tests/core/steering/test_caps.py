"""Bounded probabilities: exact, nothing lost, and the same when done twice."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core.steering.caps import Group, capped, greedy, kept


def cap_one(
    pmf: list[float], groups: list[tuple[list[int], float]], fit: list[int] | None = None
) -> list[float]:
    whole = list(range(len(pmf)))
    return capped(pmf, whole if fit is None else fit, [(tuple(who), cap) for who, cap in groups])


def test_the_excess_goes_to_the_others_in_proportion() -> None:
    assert cap_one([0.6, 0.3, 0.06, 0.04], [([0, 1], 0.6)]) == pytest.approx([0.4, 0.2, 0.24, 0.16])
    assert cap_one([0.9, 0.1, 0.0, 0.0], [([0, 1], 0.6)]) == pytest.approx([0.54, 0.06, 0.2, 0.2])
    assert cap_one([0.9, 0.1, 0.0, 0.0], [([0, 1], 0.6)], [0, 1, 3]) == pytest.approx([0.54, 0.06, 0.0, 0.4])
    assert cap_one([0.2, 0.3, 0.5, 0.0], [([0], 0.0)]) == pytest.approx([0.0, 0.375, 0.625, 0.0])


def test_where_nobody_else_may_serve_a_cap_does_not_bind() -> None:
    assert cap_one([0.7, 0.3, 0.0, 0.0], [([0, 1], 0.6)], [0, 1]) == pytest.approx([0.7, 0.3, 0.0, 0.0])
    both = cap_one([0.5, 0.5, 0.0, 0.0], [([0], 0.3), ([1], 0.3)], [0, 1])
    assert both == pytest.approx([0.5, 0.5, 0.0, 0.0])
    third = cap_one([0.5, 0.5, 0.0, 0.0], [([0], 0.3), ([1], 0.3)], [0, 1, 2])
    assert third == pytest.approx([0.3, 0.3, 0.4, 0.0])


def test_a_full_group_takes_nothing_from_others() -> None:
    nested = [([0], 0.1), ([0, 1], 0.6)]
    assert cap_one([0.5, 0.4, 0.1, 0.0], nested) == pytest.approx([0.1, 0.4, 0.5, 0.0])
    assert cap_one([0.3, 0.2, 0.5, 0.0], nested) == pytest.approx([0.1, 0.2 * 9 / 7, 0.5 * 9 / 7, 0.0])
    assert cap_one([0.05, 0.9, 0.05, 0.0], nested) == pytest.approx([0.6 / 19, 10.8 / 19, 0.4, 0.0])
    spilled = cap_one([0.8, 0.15, 0.05, 0.0], [([0], 0.2), ([1], 0.3)])
    assert spilled == pytest.approx([0.2, 0.3, 0.5, 0.0])


def test_within_caps_not_a_bit_moves() -> None:
    pmf = [0.1, 0.2, 0.3, 0.4]
    assert cap_one(pmf, [([0, 1], 0.6)]) == pmf
    assert cap_one(pmf, []) == pmf


def pool(rng: np.random.Generator, k: int = 7) -> tuple[list[float], list[int], list[Group]]:
    """A request as it may come: some models not eligible, some with no probability; some with a cap of their
    own, and two tiers."""
    eligible = rng.random(k) < 0.8
    eligible[rng.integers(0, k)] = True
    some = eligible * rng.dirichlet(np.full(k, 0.3)) * (rng.random(k) < 0.8)
    pmf = np.where(some.sum() > 0.0, some, eligible)
    tier = rng.integers(0, 3, k)
    members = [(a,) for a in range(k)] + [tuple(np.flatnonzero(tier == t).tolist()) for t in (0, 1)]
    groups = [(own, float(rng.random())) for own in members if rng.random() < 0.4]
    return (pmf / pmf.sum()).tolist(), np.flatnonzero(eligible).tolist(), groups


def test_any_mixture_of_caps_is_exact_and_idempotent() -> None:
    rng, met = np.random.default_rng(0), 0
    for _ in range(3_000):
        pmf, eligible, groups = pool(rng)
        once = capped(pmf, eligible, groups)
        assert sum(once) == pytest.approx(1.0, abs=1e-12)
        assert min(once) >= 0.0
        assert not any(once[a] for a in range(7) if a not in eligible)
        assert capped(once, eligible, groups) == once
        shares = [sum(once[a] for a in members) for members, _ in groups]
        full = {
            a for (own, cap), share in zip(groups, shares, strict=True) if share > cap - 1e-9 for a in own
        }
        over = [own for (own, cap), share in zip(groups, shares, strict=True) if share > cap + 1e-9]
        assert all(a in full for a in eligible) or not over  # only where nobody could take it
        met += not over and once != pmf
    assert met > 300  # and caps did bind where they could


def test_a_model_keeps_its_share() -> None:
    assert kept([0.9, 0.1, 0.0], 2, 0.05) == pytest.approx([0.855, 0.095, 0.05])
    once = kept([0.02, 0.49, 0.49], 0, 0.05)
    assert once == pytest.approx([0.05, 0.475, 0.475])
    assert kept(once, 0, 0.05) == once
    assert kept(once, 0, 0.01) == once


def test_greedy_takes_the_best_that_is_left_and_shares_ties() -> None:
    assert greedy([1.0, 3.0, 2.0], [0, 2]) == [0.0, 0.0, 1.0]
    assert greedy([1.0, 1.0, 0.0], [0, 1, 2]) == [0.5, 0.5, 0.0]
