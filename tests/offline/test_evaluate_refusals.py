"""Logs that cannot answer: each is refused with a sentence that says what would be needed."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute.errors import ConfigError, LogError
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog

from .decisions import CLASSES, MODELS, fixed_log, learner_log, world

Rows = list[dict[str, object]]
QUALITY_ALONE = {"quality": 1, "usd": 0}


def rows_of(log: DecisionLog) -> Rows:
    """The log as rows of a file."""
    assert log.propensity is not None
    return [
        {
            "request_id": log.request_ids[i],
            "at": 1.7e9 + 60 * i,
            "request_class": CLASSES[log.class_index[i]],
            "model": MODELS[log.action[i]],
            "quality": log.quality[i],
            "propensity": log.propensity[i],
            "candidates": ";".join(MODELS),
        }
        for i in range(len(log))
    ]


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list((rows or rows_of(fixed_log(1, 0)))[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def every(rows: Rows, **cells: object) -> Rows:
    return [{**row, **cells} for row in rows]


def without(rows: Rows, *columns: str) -> Rows:
    return [{name: cell for name, cell in row.items() if name not in columns} for row in rows]


def first(rows: Rows, **cells: object) -> Rows:
    return [{**rows[0], **cells}, *rows[1:]]


def wide(rows: Rows) -> Rows:
    return [{**row, "model": model, "propensity": ""} for row in rows for model in MODELS]


def swapped(rows: Rows) -> Rows:
    """The propensities of another policy."""
    return [
        {**row, "propensity": {"large": 0.1, "medium": 0.6, "small": 0.3}[str(row["model"])]} for row in rows
    ]


BROKEN: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "observational": (
        lambda rows: without(rows, "propensity"),
        "no propensity.*probability that each choice",
    ),
    "empty propensities": (lambda rows: every(rows, propensity=""), "no propensity.*log it from now on"),
    "some propensities missing": (
        lambda rows: first(rows, propensity=""),
        "1 of 1,000 decisions has no prop",
    ),
    "a propensity of 0": (lambda rows: first(rows, propensity=0), "no probability .* in propensity"),
    "a propensity above 1": (
        lambda rows: first(rows, propensity=1.2),
        "no probability .* in propensity",
    ),
    "a propensity in words": (lambda rows: first(rows, propensity="high"), "in propensity .*high"),
    "all propensities 0.9": (
        lambda rows: every(rows, propensity=0.9),
        "do not match the log.*that very number",
    ),
    "propensities of another policy": (swapped, "do not match the log: .*that very number"),
    "full information": (wide, "full information.*use banditroute simulate"),
    "one model": (
        lambda rows: every(rows, model="large", candidates="large", propensity=1),
        "one model only, large.*several models were drawn",
    ),
    "no quality at all": (lambda rows: every(rows, quality=""), "0 of 1,000 rows have a quality.*--columns"),
    "no quality column": (lambda rows: without(rows, "quality"), "0 of 1,000 rows have a quality"),
    "quality out of range": (
        lambda rows: first(rows, quality=7),
        "no number from 0 to 1 in quality",
    ),
    "no model column": (lambda rows: without(rows, "model"), "no column model"),
    "no rows": (lambda _: [], "The log has no rows"),
    "a model outside the candidates": (
        lambda rows: every(rows, candidates="small;tiny"),
        "not among its cand",
    ),
    "no list of candidates": (lambda rows: first(rows, candidates="[1"), "no list of models"),
    "a pmf that disagrees": (
        lambda rows: every(rows, pmf="[0.2, 0.2, 0.6]", propensity=0.5),
        "not the probability its pmf gives",
    ),
    "no time": (lambda rows: first(rows, at="soon"), "no time in at"),
    "a few rows with feedback": (
        lambda rows: [row if i < 10 else {**row, "quality": ""} for i, row in enumerate(rows)],
        "10 of 1,000 rows have a quality, and an evaluation needs at least 20",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_log_that_cannot_answer_is_refused_with_what_it_would_take(what: str, tmp_path: Path) -> None:
    mend, sentence = BROKEN[what]
    path = write(tmp_path / "log.csv", mend(rows_of(fixed_log(1_000, 0))))
    with pytest.raises(LogError, match=f"(?s){sentence}") as refusal:
        evaluate(path, ["fixed:large"], weights=QUALITY_ALONE)
    assert "\n" not in str(refusal.value).strip()


def test_the_log_those_are_made_from_is_answered(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", rows_of(fixed_log(2_000, 0)))
    result = evaluate(path, ["fixed:large"], weights=QUALITY_ALONE)
    assert [policy.refused for policy in result.policies] == [None, None]


def only(log: DecisionLog, name: str, **options: object) -> Evaluated:
    """The result of one policy, after `as logged`."""
    return evaluate(log, [name], weights=QUALITY_ALONE, **options).policies[1]  # type: ignore[arg-type]


def test_a_model_that_had_no_chance_is_refused_and_the_others_are_answered() -> None:
    pmf = np.tile([0.5, 0.5, 0.0], (2_000, 1))
    log = world(2_000, 1).logged(pmf, 1)
    result = evaluate(log, ["fixed:small", "fixed:large", "random"], weights=QUALITY_ALONE)
    _, small, large, random = result.policies
    assert "100.0% of its choices fall where the log gave them no chance (small)" in str(small.refused)
    assert "33.3% of its choices" in str(random.refused)
    assert large.refused is None
    assert small.difference is None


def test_without_the_pmf_a_model_that_was_never_chosen_is_refused() -> None:
    log = replace(world(2_000, 1).logged(np.tile([0.5, 0.5, 0.0], (2_000, 1)), 1), pmf=None)
    assert "small for chat" in str(only(log, "fixed:small").refused)
    assert "never chose" in str(only(log, "random").refused)
    assert only(log, "fixed:large").refused is None


def test_without_the_pmf_weights_that_fall_short_of_1_are_refused() -> None:
    """In a fifth of the requests, which nothing in the log tells apart, `large` had no chance."""
    barred = np.random.default_rng(0).random(4_000) < 0.2
    pmf = np.where(barred[:, None], [0.0, 0.5, 0.5], [0.4, 0.3, 0.3])
    log = replace(world(4_000, 2).logged(pmf, 2), pmf=None)
    reason = str(only(log, "fixed:large", logged_by="fixed").refused)
    assert re.search(r"weights average 0\.(7|8)\d and not 1", reason)
    assert "candidates" in reason


def test_a_model_outside_the_eligible_set_is_not_asked_for() -> None:
    """`fixed:large` falls back where `large` is not eligible, as it would live."""
    eligible = np.ones((2_000, 3), np.bool_)
    eligible[::4, 0] = False
    pmf = eligible / eligible.sum(axis=1, keepdims=True)
    log = replace(world(2_000, 3).logged(pmf, 3), eligible=eligible)
    found = only(log, "fixed:large")
    assert found.refused is None
    assert found.share["large"] == pytest.approx(0.75)


def test_a_small_effective_sample_is_refused_with_its_value_shown() -> None:
    found = only(fixed_log(900, 4, floor=0.15), "fixed:medium")
    assert re.search(r"\d effective rows", str(found.refused))
    assert found.leading is not None
    assert np.isfinite(found.leading.value)
    assert not np.isfinite(found.leading.low)


def test_a_cascade_is_more_than_one_decision() -> None:
    assert "several models before it answers" in str(only(fixed_log(900, 5), "cascade").refused)


def test_a_policy_that_does_not_exist_is_misuse() -> None:
    for name in ("fixed:huge", "thomson", "per_class:{code: huge}"):
        with pytest.raises(ConfigError, match="There is no"):
            only(fixed_log(900, 5), name)


def test_an_estimator_that_does_not_exist_is_misuse() -> None:
    with pytest.raises(LogError, match="There is no estimator 'magic'; the estimators are ips"):
        only(fixed_log(900, 5), "random", estimators=["magic"])


def test_a_learners_log_said_to_be_fixed_is_refused() -> None:
    with pytest.raises(LogError, match="policy column names thompson, which learns"):
        only(learner_log(300, 0, 0.1), "random", logged_by="fixed")


def test_a_normal_interval_on_a_learners_log_is_refused() -> None:
    found = only(learner_log(2_000, 0, 0.02), "fixed:small", interval="normal")
    assert re.search("learner.*sequence", str(found.refused))


def test_usd_that_some_rows_lack_cannot_be_weighed() -> None:
    log = replace(fixed_log(900, 6), usd=np.where(np.arange(900) % 9, 0.001, np.nan))
    with pytest.raises(LogError, match=r"The weights price usd, but 100 rows have none.*usd=0"):
        evaluate(log, ["random"], weights={"usd": 3})


def test_a_row_without_usd_is_a_bad_row(tmp_path: Path) -> None:
    """Refused in the singular, or left out and counted: the figures are those of a log without the row."""
    rows = [{**row, "usd": 0.001 * (1 + i % 3)} for i, row in enumerate(rows_of(fixed_log(900, 6)))]
    path = write(tmp_path / "log.csv", [*rows[:450], {**rows[450], "usd": ""}, *rows[451:]])
    with pytest.raises(LogError, match=r"The weights price usd, but 1 row has none: .*usd=0"):
        evaluate(path, ["random"], weights={"usd": 3})
    skipped = evaluate(path, ["fixed:large"], weights={"usd": 3}, skip_bad=True)
    assert "Left out: 1 row has no usd." in skipped.notes
    assert skipped.policies[0].rows == 899
    whole = write(tmp_path / "whole.csv", [*rows[:450], *rows[451:]])
    clean = evaluate(whole, ["fixed:large"], weights={"usd": 3})
    for left, right in zip(skipped.policies, clean.policies, strict=True):
        assert left.leading is not None
        assert right.leading is not None
        assert left.leading.value == pytest.approx(right.leading.value, abs=0.003)


def test_rejection_replay_needs_a_fair_chance_for_every_model() -> None:
    result = evaluate(learner_log(1_000, 0, 0.0), ["thompson"], weights=QUALITY_ALONE)
    replayed = result.policies[2]
    assert replayed.how == "rejection_replay"
    assert "a fair chance on every request" in str(replayed.refused)
