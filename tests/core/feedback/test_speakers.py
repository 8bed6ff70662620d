"""Speakers: sums that forget nothing but what is taken back."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core.feedback.speakers import (
    adjustment,
    buckets,
    no_speakers,
    observe,
    with_nobody,
)
from tests.core.feedback.crowds import TRUST, C, K, crowd_of


def test_sums_do_not_depend_on_order_or_batches_and_forget_what_is_taken_back() -> None:
    crowd = crowd_of(1, 500)
    rng, n, ones = np.random.default_rng(2), 500, np.ones(500)
    whole = crowd.speakers
    parts = no_speakers(K, C)
    order = rng.permutation(n)
    for part in np.array_split(order, 7):
        names = [crowd.names[i] for i in part]
        parts = observe(parts, names, crowd.rows[part], crowd.classes[part], crowd.said[part], ones[part])
    assert np.array_equal(parts.key, whole.key)
    assert parts.names == whole.names
    np.testing.assert_allclose(parts.sums, whole.sums, rtol=1e-12, atol=1e-12)
    first, rest = slice(0, 200), slice(200, None)
    less = observe(
        whole, crowd.names[first], crowd.rows[first], crowd.classes[first], crowd.said[first], -ones[first]
    )
    only = observe(
        no_speakers(K, C),
        crowd.names[rest],
        crowd.rows[rest],
        crowd.classes[rest],
        crowd.said[rest],
        ones[rest],
    )
    assert np.array_equal(less.key, only.key)
    assert less.names == only.names
    np.testing.assert_allclose(less.sums, only.sums, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(adjustment(less, TRUST).shift, adjustment(only, TRUST).shift, atol=1e-9)


def test_memory_is_bounded_however_many_speak() -> None:
    for k, c in ((2, 2), (6, 7), (64, 40)):
        most = buckets(k, c) * k * c * 32
        assert most <= max(8 * 2**20, 64 * k * c * 32)
    crowd = no_speakers(2, 2)
    among = buckets(2, 2)
    names = [f"user-{i}" for i in range(2 * among)]
    zero = np.zeros(len(names), np.int64)
    crowd = observe(crowd, names, zero, zero, np.full(len(names), 0.5), np.ones(len(names)))
    assert len(crowd.key) <= among
    assert crowd.sums[:, 0].sum() == len(names)


def test_what_nobody_in_particular_said_is_what_is_left() -> None:
    crowd = crowd_of(3, 400, people=5)
    named = np.arange(400) < 300
    part = observe(
        no_speakers(K, C), crowd.names[:300], crowd.rows[named], crowd.classes[named], crowd.said[named],
        np.ones(300),
    )  # fmt: skip
    mean, number = crowd.means(crowd.said)
    square = crowd.means(crowd.said**2)[0]
    every = with_nobody(part, number * 1.0, number * mean, number * square)
    belief = adjustment(every, TRUST)
    assert belief.count.sum() == pytest.approx(400)
    assert belief.count[-1] == pytest.approx(100)
    assert belief.weight[-1] == 1.0
    whole = with_nobody(crowd.speakers, number * 1.0, number * mean, number * square)
    assert np.array_equal(whole.key, crowd.speakers.key)  # nothing is left but rounding
