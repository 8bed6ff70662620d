"""Histories that a judge has scored: believed as far as people bear it out, and what is said of it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.fit import fit as fit_command
from banditroute.config.feedback import TrustSettings
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.history.findings import describe
from banditroute.offline.history.fitting import fit_prior, judges_in
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.simulation.parts import take

MODELS = ("good", "middle", "bad")
TRUTH = np.array([0.8, 0.7, 0.6])
BIAS = np.array([-0.15, 0.0, 0.2])
"""The judge puts the worst first."""

JUDGE = "gpt-4o/pointwise-1"
COLUMNS = ("request_id", "request_class", "model", "quality", "source", "judge", "judge_quality")


def written(folder: Path, people: float, *, full: bool = True, n: int = 600, seed: int = 0) -> Path:
    """A log of n requests: the biased judge scores every answer, and people a share of them too."""
    rng = np.random.default_rng(seed)
    path = folder / "log.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for i in range(n):
            difficulty = 0.1 * rng.normal()
            for a in range(3) if full else [int(rng.integers(3))]:
                quality = float(np.clip(TRUTH[a] + difficulty + 0.1 * rng.normal(), 0, 1))
                judged = float(np.clip(quality + BIAS[a] + 0.1 * rng.normal(), 0, 1))
                asked = rng.random() < people
                said, source = (quality, "user") if asked else (judged, "judge")
                rows.writerow([i, "chat", MODELS[a], said, source, JUDGE, judged])
    return path


def first_choices(log: Log | DecisionLog, settings: Settings | None = None) -> dict[str, float]:
    """Shares of the first choices with the prior of a log."""
    prior = fit_prior(log, settings=settings)
    return {model: warm for model, (_, warm) in describe(prior, settings).shares["chat"].items()}


@pytest.mark.parametrize("full", [True, False])
def test_a_judge_nobody_checked_gives_no_confident_prior(full: bool, tmp_path: Path) -> None:
    """Taken for people's, its scores would mostly have the worst model chosen."""
    log = read_log(written(tmp_path, 0.0, full=full))
    assert log.judged is not None
    assert log.judged.alone.sum() == (1_800 if full else 600)
    believed = first_choices(log)
    assert believed["bad"] < 0.7
    assert believed["good"] > 0.1
    assert first_choices(replace(log, judged=None))["bad"] > max(0.75, believed["bad"] + 0.2)
    faith = Settings(trust=TrustSettings(judge_sd=0.0))
    assert first_choices(log, faith)["bad"] > believed["bad"] + 0.2


@pytest.mark.parametrize("full", [True, False])
def test_a_twentieth_of_peoples_scores_puts_it_right(full: bool, tmp_path: Path) -> None:
    log = read_log(written(tmp_path, 0.05 if full else 0.15, full=full))
    assert first_choices(log)["good"] > 0.7
    prior = fit_prior(log)
    history = prior.factors["quality"].models
    assert [history[model].mean for model in MODELS] == pytest.approx(TRUTH, abs=0.06)
    assert sum(history[model].outcomes for model in MODELS) == (1_800 if full else 600)
    (judge,) = judges_in(log, Settings())
    assert judge.name == JUDGE
    assert judge.scores == (1_800 if full else 600)
    assert judge.least is not None
    assert judge.least == pytest.approx(-0.15, abs=0.06)
    assert judge.most == pytest.approx(0.2, abs=0.08)


def test_calibrated_scores_add_to_what_people_alone_say(tmp_path: Path) -> None:
    """A prior made of both counts for more than one of people's scores alone."""
    path = written(tmp_path, 0.15, full=False)
    both = describe(fit_prior(read_log(path))).rows
    alone = describe(fit_prior(read_log(path, where={"source": "user"}))).rows
    more = {row.model: row.counts_for or 0.0 for row in both if row.factor == "quality"}
    less = {row.model: row.counts_for or 0.0 for row in alone if row.factor == "quality"}
    assert all(more[model] > 1.2 * less[model] for model in MODELS)


def test_two_judges_are_told_apart(tmp_path: Path) -> None:
    """One is checked and the other is not: the pairs of the first are no warrant for the second."""
    checked = written(tmp_path, 0.1)
    with checked.open() as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        if row["source"] == "judge" and i % 2:
            row["judge"] = "another/pointwise-1"
    with checked.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    log = read_log(checked)
    found = {judge.name: judge for judge in judges_in(log, Settings())}
    assert found["another/pointwise-1"].paired == 0
    assert found[JUDGE].paired > 100
    assert "people none of them" in found["another/pointwise-1"].sentence()
    assert first_choices(log)["good"] > 0.7


def test_fit_says_what_the_judge_is_worth_and_what_to_do(tmp_path: Path) -> None:
    unchecked = ["--weights", "usd=0", "-o", str(tmp_path / "prior.json")]
    told = CliRunner().invoke(fit_command, [str(written(tmp_path, 0.0)), *unchecked])
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert f"{JUDGE} has scored 1,800 answers, and people none of them" in said
    assert "Have people score some dozens" in said
    assert re.search(r"history counts for at most 3,000 outcomes .*? Here it comes to \d at most", said), said
    done = CliRunner().invoke(fit_command, [str(written(tmp_path, 0.05)), *unchecked, "--json", "-"])
    (judge,) = json.loads(done.stdout)["judges"]
    assert judge["paired"] > 50


def with_a_few_judged(folder: Path) -> Log:
    """A log that people scored, but for the first answer of every model: those a judge scored."""
    path = written(folder, 1.0, n=300)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        if i < 3:
            row.update(quality=row["judge_quality"], source="judge")
        else:
            row.update(judge="", judge_quality="")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    log = read_log(path)
    assert isinstance(log, Log)
    return log


def test_what_peoples_scores_have_in_common_survives_a_judge(tmp_path: Path) -> None:
    """Half of their noise is the requests' own, of which people's 299 of 300 answers tell; where they tell of
    half of the answers, and of those for the half of the requests that others' answers are told of, a quarter
    is left."""
    log = with_a_few_judged(tmp_path)
    people = fit_prior(replace(take(log, np.arange(300) > 0), judged=None)).factors["quality"].models
    both = fit_prior(log).factors["quality"].models
    for model in MODELS:
        assert 0.3 < people[model].common < 0.6
        assert both[model].common == pytest.approx(people[model].common * 299 / 300)
    alone = fit_prior(read_log(written(tmp_path, 0.0))).factors["quality"].models
    assert [alone[model].common for model in MODELS] == [0.0] * 3
    half = fit_prior(read_log(written(tmp_path, 0.5))).factors["quality"].models
    assert [half[model].common for model in MODELS] == pytest.approx([0.45 / 4] * 3, abs=0.06)


def test_a_judge_is_blamed_for_its_own_answers_only(tmp_path: Path) -> None:
    blame, size = "people have not scored the same answers", r"the log has no more than \d+ in one"

    def said(log: Log | DecisionLog) -> str:
        prior = fit_prior(log)
        apart = {name: replace(model, common=0.0) for name, model in prior.factors["quality"].models.items()}
        factor = replace(prior.factors["quality"], trust=3_000.0, models=apart)
        found = describe(replace(prior, factors={"quality": factor}), None, judges_in(log, Settings()))
        return found._worth("quality", factor)

    few = said(with_a_few_judged(tmp_path))
    assert blame not in few
    assert re.search(rf"{size}, a judge's scores taken for", few), few
    assert blame in said(read_log(written(tmp_path, 0.3)))
    everyone = said(read_log(written(tmp_path, 1.0)))
    assert re.search(rf"{size}\.$", everyone), everyone


def test_a_log_without_a_judge_is_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, 1.0)
    whole = read_log(path)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    plain = tmp_path / "plain.csv"
    with plain.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[:4], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    bare = read_log(plain)
    assert bare.judged is None
    assert judges_in(bare, Settings()) == []
    ours = fit_prior(bare).factors["quality"].models["good"]
    theirs = fit_prior(whole).factors["quality"].models["good"]
    assert theirs.xx == pytest.approx(np.array(ours.xx))  # every pair is an outcome, and adds nothing more
    assert theirs.xy == pytest.approx(ours.xy)


def test_part_of_a_log_keeps_its_part_of_the_scores(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, 0.3, n=50))
    assert isinstance(log, Log)
    assert log.judged is not None
    kept = np.arange(50) % 2 == 0
    part = take(log, kept).judged
    assert part is not None
    np.testing.assert_array_equal(part.alone, log.judged.alone[kept])
    np.testing.assert_array_equal(part.score, log.judged.score[kept])


def test_a_judges_score_out_of_range_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 0.5, n=20)
    text = path.read_text().splitlines()
    text[3] = text[3].rpartition(",")[0] + ",7"
    path.write_text("\n".join(text))
    with pytest.raises(LogError, match=r"no number from 0 to 1 in judge_quality"):
        read_log(path)
