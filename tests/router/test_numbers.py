"""Numbers of numpy in requests and feedback: what a program computes is often one."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.errors import RequestError
from banditroute.router import Router
from banditroute.store import open_store
from banditroute.types import Weights
from tests.router.setting import SETTINGS


def test_numbers_of_numpy_are_numbers() -> None:
    store = open_store("memory://")
    with Router(SETTINGS, store) as router:
        decision = router.route(
            input_tokens=np.int64(812),
            features={"difficulty": np.float32(0.5)},
            weights=Weights(np.float64(2)),
        )
        facts = {"quality": np.float64(0.5), "output_tokens": np.uint16(9), "usd": np.array(0.25)}
        router.feedback(decision.id, **facts, error=np.False_)
        record = store.record(decision.id)
    assert record is not None
    context, weights = record.decision.context, record.decision.preferences.weights
    assert (context.input_tokens, context.features) == (812, {"difficulty": 0.5})
    assert (weights.quality, type(weights.quality)) == (2.0, float)
    told = {outcome.factor: outcome.value for outcome in record.outcomes}
    assert told == {"quality": 0.5, "output_tokens": 9, "usd": 0.25, "error": 0}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"quality": np.float64(1.5)}, r"`quality` must be a number from 0 to 1.*, not 1\.5\."),
        ({"quality": np.array([0.5])}, r"`quality` must be a number from 0 to 1.*, not \[0\.5\]\."),
        ({"usd": np.float32("nan")}, "`usd` must be a number of at least 0, not nan"),
        ({"output_tokens": np.float64(2.5)}, r"`output_tokens` must be a whole number, not 2\.5\."),
        ({"comment": np.int64(3)}, "`comment` must be a text, not 3"),
    ],
)
def test_numbers_of_numpy_are_held_to_the_same_bounds(facts: dict[str, object], said: str) -> None:
    with Router(SETTINGS) as router:
        decision = router.route()
        with pytest.raises(RequestError, match=said):
            router.feedback(decision.id, **facts)
