"""Mending what volunteers say: by hand, and where it must not be done."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from banditroute.core.base import Floats, Ints
from banditroute.reports import quality_volunteers
from banditroute.reports.quality_volunteers import FEW, Answers, mended_means


def answers(people: Floats, score: Floats, cls: Ints | None = None, probability: float = 1.0) -> Answers:
    n = len(people)
    zeros = np.zeros(n, np.int64)
    return Answers(zeros, zeros if cls is None else cls, np.arange(n), people, score, np.full(n, probability))


def test_by_hand() -> None:
    """Thumbs, and a judge who sees what people see: of 60 good answers 30 were scored, of 40 bad ones 30. The
    odds of a score are 1 to a good one and 3 to a bad one."""
    quality = np.repeat([1.0, 0.0], [60, 40])
    people = quality.copy()
    people[30:60] = np.nan
    people[90:] = np.nan
    found = mended_means(answers(people, quality), np.zeros(100, np.int64), 1)
    assert found.gamma == pytest.approx(-math.log(3.0))
    assert found.mean[0] == pytest.approx(0.6)
    # Every answer is known through the judge: what is left is the chance of a sample of 100.
    assert (found.high[0] - found.low[0]) / 2 == pytest.approx(2.0 * math.sqrt(0.6 * 0.4 / 100), rel=0.08)


def test_the_scale_and_the_bias_of_the_judge_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    quality = rng.beta(4.0, 2.0, 800)
    people = np.where(rng.random(800) < 1.0 / (1.0 + np.exp(3.0 * quality - 1.0)), quality, np.nan)
    score = quality + 0.1 * rng.normal(size=800)
    one = mended_means(answers(people, score), np.zeros(800, np.int64), 1)
    other = mended_means(answers(people, 7.0 + 0.3 * score), np.zeros(800, np.int64), 1)
    np.testing.assert_allclose([one.mean, one.low, one.high], [other.mean, other.low, other.high])
    assert one.mean[0] == pytest.approx(quality.mean(), abs=0.04)
    assert abs(np.nanmean(people) - quality.mean()) > 0.05


@pytest.mark.parametrize("score", ["nothing", "against", "few"])
def test_what_identifies_nothing_is_left_alone(score: str) -> None:
    """Whoever scores no answer, or the bad ones higher, or too few, tells nothing of who answers."""
    rng = np.random.default_rng(1)
    quality = rng.random(300)
    people = np.where(rng.random(300) < 0.5, quality, np.nan)
    said = {
        "nothing": np.full(300, np.nan),
        "against": 1.0 - quality,
        "few": np.where(np.arange(300) < 6, 0.5, np.nan),
    }[score]
    found = mended_means(answers(people, said), np.zeros(300, np.int64), 1)
    assert not found.identified
    assert found.gamma == 0.0
    assert found.mean[0] == pytest.approx(np.nanmean(people), abs=0.03)
    assert found.low[0] < quality.mean() < found.high[0]


def test_small_cells_are_taken_together_and_parts_of_them_have_no_mean() -> None:
    rng = np.random.default_rng(2)
    cls = np.repeat([0, 1, 2], [200, 200, 30])
    people = np.where(rng.random(430) < np.repeat([0.5, 0.5, 0.1], [200, 200, 30]), rng.random(430), np.nan)
    assert np.count_nonzero(~np.isnan(people[400:])) < FEW
    given = answers(people, np.full(430, np.nan), cls)
    whole = mended_means(given, np.zeros(430, np.int64), 1)
    cells = mended_means(given, cls, 3)
    assert math.isfinite(whole.mean[0])
    assert np.isfinite(cells.mean).sum() == 1, "the small cell went with the larger of the others"
    assert math.isnan(cells.mean[2])


def test_silence_is_no_mean() -> None:
    found = mended_means(answers(np.full(50, np.nan), np.full(50, 0.5)), np.zeros(50, np.int64), 1)
    assert np.isnan(found.mean[0])
    assert not found.identified


def test_equal_scores_are_not_certainty() -> None:
    """Twelve thumbs up for one model: the other's tell that thumbs vary."""
    model = np.repeat([0, 1], 60)
    people = np.full(120, np.nan)
    people[:12], people[60:72] = 1.0, np.arange(12) % 2
    given = Answers(
        model, np.zeros(120, np.int64), np.arange(120), people, np.full(120, np.nan), np.ones(120)
    )
    found = mended_means(given, model, 2)
    assert found.mean[0] == 1.0
    assert found.low[0] < 0.95


def thumbs(seed: int, models: int, judged: float = 1.0) -> Answers:
    """Answers of which one in six or so is scored, bad ones rather; the judge scores most or all."""
    rng = np.random.default_rng([3, seed])
    model = rng.integers(0, models, 2_000)
    quality = rng.beta(4.0 + model, 2.0)
    people = np.where(rng.random(2_000) < 1.0 / (1.0 + np.exp(2.0 * quality + 0.3)), quality, np.nan)
    score = np.where(rng.random(2_000) < judged, quality + 0.1 * rng.normal(size=2_000), np.nan)
    zeros = np.zeros(2_000, np.int64)
    return Answers(model, zeros, np.arange(2_000), people, score, np.full(2_000, judged))


def test_a_judge_of_everything_makes_intervals_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 logs of 3 models: the tuned means are nearer, their intervals shorter by a tenth; in 300 they hold
    the truth no less (nominal 95%: below 91% in under 1 of 1,000)."""
    truth = np.array([(4.0 + a) / (6.0 + a) for a in range(3)])
    tuned = [mended_means(given := thumbs(seed, 3), given.model, 3) for seed in range(100)]
    monkeypatch.setattr(quality_volunteers, "_power", lambda _: 0.0)
    plain = [mended_means(given := thumbs(seed, 3), given.model, 3) for seed in range(100)]
    width = [np.mean([one.high - one.low for one in found]) for found in (tuned, plain)]
    error = [np.mean([(one.mean - truth) ** 2 for one in found]) for found in (tuned, plain)]
    assert width[0] < 0.93 * width[1]
    assert error[0] < 0.9 * error[1]
    assert np.mean([(one.low <= truth) & (truth <= one.high) for one in tuned]) > 0.91


def test_one_model_leaves_nothing_over_to_tune_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """γ takes it all: the interval is the one without tuning."""
    given = thumbs(1, 1, judged=0.4)
    tuned = mended_means(given, given.model, 1)
    monkeypatch.setattr(quality_volunteers, "_power", lambda _: 0.0)
    plain = mended_means(given, given.model, 1)
    assert tuned.identified
    np.testing.assert_allclose([tuned.mean, tuned.low], [plain.mean, plain.low], rtol=1e-6)


def test_an_answer_judged_with_half_the_chance_counts_twice() -> None:
    given = thumbs(2, 1, judged=0.5)
    twice = np.arange(2_000) % 3 == 0
    halved = replace(given, probability=np.where(twice, 0.25, 0.5))
    rows = np.concatenate([np.arange(2_000), np.flatnonzero(twice)])
    doubled = Answers(
        given.model[rows], given.cls[rows], given.unit[rows], given.people[rows], given.score[rows],
        given.probability[rows],
    )  # fmt: skip
    one, other = (mended_means(a, a.model, 1) for a in (halved, doubled))
    assert one.gamma == pytest.approx(other.gamma, rel=1e-6)
    assert one.gamma_sd == pytest.approx(other.gamma_sd, rel=1e-6)
    assert one.gamma != pytest.approx(mended_means(given, given.model, 1).gamma, rel=1e-3)
