"""What those hear who watch the judge."""

from __future__ import annotations

import asyncio

import pytest

from banditroute.errors import UpstreamError
from banditroute.judge.instrument import configured_instrument
from banditroute.judge.watched import Judged
from banditroute.judge.worker import Worker
from banditroute.store import Store
from tests.judge.cases import SETTINGS, fill
from tests.judge.scripted import NAME, NOON, Clock, Reply, Scripted, score


def heard(store: Store, *script: Reply | UpstreamError) -> list[Judged]:
    """What a worker tells of its first round."""
    found: list[Judged] = []
    chat, instrument = Scripted(*script), configured_instrument(SETTINGS)
    worker = Worker(SETTINGS, store, chat, instrument, hands=1, clock=Clock(), watch=found.append)
    asyncio.run(worker.run(asyncio.Event(), once=True))
    return found


def test_a_verdict_is_told_with_its_model_time_tokens_and_cost(store: Store) -> None:
    fill(store, 1, at=NOON)
    (told,) = heard(store, score(0.7))
    assert told.verdict is not None
    assert (told.decision_id, told.instrument, told.verdict.value) == ("d0", NAME, 0.7)
    assert (told.model, told.provider) == ("claude-sonnet", "simulated")
    assert (told.input_tokens, told.output_tokens, told.usd, told.error) == (10, 10, 0.001, "")
    assert 0 < told.begun <= told.ended


@pytest.mark.parametrize(
    ("reply", "error", "usd"),
    [(lambda _: "no json", "MalformedVerdict", 0.001), (UpstreamError("away"), "UpstreamError", 0.0)],
)
def test_an_attempt_without_a_verdict_is_told_with_what_went_wrong(
    store: Store, reply: Reply | UpstreamError, error: str, usd: float
) -> None:
    fill(store, 1, at=NOON)
    (told,) = heard(store, reply)
    assert (told.verdict, told.error, told.usd) == (None, error, usd)
