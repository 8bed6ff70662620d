"""Scores that are a judge's are said to be so, wherever they are taken at their word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.offline import frontier, simulate
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log, read_log
from banditroute.reports.answers import savings_of_answers

from .test_judged_logs import JUDGE, written


def told(notes: object) -> str:
    assert isinstance(notes, list | tuple)
    (note,) = [note for note in notes if "taken at their word" in note]
    return str(note)


def test_a_judge_beside_people_comes_with_its_leanings(tmp_path: Path) -> None:
    """It gives the worst model .2 too much: the note says that differences of this size may be its own."""
    log = read_log(written(tmp_path, people=0.25))
    assert isinstance(log, Log)
    log = replace(log, usd=np.tile([0.03, 0.01, 0.001], (len(log), 1)))
    result = simulate(log, ["fixed:bad"], weights={"usd": 1}, seeds=1)
    judged = result.to_dict()["log"]["judged"]
    assert judged["share"] == pytest.approx(0.75, abs=0.05)
    assert judged["judges"][0]["most"] == pytest.approx(0.2, abs=0.08)
    note = told(result.notes)
    assert note.startswith(
        f"{judged['share']:.0%} of the scores are a judge's ({JUDGE}), taken at their word."
    )
    assert f"to +{judged['judges'][0]['most']:.3f} more quality than they did" in note
    assert note in str(result.table().caption)
    drawn = frontier(log, ["fixed:good", "fixed:bad"], seeds=1, keep=None, jobs=1)
    assert told(drawn.notes).startswith(note[:3])  # of the part that is played
    assert drawn.to_dict()["log"]["judged"]["share"] == pytest.approx(judged["share"], abs=0.03)
    assert told(savings_of_answers(log, Settings(), policy="fixed:good").assumptions) == note


def test_a_judge_alone_is_said_to_be_unchecked(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, people=0.0, full=False))
    assert isinstance(log, DecisionLog)
    drawn = replace(log, kind="logged", propensity=np.full(len(log), 1 / 3))
    result = evaluate(drawn, ["fixed:bad"], weights={"quality": 1, "usd": 0})
    assert result.log["judged"]["share"] == 1.0
    assert f"100% of the scores are a judge's ({JUDGE})" in told(result.notes)
    assert "Nobody else scored what" in told(result.notes)


def test_people_alone_need_no_word(tmp_path: Path) -> None:
    result = simulate(written(tmp_path, people=1.0), ["fixed:bad"], seeds=1)
    assert "judged" not in result.to_dict()["log"]
    assert not any("judge" in note for note in result.notes)
