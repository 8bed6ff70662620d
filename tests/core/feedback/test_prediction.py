"""What prediction-powered means and the alarm for a drifting judge promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.drift import Drift, drift
from banditroute.core.feedback.instruments import pair_terms
from banditroute.core.feedback.prediction import PoweredMeans, powered_means

K = 3
TRUTH = np.array([0.9, 0.8, 0.6])
BIAS = np.array([0.05, -0.1, 0.0])


def judged(rng: np.random.Generator, n: int, worth: float = 0.8) -> tuple[Ints, Floats, Floats]:
    """Models, a judge's scores with a bias per model, and what people would say: skewed, within [0, 1]."""
    model = rng.integers(K, size=n)
    spread = np.minimum(TRUTH, 1.0 - TRUTH)[model] * 0.9
    people = TRUTH[model] + spread * rng.uniform(-1.0, 1.0, n)
    noise = math.sqrt(1.0 - worth**2) * rng.normal(size=n)
    score = TRUTH[model] + BIAS[model] + spread / math.sqrt(3.0) * noise + worth * (people - TRUTH[model])
    return model, score, people


def labels(rng: np.random.Generator, people: Floats, chance: Floats | float) -> Floats:
    return np.where(rng.random(len(people)) < chance, people, np.nan)


def covers(found: PoweredMeans) -> list[bool]:
    inside: list[bool] = ((found.low <= TRUTH) & (found.high >= TRUTH)).tolist()
    return inside


@pytest.mark.parametrize("worth", [0.8, 0.0], ids=["a good judge", "one that knows nothing"])
def test_intervals_hold_the_truth_and_the_judge_does_no_harm(worth: float) -> None:
    """1,000 samples × 3 models with 50 labels each or so. Nominal 95%: below 93.5% or above 96.5% in 1 of
    5,000. Unbiased: |z| < 4, 1 in 5,000 for three means."""
    errors, alone_errors, inside, widths = [], [], [], []
    for run in range(1_000):
        rng = np.random.default_rng([1, run])
        model, score, people = judged(rng, 2_000, worth)
        asked = labels(rng, people, 0.075)
        found = powered_means(model, score, asked, K)
        alone = powered_means(model, np.zeros(2_000), asked, K)
        errors.append(found.mean - TRUTH)
        alone_errors.append(alone.mean - TRUTH)
        inside += covers(found)
        widths.append((found.high - found.low) / (alone.high - alone.low))
    assert 0.935 <= np.mean(inside) <= 0.965
    mean, sd = np.mean(errors, axis=0), np.std(errors, axis=0)
    assert (np.abs(mean) < 4.0 * sd / math.sqrt(1_000)).all()
    ratio = np.sqrt(np.mean(np.square(errors))) / np.sqrt(np.mean(np.square(alone_errors)))
    assert ratio < (0.75 if worth else 1.02)
    assert np.mean(widths) < (0.75 if worth else 1.02)


def test_probabilities_of_being_asked_are_undone() -> None:
    """Low scores are labelled three times as often: 600 samples, nominal 95%; below 92.5% in 1 of 1,000.
    Without the probabilities the means are far off."""
    inside, plain = [], []
    for run in range(600):
        rng = np.random.default_rng([2, run])
        model, score, people = judged(rng, 3_000)
        chance = np.where(score < np.median(score), 0.15, 0.05)
        asked = labels(rng, people, chance)
        inside += covers(powered_means(model, score, asked, K, probability=chance))
        plain += covers(powered_means(model, np.zeros(3_000), asked, K))
    assert np.mean(inside) >= 0.925
    assert np.mean(plain) < 0.8


def test_everything_labelled_is_the_mean_of_the_labels() -> None:
    """But for the slopes of the folds, which are not quite the same. The variance is the labels', of which
    two degrees of freedom are all models'."""
    model, score, people = judged(np.random.default_rng(3), 300)
    found = powered_means(model, score, people, K)
    number = np.bincount(model)
    own = np.array([people[model == a].var(ddof=1) for a in range(K)])
    common = (own @ (number - 1.0)) / (number - 1.0).sum()
    variance = (2.0 * common + own * (number - 1.0)) / (number + 1.0) / number
    np.testing.assert_allclose(found.se, np.sqrt(variance))
    means = np.array([people[model == a].mean() for a in range(K)])
    assert (np.abs(found.mean - means) < 0.02 * found.se).all()
    assert found.labelled.tolist() == found.scored.tolist() == number.tolist()


def test_equal_scores_are_not_certainty() -> None:
    """Eight thumbs up for one model: the others tell that thumbs vary."""
    model = np.repeat([0, 1], 40)
    people = np.full(80, np.nan)
    people[:8], people[40:48] = 1.0, np.arange(8) % 2
    found = powered_means(model, np.full(80, 0.5), people, 2)
    assert found.mean[0] == 1.0
    assert found.low[0] < 0.9


def test_by_hand() -> None:
    """One label of each fold is corrected by the slope of the others; with one model and a perfect judge the
    slope is the regression's, drawn to 0 by two labels' worth."""
    score = np.arange(40.0) / 40.0
    asked = np.where(np.arange(40) % 4 == 0, score + 0.1, np.nan)
    found = powered_means(np.zeros(40, np.int64), score, asked, 1)
    x = score[::4] - score.mean()
    total = 0.0
    for i in range(10):
        others = np.delete(x, i)
        square = ((others - others.mean()) ** 2).sum()
        pooled = square / (square + 2.0 * square / 9)
        slope = (square + 20.0 * square / 9 * pooled) / (square + 20.0 * square / 9)
        total += score[4 * i] + 0.1 - slope * x[i]
    assert found.mean[0] == pytest.approx(total / 10)


def test_a_slope_of_each_models_own() -> None:
    rng = np.random.default_rng(4)
    model = rng.integers(2, size=4_000)
    score = rng.random(4_000)
    people = np.where(model == 0, 0.2, 0.8) * score + 0.05 * rng.normal(size=4_000)
    found = powered_means(model, score, labels(rng, people, 0.2), 2)
    np.testing.assert_allclose(found.slope, [0.2, 0.8], atol=0.04)


def test_what_cannot_be_said() -> None:
    model = np.array([0, 0, 1, 1, 2])
    score = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    found = powered_means(model, score, np.array([0.2, 0.4, 0.3, np.nan, np.nan]), 4)
    assert found.mean[0] == pytest.approx(0.3)
    assert math.isfinite(found.high[0])
    assert found.se[1] == math.inf
    assert math.isnan(found.mean[2])
    assert math.isnan(found.low[3])
    nobody = powered_means(model, score, np.full(5, np.nan), 3)
    assert np.isnan(nobody.mean).all()
    with pytest.raises(ValueError, match="leave out those that have none"):
        powered_means(model, np.array([0.1, np.nan, 0.3, 0.4, 0.5]), score, 3)
    for wrong in (0.0, 1.5, np.nan):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            powered_means(model, score, score, 3, probability=np.full(5, wrong))


def blocks(rng: np.random.Generator, number: int, per: int, at: int, judge: float, model: float) -> Floats:
    """Sums of pairs of 6 cells, each with a bias of its own, of which the shares change; before block `at`
    scores are lower by `judge`, and answers worse by `model`."""
    sums = np.zeros((number, 6, 6))
    bias, quality = 0.1 * rng.normal(size=6), 0.7 + 0.1 * rng.normal(size=6)
    for b in range(number):
        shares = np.roll([0.5, 0.1, 0.1, 0.1, 0.1, 0.1], b // 15)
        cell = rng.choice(6, rng.poisson(per), p=shares)
        people = (rng.random(len(cell)) < quality[cell] + model * (b >= at)).astype(np.float64)
        score = people + bias[cell] + judge * (b >= at) + 0.2 * rng.normal(size=len(cell))
        np.add.at(sums[b], cell, pair_terms(score, people, 0.8))
    return sums


def first_alarm(sums: Floats, between: float) -> tuple[int, Drift | None]:
    """How many blocks had been seen when it was raised, looking after every block; 0 if never."""
    for seen in range(2, len(sums) + 1):
        found = drift(sums[:seen], 1.0, between)
        if found is not None and found.alarm:
            return seen, found
    return 0, None


@pytest.mark.parametrize(
    ("per", "model"), [(20, 0.0), (3, 0.0), (20, 0.15)], ids=["many", "few", "better models"]
)
def test_a_judge_that_stays_the_same_raises_no_alarm(per: int, model: float) -> None:
    """100 courses of 40 blocks, looked at after every block, at most 1 alarm in 400 blocks: at most 10 are
    expected, measured 0 to 3. More than 10 has a chance of 40% at the bound and 1 in 1,000 at 3."""
    raised = [
        first_alarm(blocks(np.random.default_rng([5, per, run]), 40, per, 20, 0.0, model), 400.0)[0]
        for run in range(100)
    ]
    assert sum(at > 0 for at in raised) <= 10


def test_a_judge_that_changes_is_found() -> None:
    """50 courses of 40 blocks of 20 pairs; half-way scores rise by .1, half a sd of the residual: found
    within 10 blocks in most, with its size and its time."""
    found = [
        first_alarm(blocks(np.random.default_rng([6, run]), 40, 20, 20, 0.1, 0.0), 400.0) for run in range(50)
    ]
    late = [(seen, alarm) for seen, alarm in found if alarm is not None and seen > 20]
    assert len(late) >= 45
    assert np.median([seen for seen, _ in late]) <= 30
    assert np.mean([abs(alarm.since - 20) <= 3 for _, alarm in late]) > 0.8
    assert np.mean([alarm.low < 0.1 < alarm.high for _, alarm in late]) > 0.8


def test_nothing_to_compare_is_no_evidence() -> None:
    sums = blocks(np.random.default_rng(7), 3, 10, 9, 0.0, 0.0)
    assert drift(sums[:1], 1.0, 100.0) is None
    assert drift(np.zeros((5, 6, 6)), 1.0, 100.0) is None
    apart = sums[:2].copy()
    apart[0, 3:] = apart[1, :3] = 0.0
    assert drift(apart, 1.0, 100.0) is None
    quiet = drift(sums, 1.0, 1e6)
    assert quiet is not None
    assert not quiet.alarm
    assert quiet.evidence < 0.0


def test_the_order_of_cells_does_not_matter() -> None:
    sums = blocks(np.random.default_rng(8), 12, 20, 6, 0.2, 0.0)
    one, other = drift(sums, 1.0, 100.0), drift(sums[:, ::-1], 1.0, 100.0)
    assert one is not None
    assert other is not None
    assert one.evidence == pytest.approx(other.evidence)
    assert one.since == other.since == 6
