"""What judges add to the direct sums: neither more nor less than they know."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core.base import Floats
from banditroute.core.feedback.calibration import Doubt, calibrate
from banditroute.core.feedback.instruments import empty_instrument
from banditroute.core.feedback.measurement import measured, with_judges
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats, fit
from tests.core.feedback.judged_worlds import CENTER, JudgedWorld, believed_cells, drawn, heard, outcomes

K, C = 4, 3


def test_that_judge_and_people_differ_is_no_noise() -> None:
    """A judge without pairs, .4 off: a model's outcomes do not vary more for that."""
    rng = np.random.default_rng(14)
    world = JudgedWorld(np.full((K, C), 0.5), np.full((K, C), 0.4), sd=0.3)
    answers = world.answers(rng, 1_000, 0.05)
    direct, instrument = heard(K, C, answers)
    alone = empty_instrument(K, C, C + 2)
    both = with_judges(direct, {"j": type(alone)(instrument.judged, alone.pairs)}, CENTER, 0.05)
    prior = FactorPrior(CENTER, 0.05, logarithmic=False)
    noise = [fit(sums, prior, np.full(K, np.nan)).noise for sums in (direct, both)]
    assert np.abs(both.xy[:, 0] / both.xx[:, 0, 0] - direct.xy[:, 0] / direct.xx[:, 0, 0]).max() > 0.01
    assert (noise[1] < 1.08 * noise[0]).all()  # counted as noise: 1.17 to 1.32


def _joint(
    direct: SufficientStats, pairs: Floats, judged: SufficientStats, noise: float
) -> tuple[Floats, Floats]:
    """Mean and covariance of q of every class of the only model, by the whole joint normal distribution of
    (q_g, η_g, A): the slow way."""
    instrument = empty_instrument(1, C, C + 2)
    found = calibrate(type(instrument)(judged, pairs), noise)
    lam, beta = found.slope, found.within
    away = judged.xy[0, 0] / judged.xx[0, 0, 0] - found.middle
    doubt = found.offset_variance[0] + (found.slope_sd * away / lam) ** 2
    precision, right = np.zeros((2 * C + 1, 2 * C + 1)), np.zeros(2 * C + 1)

    def observed(weights: Floats, value: float, by: float) -> None:
        nonlocal precision, right
        precision += by * np.outer(weights, weights)
        right += by * value * weights

    unit = np.eye(2 * C + 1)
    observed(unit[-1], found.offset[0], 1.0 / doubt)
    for g in range(C):
        observed(unit[C + g], 0.0, 1.0 / found.class_variance)
        if n := direct.xx[0, 1 + g, 1 + g]:
            observed(unit[g], direct.xy[0, 1 + g] / n, n / noise)
        if n := pairs[0, g, 0]:
            seen = pairs[0, g, 1] / n - beta * pairs[0, g, 2] / n
            observed(unit[-1] + unit[C + g] + (lam - beta) * unit[g], seen, n / found.residual)
        if n := judged.xx[0, 1 + g, 1 + g]:
            observed(unit[-1] + unit[C + g] + lam * unit[g], judged.xy[0, 1 + g] / n, n / found.score)
    covariance: Floats = np.asarray(np.linalg.inv(precision), np.float64)
    return (covariance @ right)[:C], covariance[:C, :C]


def test_the_closed_form_is_the_joint_posterior() -> None:
    rng = np.random.default_rng(6)
    world = drawn(rng, 1, C, seen=0.5)
    direct, instrument = heard(1, C, world.answers(rng, 200, 0.3))
    noise = 0.04
    sums, share = measured(direct, instrument, calibrate(instrument, noise), CENTER, np.array([noise]))
    mean, covariance = _joint(direct, instrument.pairs, instrument.judged, noise)
    n = direct.xx[0, 1 : 1 + C, 1 : 1 + C].diagonal()
    worth = noise / covariance.diagonal() - n
    level = sums.cells[0, :, 1] / sums.cells[0, :, 2] - CENTER
    np.testing.assert_allclose(level * worth + direct.xy[0, 1 : 1 + C], mean * (n + worth), rtol=1e-9)
    # Together: the information about a common level, of which the direct outcomes have their part.
    precision = np.linalg.inv(covariance)
    together = noise * precision.sum() - n.sum()
    counted = share[0] * instrument.judged.cells[0, :, 2]
    np.testing.assert_allclose(counted.sum(), together, rtol=1e-9)
    np.testing.assert_allclose(counted / worth, counted[0] / worth[0], rtol=1e-9)


def test_scores_become_sums_of_quality_exactly() -> None:
    """Each score J becomes J/λ and its cell's shift: the same sums as of the rows themselves."""
    rng = np.random.default_rng(7)
    world = drawn(rng, K, C)
    answers = world.answers(rng, 400, 0.2)
    direct, instrument = heard(K, C, answers)
    found = calibrate(instrument, 0.04)
    sums, _ = measured(direct, instrument, found, CENTER, np.full(K, 0.04))
    alone = answers.rows(~answers.asked)
    n = sums.cells[..., 2]
    shift = sums.cells[..., 1] / n - (CENTER + instrument.judged.xy[:, 1 : 1 + C] / n / found.slope)
    z = CENTER + (alone.judge - CENTER) / found.slope + shift[alone.model, alone.cls]
    again = outcomes(K, C, alone, z)
    np.testing.assert_allclose(sums.xx, again.xx)
    np.testing.assert_allclose(sums.xy, again.xy, atol=1e-10)
    np.testing.assert_allclose(sums.cells[..., 1:], again.cells[..., 1:])


def test_what_an_uncalibrated_judge_says_never_adds_up_to_more_than_its_doubt() -> None:
    rng = np.random.default_rng(8)
    world = drawn(rng, K, C)
    noise = 0.05
    most = noise / (Doubt().rectifier ** 2 + Doubt().common ** 2)
    worths = []
    for n in (60, 600, 60_000):
        direct, instrument = heard(K, C, world.answers(rng, n, 0.0))
        _, share = measured(direct, instrument, calibrate(instrument, noise), CENTER, np.full(K, noise))
        worths.append((share * instrument.judged.cells[..., 2]).sum(axis=1))
    assert (worths[0] < worths[1]).all()
    assert (worths[2] < most).all()
    assert (worths[2] > 0.4 * most).all()


def test_a_score_counts_for_what_it_can_tell_at_most() -> None:
    """Thumbs beside fine scores: the pairs say more than thumbs alone, but one more answer is one answer."""
    rng = np.random.default_rng(15)
    world = JudgedWorld(np.full((1, 1), 0.7), np.zeros((1, 1)), sd=0.4, judge_sd=0.05, seen=0.0)
    answers = world.answers(rng, 401, 1.0)
    answers.asked[0] = False
    direct, instrument = heard(1, 1, answers)
    found = calibrate(instrument, 0.16, Doubt(common=0.01, rectifier=0.01, cell=0.01))
    _, share = measured(direct, instrument, found, CENTER, np.full(1, 0.16))
    assert share[0, 0] == pytest.approx(found.slope**2 * 0.16 / found.score)


def test_a_judge_that_knows_nothing_adds_nothing() -> None:
    """Scores that have nothing to do with people's: 400 pairs show it, and 20,000 more change nothing."""
    rng = np.random.default_rng(9)
    world = JudgedWorld(drawn(rng, K, C).quality, 0.2 * rng.normal(size=(K, C)), slope=0.0, judge_sd=0.3)
    direct, instrument = heard(K, C, world.answers(rng, 20_400, 0.02))
    alone = believed_cells(direct)
    both = believed_cells(with_judges(direct, {"judge": instrument}, CENTER, 0.05))
    assert (both[1] > 0.85 * alone[1]).all()
    np.testing.assert_allclose(both[0], alone[0], atol=0.02)


def test_no_judge_leaves_every_bit() -> None:
    rng = np.random.default_rng(10)
    direct, _ = heard(K, C, drawn(rng, K, C).answers(rng, 50, 1.0))
    assert with_judges(direct, {}, CENTER, 0.05) is direct
    assert with_judges(direct, {"judge": empty_instrument(K, C, C + 2)}, CENTER, 0.05) is direct


def test_a_judge_alone_is_doubted_as_far_as_it_is_told_to_be() -> None:
    """No people at all: what the judge's bias may be stays, however many answers it scores."""
    rng = np.random.default_rng(12)
    quality = np.array([[0.9], [0.5]]) + np.zeros((2, C))
    world = JudgedWorld(quality, np.zeros((2, C)), judge_sd=0.1, sd=0.1)
    nobody = empty_stats(2, C, C + 2)
    sds = []
    for n in (300, 30_000):
        _, instrument = heard(2, C, world.answers(rng, n, 0.0))
        for doubt in (Doubt(), Doubt(slope=0.01, common=0.01, rectifier=0.01, cell=0.01)):
            mean, variance = believed_cells(with_judges(nobody, {"j": instrument}, CENTER, 0.05, doubt))
            sds.append(np.sqrt(variance.max()))
            assert (mean[0] > mean[1] + np.sqrt(variance.sum(axis=0))).all()
    assert sds[2] > 0.08  # of the order of the rectifier's sd
    assert sds[2] > 0.8 * sds[0]  # a hundred times the answers
    assert sds[3] < 0.25 * sds[2]
