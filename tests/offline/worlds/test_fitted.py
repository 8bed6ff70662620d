"""Fitted worlds: they look like their log where they should, and the check says so where they do not."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.simulate import simulate as command
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.worlds.check import check, check_of_fit
from banditroute.offline.worlds.checkplots import draw_fit
from banditroute.offline.worlds.checktables import verdict
from banditroute.offline.worlds.fitted import FittedWorld, fit_answers, fit_world
from banditroute.offline.worlds.simulated import DemoWorld
from banditroute.types import Model


@pytest.fixture(scope="module")
def history() -> Log:
    return DemoWorld().draw(3_000, 5)


@pytest.fixture(scope="module")
def world(history: Log) -> FittedWorld:
    return fit_world(history)


def _decisions(log: Log, seed: int) -> DecisionLog:
    """What a policy that sends hard requests to the last models would have logged of it."""
    rng, k = np.random.default_rng(seed), len(log.models)
    harder = log.features["difficulty"][:, None]
    pmf = harder * np.linspace(0, 2, k) / k + (1 - harder) * np.linspace(2, 0, k) / k
    action = (rng.uniform(size=(len(log), 1)) > np.cumsum(pmf, axis=1)[:, :-1]).sum(axis=1)
    rows = np.arange(len(log))
    return DecisionLog(
        kind="logged",
        request_ids=log.request_ids,
        models=log.models,
        classes=log.classes,
        class_index=log.class_index,
        action=action,
        quality=log.quality[rows, action],
        usd=log.usd[rows, action],
        seconds=log.seconds[rows, action],
        output_tokens=log.output_tokens[rows, action],
        input_tokens=log.input_tokens,
        propensity=pmf[rows, action],
    )


def test_a_draw_is_keyed_and_of_any_length(world: FittedWorld) -> None:
    long, short = world.draw(2_000, 3), world.draw(500, 3)
    for name in ("quality", "usd", "seconds", "output_tokens", "class_index", "input_tokens"):
        assert np.array_equal(getattr(long, name)[:500], getattr(short, name))
    more = world.with_model(Model(id="new"), "gpt-4o").draw(500, 3)
    assert np.array_equal(more.quality[:, :6], short.quality)
    assert not np.array_equal(more.quality[:, 6], short.quality[:, 4])
    assert not np.array_equal(world.draw(500, 4).quality, short.quality)


def test_the_truth_is_what_the_draws_come_to(world: FittedWorld) -> None:
    """Every cell within 4.5 standard errors: by chance one of 108 fails in 1,400 runs."""
    drawn, truth = world.draw(60_000, 7), world.truth()
    for g in range(len(truth.classes)):
        rows = drawn.class_index == g
        for name in ("quality", "usd", "seconds"):
            values = getattr(drawn, name)[rows]
            error = values.std(axis=0) / np.sqrt(rows.sum())
            assert (np.abs(values.mean(axis=0) - getattr(truth, name)[:, g]) < 4.5 * error).all(), name


def test_small_cells_borrow_and_large_ones_do_not(history: Log) -> None:
    rare = np.flatnonzero((history.class_index == 0) & (history.quality[:, 0] > 0))[:4]
    few = _part(history, np.concatenate([rare, np.flatnonzero(history.class_index != 0)]))
    response = fit_world(few).response
    answered = few.quality[few.quality[:, 0] > 0, 0]
    m = response.strength[0]
    wanted = (4 * history.quality[rare, 0].mean() + m * answered.mean()) / (4 + m)
    assert response.values[0, 0, 0].mean() == pytest.approx(wanted, abs=0.002)
    assert 0.5 < m < 50
    large = response.values[0, 0, 1].mean() * (1 - response.failure[0, 1])
    assert large == pytest.approx(few.quality[few.class_index == 1, 0].mean(), abs=0.005)


def test_models_stay_as_correlated_as_they_were_and_features_keep_their_meaning(
    history: Log, world: FittedWorld
) -> None:
    drawn = world.draw(20_000, 11)
    assert np.corrcoef(drawn.quality.T) == pytest.approx(np.corrcoef(history.quality.T), abs=0.08)
    for a in range(6):
        there, here = (
            np.corrcoef(log.features["difficulty"], log.quality[:, a])[0, 1] for log in (history, drawn)
        )
        assert here < 0.7 * there < 0  # harder requests stay harder


def test_the_check_passes_a_world_that_is_right() -> None:
    """Of 100 such checks 7 had anything flagged (nominal: 5%); this one is seeded."""
    found = check_of_fit(DemoWorld().draw(2_000, 1))
    assert found.flagged == ()
    assert "None of" in verdict(found)
    assert np.nanmedian([cell.distance / cell.expected for cell in found.cells]) == pytest.approx(
        1.0, abs=0.15
    )


def test_the_check_flags_a_world_that_is_wrong(world: FittedWorld) -> None:
    other = DemoWorld().draw(2_000, 9)
    worse = replace(other, quality=np.where(np.arange(6) == 4, 0.95 * other.quality, other.quality))
    assert {own.model for own in check(world, worse).cells if own.flagged} == {"gpt-4o"}
    slower = replace(other, seconds=1.15 * other.seconds)
    assert {own.factor for own in check(world, slower).cells if own.flagged} == {"seconds"}
    apart = replace(other, quality=_shuffled_within_classes(other))
    assert any(own.flagged and "quality" in own.name for own in check(world, apart).common)
    assert not any(own.flagged for own in check(world, apart).cells)
    assert "Do not trust" in verdict(check(world, slower))


@pytest.mark.full
def test_the_false_alarms_of_the_check_are_as_stated() -> None:
    """About 5% of checks flag a true world; 12 or more of 100 would happen once in 230 such studies."""
    alarms = sum(bool(check_of_fit(DemoWorld().draw(2_000, 500 + seed)).flagged) for seed in range(100))
    assert alarms < 12


def test_logged_decisions_are_weighted_by_their_propensities() -> None:
    """Within 5 standard errors of the truth in every cell with 50 answers or more (chance: 1 in 50,000)."""
    log = DemoWorld().draw(12_000, 21)
    fitted = fit_world(_decisions(log, 1))
    assert not fitted.seen.full
    truth, known = DemoWorld().truth().quality, fitted.truth().quality
    big = fitted.response.count >= 50
    error = 0.17 / np.sqrt(fitted.response.count[big])
    assert big.sum() > 30
    assert (np.abs(known - truth)[big] < 5 * error + 0.005).all()
    # Without the weights the first models would look better than they are, and the last ones worse.
    naive = fit_answers(replace(fitted.seen, weight=(fitted.seen.weight > 0) * 1.0)).truth().quality
    first, last = (naive - truth)[[0, 1]].mean(), (naive - truth)[[4, 5]].mean()
    assert first > 0.03
    assert abs((known - truth)[[0, 1]].mean()) < 0.015
    assert last < 0.0
    assert check(fitted, _decisions(DemoWorld().draw(6_000, 22), 2)).common == ()


def test_what_no_world_can_be_fitted_to_is_refused(history: Log) -> None:
    with pytest.raises(LogError, match="no propensity"):
        fit_world(replace(_decisions(history, 1), kind="observational", propensity=None))
    with pytest.raises(LogError, match="without quality"):
        fit_world(replace(history, quality=np.full_like(history.quality, np.nan)))
    with pytest.raises(LogError, match="fewer than 40"):
        check_of_fit(_part(history, np.arange(20)))
    with pytest.raises(LogError, match="other classes"):
        check(fit_world(history), replace(history, classes=("a", "b", "c", "d", "e", "f")))


def test_columns_that_are_missing_stay_missing(history: Log, tmp_path: Path) -> None:
    bare = replace(
        history, seconds=np.full_like(history.seconds, np.nan), usd=np.full_like(history.usd, np.nan)
    )
    drawn = fit_world(bare).draw(200, 1)
    assert np.isnan(drawn.seconds).all()
    assert np.isfinite(drawn.quality).all()
    draw_fit(fit_world(bare), bare, tmp_path / "fit.png")
    assert (tmp_path / "fit.png").stat().st_size > 10_000


def test_the_command_draws_from_a_fitted_world_and_shows_the_fit_first(history: Log, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["request_id", "request_class", "model", "quality", "usd"])
        for i in range(300):
            for a, model in enumerate(history.models):
                name = history.classes[history.class_index[i]]
                rows.writerow([i, name, model, history.quality[i, a], history.usd[i, a]])
    given = [str(path), "--world", "500", "--policy", "cheapest", "--seeds", "1"]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    fit, replay = (
        done.output.index(text) for text in ("Check of fit: fitted to 150", "500 requests × 6 models")
    )
    assert fit < replay


def _part(log: Log, rows: np.ndarray) -> Log:
    names = ("request_ids", "class_index", "quality", "usd", "seconds", "output_tokens", "input_tokens")
    return replace(
        log,
        **{name: getattr(log, name)[rows] for name in names},
        features={name: values[rows] for name, values in log.features.items()},
    )


def _shuffled_within_classes(log: Log) -> np.ndarray:
    """Each model's scores dealt anew within their class: the margins stay, the correlation goes."""
    rng, quality = np.random.default_rng(0), log.quality.copy()
    for g in range(len(log.classes)):
        rows = np.flatnonzero(log.class_index == g)
        for a in range(quality.shape[1]):
            quality[rows, a] = quality[rng.permutation(rows), a]
    return quality
