"""Scores, verdict and running tally of the demo, on outcomes small enough to add up by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from banditroute.config.load import load_settings
from banditroute.config.starter import write_starter
from banditroute.demo.application import feedback_fields, request_fields
from banditroute.demo.scores import Choices, Scoreboard, best_static, verdict
from banditroute.demo.screen import Tally, screen
from banditroute.types import Weights
from banditroute.upstream.simulated import SimulatedOutcomes, SimulatedWorld

CHEAP, DEAR = 0, 1


def _outcomes() -> SimulatedOutcomes:
    """Four requests; the dear model is perfect and costs a cent, the cheap one is perfect on the last two."""
    quality = np.array([[0.5, 1.0], [0.5, 1.0], [1.0, 1.0], [1.0, 1.0]])
    usd = np.array([[0.001, 0.01]] * 4)
    seconds = np.array([[1.0, 4.0], [2.0, 4.0], [3.0, 4.0], [9.0, 4.0]])
    false = np.zeros((4, 2), dtype=np.bool_)
    return SimulatedOutcomes(quality, usd, seconds, seconds / 4, np.full((4, 2), 10), false, ~false)


BOARD = Scoreboard(("cheap", "dear"), _outcomes(), Weights(quality=1.0, usd=20.0))


def test_a_score_adds_up() -> None:
    score = BOARD.score(Choices("mixed", np.array([DEAR, CHEAP, CHEAP, CHEAP]), learns=True))
    assert score.quality == pytest.approx(0.875)
    assert score.usd == pytest.approx(0.013)
    assert score.usd_per_1000 == pytest.approx(3.25)
    assert score.reward == pytest.approx(0.875 - 20 * 0.013 / 4)
    assert score.seconds == pytest.approx(3.5)
    assert score.savings == pytest.approx(1 - 0.013 / 0.04)
    assert score.share == {"cheap": 0.75, "dear": 0.25}


def test_the_last_quarter_is_scored_on_its_own_requests() -> None:
    score = BOARD.score(Choices("cheap", np.zeros(4, dtype=np.int64)), slice(3, 4))
    assert (score.quality, score.seconds) == (1.0, 9.0)
    assert score.savings == pytest.approx(0.9)


def test_hindsight_picks_what_was_best_afterwards() -> None:
    classes = np.array([0, 0, 1, 1])
    assert BOARD.per_class_best(classes).model.tolist() == [DEAR, DEAR, CHEAP, CHEAP]
    assert BOARD.best_single().model.tolist() == [DEAR] * 4
    assert BOARD.best_single().hindsight


def test_the_verdict_names_saving_quality_and_best_rule() -> None:
    learned = BOARD.score(Choices("thompson", np.array([DEAR, DEAR, CHEAP, CHEAP]), learns=True))
    rules = [
        BOARD.score(Choices("fixed:cheap", np.zeros(4, dtype=np.int64))),
        BOARD.score(Choices("fixed:dear", np.ones(4, dtype=np.int64))),
    ]
    scores = [learned, *rules, BOARD.score(BOARD.best_single())]
    assert best_static(scores).policy == "fixed:dear"
    sentence = verdict(learned, scores, "dear")
    assert "45% saved" in sentence
    assert "the same to a tenth of a point" in sentence
    assert "0.090 above the best static rule, fixed:dear" in sentence


def test_the_tally_compares_with_the_rule_that_is_ahead_on_the_same_requests() -> None:
    utility = BOARD.outcomes.utility(BOARD.weights)
    rules = {"fixed:cheap": np.zeros(4, dtype=np.int64), "fixed:dear": np.ones(4, dtype=np.int64)}
    tally = Tally(BOARD.models, utility, rules)
    tally.add(3, DEAR)
    assert tally.reward == pytest.approx(0.8)
    assert tally.best_rule == ("fixed:cheap", pytest.approx(0.98))
    tally.add(0, DEAR)
    tally.add(1, DEAR)
    assert tally.best_rule == ("fixed:dear", pytest.approx(0.8))
    assert tally.counts.tolist() == [0, 3]


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown_to_the_end(terminal: bool) -> None:
    sink = io.StringIO()
    utility = np.full((40, 2), 0.5)
    tally = Tally(BOARD.models, utility, {"cheapest": np.zeros(40, dtype=np.int64)})
    with screen(Console(file=sink, force_terminal=terminal, width=100), 40) as view:
        for index in range(40):
            tally.add(index, index % 2)
            view.update(tally)
    text = sink.getvalue()
    if terminal:
        assert "40/40" in text
        assert "cheapest" in text
    else:
        assert len(text.splitlines()) == 10
        assert "40 of 40" in text
        assert "cheap 50%" in text


def test_the_application_says_what_it_knows_and_no_more() -> None:
    world = SimulatedWorld(seed=2)
    outcomes = world.outcomes(400)
    for index in range(400):
        request = world.request(index)
        fields = request_fields(request)
        assert ("request_class" in fields) == request.states_class
        said = feedback_fields(outcomes, index, 0)
        if outcomes.error[index, 0]:
            assert set(said) == {"latency_ms", "error"}
        else:
            assert ("quality" in said) == outcomes.feedback_arrives[index, 0]
            assert said["ttft_ms"] < said["latency_ms"]  # type: ignore[operator]
    assert outcomes.error[:, 0].any()


def test_the_starter_configuration_and_the_world_agree(tmp_path: Path) -> None:
    """`init`, `serve` and the demo speak of the same models at the same prices, and of the same classes."""
    path = tmp_path / "banditroute.toml"
    write_starter(path)
    settings, world = load_settings(path, env={}), SimulatedWorld()
    assert [declared.name for declared in settings.classes] == list(world.classes)
    for configured, simulated in zip(settings.models, world.models, strict=True):
        for field in ("id", "tier", "context_window", "prior_quality"):
            assert getattr(configured, field) == getattr(simulated, field)
        assert configured.usd_per_input_token == pytest.approx(simulated.usd_per_input_token)
        assert configured.usd_per_output_token == pytest.approx(simulated.usd_per_output_token)
    limits = {declared.name: declared.params["max_tokens"] for declared in settings.classes}
    assert limits == {profile.name: profile.max_output_tokens for profile in world.class_profiles}
    assert "difficulty" in settings.features.numeric
