"""A judge that people have checked is asked for what its verdicts are worth."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.core.decide import Request, decide, learn
from banditroute.core.steering.sampling import VERDICT_NOISE, Sampling
from banditroute.types import Context, Observation
from tests.core.steering.test_sampling import SETTINGS, THOMPSON, learned


def test_verdicts_of_a_judge_that_is_known_to_be_exact_are_worth_more() -> None:
    """The noise of a verdict is that of the calibrated judge, once people have scored beside it."""
    rng = np.random.default_rng(5)

    def gained(noise: float) -> float:
        state = learned()
        news = [
            Observation(
                Context("near"), "abc"[i % 3], "quality", float(y + noise * z), 0.0,
                speaker="ann", instrument="judge/1", people=float(y),
            )
            for i, (y, z) in enumerate(zip(rng.uniform(0.3, 0.9, 400), rng.normal(size=400), strict=True))
        ]  # fmt: skip
        state = learn(state, news, seq=state.seq + 1, at=state.at)
        assert state.weighed is not None
        expected = (8 * VERDICT_NOISE + 400 * noise**2) / 408  # eight answers' worth of what was expected
        assert state.weighed.verdict_noise == pytest.approx(expected, rel=0.3)
        request = Request("d", state.at, 1, Context("near"), sampling=Sampling(0.05, 0.1, 0.003))
        (one,) = decide(state, [request], THOMPSON, SETTINGS)
        return one.parameters["judge_gain"]

    assert gained(0.02) > 1.5 * gained(0.4)
