"""The simulated world: keyed luck, and a truth that the samples agree with."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from scipy.special import ndtri

from banditroute.core.base import Floats, Ints
from banditroute.types import Weights
from banditroute.upstream.keyed import normals, request_keys, subject_key, uniforms
from banditroute.upstream.simulated import SimulatedWorld, _capped_mean

WORLD = SimulatedWorld(seed=7)


def test_scalar_outcomes_equal_the_matrix() -> None:
    matrix = WORLD.outcomes(40)
    for index in (39, 0, 17):
        for column, model in reversed(list(enumerate(WORLD.models))):
            one = astuple(WORLD.outcome(index, model.id))
            many = [
                field[index, column]
                for field in (
                    matrix.quality,
                    matrix.usd,
                    matrix.seconds,
                    matrix.ttft_seconds,
                    matrix.output_tokens,
                    matrix.error,
                    matrix.feedback_arrives,
                )
            ]
            many[3] = None if np.isnan(many[3]) else many[3]
            assert one == pytest.approx(tuple(many), rel=1e-13, abs=0)


def test_requests_do_not_depend_on_how_many_are_asked_for() -> None:
    many = WORLD.requests(500)
    some = WORLD.requests(np.array([499, 3]))
    assert some.request_class.tolist() == many.request_class[[499, 3]].tolist()
    assert some.difficulty.tolist() == many.difficulty[[499, 3]].tolist()
    request = WORLD.request(499)
    assert request.request_class == WORLD.classes[many.request_class[499]]
    assert request.input_tokens == many.input_tokens[499]
    assert request == WORLD.request(499)


def test_adding_or_reordering_models_changes_nobodys_luck() -> None:
    fewer = SimulatedWorld(seed=7, profiles=tuple(reversed(WORLD.profiles[:3])))
    for model in fewer.models:
        assert fewer.outcome(5, model.id) == WORLD.outcome(5, model.id)


def test_another_seed_is_another_world() -> None:
    other = SimulatedWorld(seed=8).outcomes(200)
    assert np.mean(other.quality == WORLD.outcomes(200).quality) < 0.05


def test_keyed_uniforms_are_uniform_and_unrelated() -> None:
    """Seeded. Each of the ten correlations and the chi-square would fail by chance once in 10,000 seeds."""
    n = 20_000
    keys = request_keys(3, np.arange(n))
    a, b = subject_key("gpt-4o"), subject_key("claude-sonnet")
    draws = np.stack([uniforms(keys, subject, stream) for subject in (a, b) for stream in (0, 1)])
    draws = np.concatenate([draws, np.roll(draws[:1], 1, axis=1)])
    off_diagonal = np.corrcoef(draws)[np.triu_indices(5, 1)]
    assert np.abs(off_diagonal).max() < 3.89 / np.sqrt(n)
    counts = np.bincount((draws[0] * 100).astype(int), minlength=100)
    assert ((counts - n / 100) ** 2 / (n / 100)).sum() < 160.1
    assert draws.min() > 0
    assert draws.max() < 1
    assert abs(normals(keys, a, 2).std() - 1) < 3.89 / np.sqrt(2 * n)


def test_sample_means_agree_with_the_truth() -> None:
    """108 means (6 models x 6 classes x 3 factors), each within 4.5 standard errors of its truth.

    By chance one of them fails in 108 x 6.8e-6 = 0.07% of seeds; the seed is fixed.
    """
    n = 120_000
    requests, outcomes, truth = WORLD.requests(n), WORLD.outcomes(n), WORLD.truth()
    for g in range(len(WORLD.classes)):
        mine = requests.request_class == g
        for drawn, expected in (
            (outcomes.quality, truth.quality),
            (outcomes.usd, truth.usd),
            (outcomes.seconds, truth.seconds),
        ):
            sample = drawn[mine]
            error = sample.std(axis=0, ddof=1) / np.sqrt(mine.sum())
            assert (np.abs(sample.mean(axis=0) - expected[:, g]) < 4.5 * error).all()


@pytest.mark.parametrize("limit", [60.0, 100.0, 250.0, 1e6])
def test_the_mean_of_a_cut_log_normal(limit: float) -> None:
    """The world's limits seldom cut, so the closed form is held against a sum over 400,000 quantiles here."""
    median, sd = 100.0, 0.35
    quantiles = (np.arange(400_000) + 0.5) / 400_000
    drawn = median * np.exp(sd * ndtri(quantiles))
    assert float(_capped_mean(np.array(median), sd, limit)) == pytest.approx(
        np.minimum(drawn, limit).mean(), rel=1e-5
    )


def test_outcomes_are_well_formed() -> None:
    n = 20_000
    requests, outcomes = WORLD.requests(n), WORLD.outcomes(n)
    failed = outcomes.error
    assert 0 < failed.mean() < 0.02
    assert (outcomes.quality[failed] == 0).all()
    assert (outcomes.usd[failed] == 0).all()
    assert np.isnan(outcomes.ttft_seconds[failed]).all()
    assert ((outcomes.quality[~failed] > 0) & (outcomes.quality[~failed] < 1)).all()
    assert (outcomes.usd[~failed] > 0).all()
    assert (outcomes.seconds[~failed] > outcomes.ttft_seconds[~failed]).all()
    limits = np.array([profile.max_output_tokens for profile in WORLD.class_profiles])
    assert (outcomes.output_tokens <= limits[requests.request_class][:, None]).all()
    rates = np.array([profile.feedback for profile in WORLD.class_profiles])
    assert outcomes.feedback_arrives[:, 0].mean() == pytest.approx(
        rates[requests.request_class].mean(), abs=0.02
    )


def test_routing_is_worth_learning_in_this_world() -> None:
    """At the default weights every model is best somewhere, and the best per class beats any one by far."""
    truth, weights = WORLD.truth(), Weights()
    assert sorted(truth.best(weights).values()) == sorted(model.id for model in WORLD.models)
    shares = np.array([profile.share for profile in WORLD.class_profiles])
    assert shares.sum() == pytest.approx(1)
    utility = truth.utility(weights)
    assert utility.max(axis=0) @ shares > (utility @ shares).max() + 0.04


def _best(utility: Floats, group: Ints) -> float:
    """Mean utility when every group gets the model that is best for it."""
    return sum(utility[group == g].mean(axis=0).max() * (group == g).mean() for g in np.unique(group))


def test_difficulty_truly_matters_and_hurts_cheap_models_more() -> None:
    n = 50_000
    requests, quality = WORLD.requests(n), WORLD.outcomes(n).quality
    drop = quality[requests.difficulty < 0.3].mean(axis=0) - quality[requests.difficulty > 0.7].mean(axis=0)
    by_model = dict(zip((model.id for model in WORLD.models), drop, strict=True))
    assert by_model["gpt-4o-mini"] > 0.1
    assert by_model["gpt-4o-mini"] > 2 * by_model["claude-sonnet"] > 0
    utility = WORLD.outcomes(n).utility(Weights())
    group = requests.request_class
    quarter = np.minimum(4 * requests.difficulty, 3).astype(np.int64)
    by_class, by_both = _best(utility, group), _best(utility, 4 * group + quarter)
    assert by_both > by_class + 0.004
    assert requests.difficulty.mean() == pytest.approx(0.5, abs=0.01)


def test_prompts_are_varied_and_the_demanding_ones_are_longer() -> None:
    requests = [WORLD.request(i) for i in range(400)]
    assert len({request.prompt for request in requests}) > 150
    assert all("{" not in request.prompt for request in requests)
    hard = [len(request.prompt) for request in requests if request.difficulty > 0.65]
    easy = [len(request.prompt) for request in requests if request.difficulty < 0.35]
    assert np.mean(hard) > 1.3 * np.mean(easy)
    assert 0.7 < np.mean([request.states_class for request in requests]) < 0.9
