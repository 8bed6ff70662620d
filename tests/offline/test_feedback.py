"""Feedback as it comes: who is scored, when it is learned, and what that does to a simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from banditroute.errors import LogError
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.feedback import Feedback, arrivals, parse_feedback, score_probability
from banditroute.offline.replay.order import request_order
from banditroute.offline.replay.spans import Span, parse_half_lives
from banditroute.offline.simulation.run import simulate


def untimed(log: Log) -> Log:
    return replace(log, at=None)


def test_without_options_everything_is_learned_at_once(rich_log: Log) -> None:
    feedback = parse_feedback(rich_log)
    assert feedback.plain
    assert arrivals(feedback, rich_log, request_order(rich_log, 0), 0).shape == (0, 1)


def test_delays_and_batches_count_requests(rich_log: Log) -> None:
    log = untimed(rich_log)
    order = request_order(log, 0)
    late = arrivals(parse_feedback(log, delay=10), log, order, 0)[:, 0]
    assert late.tolist() == [min(t + 11, 1001) for t in range(1000)]
    batched = arrivals(parse_feedback(log, delay=10, batch=50), log, order, 0)[:, 0]
    assert batched.tolist() == [min(-(-(t + 11) // 50) * 50, 1001) for t in range(1000)]


def test_delays_and_batches_in_time(rich_log: Log) -> None:
    """Learned at the first request after the time is up, by brute force."""
    assert rich_log.at is not None
    at, order = rich_log.at, request_order(rich_log, 0)

    def first_after(time: float, t: int) -> int:
        return next((s for s in range(t + 1, 1000) if at[s] >= time), 1000)

    late = arrivals(parse_feedback(rich_log, delay="15min"), rich_log, order, 0)[:, 0]
    assert late.tolist() == [first_after(at[t] + 900.0, t) for t in range(1000)]
    daily = arrivals(parse_feedback(rich_log, delay="15min", batch="2h"), rich_log, order, 0)[:, 0]
    due = at[0] + np.ceil((at + 900.0 - at[0]) / 7_200.0) * 7_200.0
    assert daily.tolist() == [first_after(due[t], t) for t in range(1000)]


def test_the_share_that_is_scored_and_its_luck(rich_log: Log) -> None:
    """A third of 1,000 requests: within four standard errors, one false alarm in 16,000; seeded. The luck
    is the request's: it follows the request into any order."""
    log = untimed(rich_log)
    feedback = parse_feedback(log, rate=1 / 3, delay=3)
    order = request_order(log, 5)
    told = arrivals(feedback, log, order, 5)
    assert told.shape == (1000, 1)
    assert abs((told > 0).mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / 1000)
    by_request = np.empty(1000, bool)
    by_request[order] = told[:, 0] > 0
    backwards = arrivals(feedback, log, order[::-1].copy(), 5)
    assert ((backwards[:, 0] > 0) == by_request[order[::-1]])[:-4].all()
    assert (arrivals(feedback, log, order, 6) != told).any()


def test_selection_on_the_score_has_the_stated_odds_ratio_and_rate(rich_log: Log) -> None:
    feedback = Feedback(rate=0.2, odds=5.0)
    probability = score_probability(feedback, rich_log)
    assert probability.shape == rich_log.quality.shape
    assert probability.mean() == pytest.approx(0.2, abs=1e-9)
    slope = np.polyfit(rich_log.quality.ravel(), logit(probability).ravel(), 1)[0]
    assert np.exp(slope) == pytest.approx(5.0)
    told = arrivals(feedback, rich_log, np.arange(1000), 0) > 0
    # 4,000 answers, of which a fifth is told, are better by about 0.02 than all: seeded, not by chance.
    assert rich_log.quality[told].mean() > rich_log.quality.mean() + 0.01


def test_rewards_are_the_truth_and_less_feedback_costs_regret(log: Log) -> None:
    """Static rules earn the same whatever is told; a learner that is told nothing is worse than one that
    is told all (seeded: regret 2 against 20 over 300 requests)."""
    options: dict[str, Any] = {"weights": {"usd": 10.0}, "seeds": 4, "jobs": 1}
    full = simulate(log, ["thompson", "random"], **options).to_dict()
    none = simulate(log, ["thompson", "random"], feedback_rate=0.0, **options).to_dict()
    late = simulate(log, ["thompson"], feedback_delay=100, feedback_batch=20, **options).to_dict()
    rows = [{row["policy"]: row for row in found["policies"]} for found in (full, none, late)]
    assert rows[0]["random"] == rows[1]["random"]
    assert rows[0]["thompson"]["regret"]["mean"] * 1.5 < rows[1]["thompson"]["regret"]["mean"]
    assert rows[0]["thompson"]["regret"]["mean"] < rows[2]["thompson"]["regret"]["mean"]
    assert none["feedback"] == {"rate": 0.0, "delay": "0 requests", "batch": "0 requests", "odds": 1.0}
    assert any(note.startswith("Quality is learned for 0% of the answers") for note in none["notes"])
    assert any("100 requests later, in batches of 20 requests" in note for note in late["notes"])
    assert not any("Quality is learned" in note for note in full["notes"])


def test_half_lives_reach_the_learners(log: Log) -> None:
    options: dict[str, Any] = {"weights": {"usd": 10.0}, "seeds": 2, "jobs": 1}
    keeps = simulate(log, ["greedy"], **options).to_dict()
    forgets = simulate(log, ["greedy"], half_lives={"quality": 2, "usd": "5"}, **options).to_dict()
    assert keeps["policies"][0]["share"] != forgets["policies"][0]["share"]
    assert "Learners forget, with half-lives: quality 2 requests, usd 5 requests." in forgets["notes"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rate": 1.5}, "write a share from 0 to 1"),
        ({"rate": True}, "write a share from 0 to 1"),
        ({"delay": "2h"}, "the log has none"),
        ({"delay": "soon"}, "write a number of requests"),
        ({"delay": -1}, "write a number of requests"),
        ({"delay": 1.5}, "a number of requests is whole"),
        ({"batch": "nan"}, "write a number of requests"),
        ({"odds": 0.0}, "write a positive number"),
    ],
)
def test_misuse_is_refused(options: dict[str, Any], sentence: str, log: Log) -> None:
    with pytest.raises(LogError, match=sentence):
        parse_feedback(log, **options)


def test_half_lives_are_checked(log: Log, rich_log: Log) -> None:
    assert parse_half_lives({"quality": "2d", "usd": "90min"}, rich_log) == {
        "quality": 172_800.0,
        "usd": 5_400.0,
    }
    assert parse_half_lives({"quality": 50}, log) == {"quality": 50.0}
    for given, told, sentence in (
        ({"qualty": 3}, log, "Did you mean"),
        ({"quality": 0}, log, "write a positive one"),
        ({"quality": 50}, rich_log, "write a time as 2d"),
        ({"quality": "2d"}, log, "the log has none"),
    ):
        with pytest.raises(LogError, match=sentence):
            parse_half_lives(given, told)


def test_spans_are_written_as_people_do() -> None:
    spans = [Span(1), Span(1200), Span(90.0, True), Span(7200.0, True), Span(0.5, True)]
    assert [str(s) for s in spans] == ["1 request", "1,200 requests", "1.5 min", "2 h", "0.5 s"]
