"""What a request's outcomes have in common: found from the log, and left out where models are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.core.decide import initial_state
from banditroute.core.posterior import fit
from banditroute.core.utility import outlook
from banditroute.offline.history.dependence import common_noise
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from banditroute.types import Context, Model, Preferences, Weights

MODELS = ("one", "two", "three")
SD = 0.12


def a_log(mean: Floats, n: int, common: float, seed: int) -> Log:
    """A log of one class in which prompts are that hard for all models: `common` of the noise is theirs."""
    rng = np.random.default_rng(seed)
    k, unknown = len(mean), np.full((n, len(mean)), np.nan)
    noise = np.sqrt(common) * rng.normal(size=(n, 1)) + np.sqrt(1.0 - common) * rng.normal(size=(n, k))
    return Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS[:k], classes=("chat",),
        class_index=np.zeros(n, np.int64), quality=mean + SD * noise, usd=unknown, seconds=unknown,
        output_tokens=unknown, input_tokens=np.full(n, np.nan),
    )  # fmt: skip


def found(values: Floats, told: np.ndarray | None = None) -> Floats:
    """`common_noise` of a table `(n, k)` of outcomes, all or those `told`, in one class."""
    rows, models = np.nonzero(np.ones_like(values) if told is None else told)
    return common_noise(rows, models, np.zeros_like(rows), values[rows, models], values.shape[1])


@pytest.mark.parametrize("common", [0.0, 0.3, 0.9])
def test_the_share_is_found(common: float) -> None:
    """4,000 requests: the share is known to about 0.015."""
    values = a_log(np.array([0.8, 0.7, 0.6]), 4_000, common, 3).quality
    assert found(values) == pytest.approx(np.full(3, common), abs=0.05)


def test_what_different_requests_say_has_nothing_in_common() -> None:
    values = a_log(np.array([0.8, 0.7]), 2_000, 0.6, 4).quality
    first = np.arange(2_000) % 2 == 0
    assert found(values, np.stack([first, ~first], axis=1)).tolist() == [0.0, 0.0]
    half = np.stack([np.ones(2_000, np.bool_), first], axis=1)
    assert found(values, half) == pytest.approx([0.3, 0.3], abs=0.06)  # of the requests half are shared


def test_a_mere_handful_of_requests_shows_little() -> None:
    """Two requests that agree as closely as can be: shrunk as if eight more had nothing in common."""
    values = a_log(np.array([0.8, 0.7]), 2, 1.0, 5).quality
    assert found(values) == pytest.approx([0.2, 0.2])


def test_nothing_but_the_prompts_and_a_class_without_history() -> None:
    """Models that differ by a constant: all noise cancels, and a cell that nobody filled stays empty."""
    log = a_log(np.array([0.8, 0.7]), 40, 1.0, 7)
    prior = fit_prior(log)
    assert [model.common for model in prior.factors["quality"].models.values()] == pytest.approx(
        [0.83, 0.83], abs=0.01
    )
    models, classes = tuple(Model(m) for m in MODELS[:2]), (RequestClass("chat"), RequestClass("code"))
    whole = replace(prior.factors["quality"].models["one"], common=1.0)
    factor = replace(prior.factors["quality"], models={"one": whole, "two": whole})
    prior = sealed(replace(prior, factors={"quality": factor}))
    state = initial_state(Settings(models=models, classes=classes, prior=prior))
    view = outlook(
        state, [Context(request_class="chat"), Context(request_class="code")], [Preferences()] * 2,
        lookahead=None, horizon=1.0,
    )  # fmt: skip
    assert np.isfinite(view.mean).all()
    assert (view.sd > 0.0).all()


def without_blocks(prior: Prior) -> Prior:
    """The prior as if every outcome came from a request of its own."""
    factor = prior.factors["quality"]
    models = {name: replace(model, common=0.0) for name, model in factor.models.items()}
    return sealed(replace(prior, factors={**prior.factors, "quality": replace(factor, models=models)}))


def error(prior: Prior, mean: Floats) -> float:
    """Squared error of what is believed of the difference of two models, in its own variances, if history is
    right and nothing caps it."""
    models = tuple(Model(m) for m in MODELS[:2])
    state = initial_state(Settings(models=models, classes=(RequestClass("chat"),), prior=prior))
    frame, stats = state.frame, state.stats[0]
    assert stats is not None
    share = np.repeat(1.0 / frame.own[0][:, None], 2, axis=1)
    fitted = fit(stats, frame.priors[0], frame.declared_for(0), 1.0, frame.past[0], share=share)
    state = replace(state, posterior=(fitted, *state.posterior[1:]))
    rates = Preferences(Weights(quality=1.0, usd=0.0, second=0.0))
    view = outlook(state, [Context(request_class="chat")], [rates], lookahead=None, horizon=1.0)
    off = (view.mean[0, 0] - view.mean[0, 1]) - (mean[0] - mean[1])
    return float(off**2 / (view.sd[0] ** 2).sum())


def test_differences_between_models_are_believed_as_exactly_as_they_are_known() -> None:
    """In 200 seeded logs half of the noise is the prompts'. The mean square of what is believed, in its own
    sds, is 1 give or take 0.1, of which three are allowed. Prompts taken for different ones make it half."""
    rng = np.random.default_rng(6)
    squares = []
    for seed in range(200):
        mean = 0.6 + 0.1 * rng.normal(size=2)
        prior = fit_prior(a_log(mean, 300, 0.5, seed))
        squares.append((error(prior, mean), error(without_blocks(prior), mean)))
    right, wrong = np.mean(squares, axis=0)
    assert right == pytest.approx(1.0, abs=0.3)
    assert wrong < 0.65
