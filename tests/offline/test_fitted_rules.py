"""Rules fitted on a training part: by hand, against the truth, and where they are played."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.simulate import simulate as command
from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.oracles import rewards
from banditroute.offline.simulation.fitted_rules import (
    BEST_SINGLE,
    FITTED,
    PER_CLASS,
    class_means,
    fitted_rules,
)
from banditroute.offline.simulation.parts import divide, take
from banditroute.offline.simulation.run import simulate
from banditroute.policies.per_class import PerClass
from banditroute.policies.static import Fixed
from banditroute.types import Weights

WriteLog = Callable[..., Path]
WEIGHTS = Weights(1.0, 10.0)


def test_the_shrinkage_by_hand() -> None:
    """Two models, so the contrast is ±half their difference d. Class 0: d = 4, 8; class 1: d = 1, 1, 4.

    Half differences: 2, 4 | .5, .5, 2; mean 1.8. Within: (1 + 1 + .25 + .25 + 1) = 3.5 for one model, twice
    that for both, over (5 − 2)·(2 − 1): 7/3. Between: 2·(2·1.44 + 3·.64) = 9.6; n₀ = 5 − 13/5 = 2.4;
    τ² = (9.6 − 7/3)/2.4.
    """
    cls = np.array([0, 0, 1, 1, 1])
    reward = np.array([[4.0, 0.0], [8.0, 0.0], [1.0, 0.0], [1.0, 0.0], [4.0, 0.0]])
    within, between = 7 / 3, (9.6 - 7 / 3) / 2.4
    trust = [between / (between + within / n) for n in (2, 3)]
    expected = [1.8 + trust[0] * (3.0 - 1.8), 1.8 + trust[1] * (1.0 - 1.8)]
    found = class_means(cls, reward, 3)
    assert found[:, 0].tolist() == pytest.approx([*expected, 1.8])
    assert found[:, 1] == pytest.approx(-found[:, 0])


def test_what_makes_a_request_hard_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    cls, reward = rng.integers(0, 3, 100), rng.random((100, 4))
    moved = reward + 10 * rng.random((100, 1))
    assert class_means(cls, moved, 3) == pytest.approx(class_means(cls, reward, 3))


def test_without_a_difference_between_classes_or_anything_to_tell_it_by_one_model_is_best() -> None:
    same = np.tile([[1.0, 0.0], [0.0, 0.5]], (10, 1))
    assert np.ptp(class_means(np.repeat([0, 1], 10), same, 2), axis=0).max() == pytest.approx(0.0)
    each_its_own = class_means(np.arange(4), np.random.default_rng(1).random((4, 3)), 4)
    assert np.ptp(each_its_own, axis=0).max() == 0.0


def world(rng: np.random.Generator, n: int, truth: Floats) -> tuple[Ints, Floats]:
    """Five classes, the last ones rare; noise of the size that scores have."""
    cls = rng.choice(5, size=n, p=[0.5, 0.3, 0.15, 0.04, 0.01])
    return cls, truth[cls] + rng.normal(0, 0.25, (n, 4))


def test_shrinking_pays() -> None:
    """Over 600 worlds, classes differing by little, shrunk choices lose less than plain means do.

    A paired test over worlds: the true gain is about 6.8 standard errors (it was 3.6 to 5.8 of 300 worlds
    under four seeds), so that it fails to be 2 of them with probability 1e-6.
    """
    rng = np.random.default_rng(2)
    share = np.array([0.5, 0.3, 0.15, 0.04, 0.01])
    gains = []
    for _ in range(600):
        truth = rng.normal(0, 0.05, 4) + rng.normal(0, 0.02, (5, 4))
        cls, reward = world(rng, 400, truth)
        plain = np.array(
            [reward[cls == g].mean(axis=0) if (cls == g).any() else reward.mean(axis=0) for g in range(5)]
        )
        shrunk = class_means(cls, reward, 5)
        rows = np.arange(5)
        gains.append(share @ (truth[rows, shrunk.argmax(axis=1)] - truth[rows, plain.argmax(axis=1)]))
    mean, se = np.mean(gains), np.std(gains, ddof=1) / np.sqrt(600)
    assert mean > 2 * se


def test_with_much_data_it_is_the_best_of_every_class() -> None:
    """10,000 requests a class and differences of 0.1: a wrong choice has probability under 1e-100."""
    rng = np.random.default_rng(3)
    truth = np.eye(4)[[0, 1, 2, 3, 0]] * 0.1
    cls = np.repeat(np.arange(5), 10_000)
    found = class_means(cls, truth[cls] + rng.normal(0, 0.25, (50_000, 4)), 5)
    assert found.argmax(axis=1).tolist() == [0, 1, 2, 3, 0]


def test_the_rules_are_those_of_the_training_part(log: Log) -> None:
    rules = fitted_rules(log, WEIGHTS, 0.9)
    reward = rewards(log, WEIGHTS)
    assert tuple(rules) == FITTED
    single, per_class = rules[BEST_SINGLE].rule, rules[PER_CLASS].rule
    assert isinstance(single, Fixed)
    assert isinstance(per_class, PerClass)
    assert single.model == log.models[reward.mean(axis=0).argmax()]
    means = class_means(log.class_index, reward, 2)
    assert per_class.models == {
        **{name: log.models[means[g].argmax()] for g, name in enumerate(log.classes)},
        "*": single.model,
    }
    only_chat = fitted_rules(take(log, log.class_index == 0), WEIGHTS, 0.9)[PER_CLASS].rule
    assert isinstance(only_chat, PerClass)
    assert set(only_chat.models) == {log.classes[0], "*"}


def test_a_share_is_the_first_by_time_else_random_by_the_seed(log: Log, rich_log: Log) -> None:
    first = divide(rich_log, 0.3)
    assert (len(first.training), len(first.evaluation)) == (300, 700)
    assert first.training.at is not None
    assert first.evaluation.at is not None
    assert first.training.at.max() <= first.evaluation.at.min()
    assert first.evaluation.features["difficulty"].tolist() == rich_log.features["difficulty"][300:].tolist()
    one, same, other = divide(log, "0.5", seed=1), divide(log, 0.5, seed=1), divide(log, 0.5, seed=2)
    ids = [part.training.request_ids.tolist() for part in (one, same, other)]
    assert ids[0] == ids[1] != ids[2]
    assert sorted(ids[0] + one.evaluation.request_ids.tolist()) == log.request_ids.tolist()
    assert ids[0] != log.request_ids[:150].tolist()


def test_everyone_is_played_on_the_rest(log: Log) -> None:
    result = simulate(
        log, [*FITTED, "thompson", "fixed:small"], weights={"usd": 10.0}, seeds=2, train=0.4, jobs=1
    )
    found = result.to_dict()
    parts = divide(log, 0.4)
    assert (found["log"]["requests"], found["log"]["trained_on"]) == (180, 120)
    rows = {row["policy"]: row for row in found["policies"]}
    assert rows["fixed:small"]["quality"]["mean"] == pytest.approx(
        parts.evaluation.quality[:, log.models.index("small")].mean()
    )
    reward, rule = (
        rewards(parts.evaluation, WEIGHTS),
        fitted_rules(parts.training, WEIGHTS, 0.9)[PER_CLASS].rule,
    )
    assert isinstance(rule, PerClass)
    chosen = [log.models.index(rule.models[log.classes[g]]) for g in parts.evaluation.class_index]
    assert rows[PER_CLASS]["reward"]["mean"] == pytest.approx(reward[np.arange(180), chosen].mean())
    assert rows[PER_CLASS]["remark"] == "on 120 requests"
    assert "on 120 requests" in _text(result.table())
    assert any("fitted on 120 requests, a random 0.4 of all" in note for note in result.notes)
    best = simulate(parts.evaluation, ["fixed:small"], weights={"usd": 10.0}, seeds=1).to_dict()["policies"][
        1
    ]
    assert rows["per_class_best"]["reward"]["mean"] == pytest.approx(best["reward"]["mean"])


def _text(table: object) -> str:
    from rich.console import Console

    console = Console(width=200, file=io.StringIO())
    with console.capture() as shown:
        console.print(table)
    return shown.get()


def test_they_join_the_defaults_where_there_is_a_training_part(short_log: Log) -> None:
    names = [row.policy for row in simulate(short_log, seeds=1, train=0.5, jobs=1).policies]
    assert set(FITTED) < set(names)
    assert not set(FITTED) & {row.policy for row in simulate(short_log, seeds=1, jobs=1).policies}


def test_a_training_part_by_column(write: WriteLog, rows: list[dict[str, object]], tmp_path: Path) -> None:
    for row in rows:
        row["split"] = "val" if int(str(row["request_id"])[1:]) < 20 else "test"
    path, out = write(rows), tmp_path / "out.json"
    done = CliRunner().invoke(
        command, [str(path), "--train", "split=val", "--seeds", "2", "--jobs", "1", "--json", str(out)]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert (found["log"]["requests"], found["log"]["trained_on"]) == (40, 20)
    assert any("those with split=val" in note for note in found["notes"])
    test = simulate(path, ["greedy"], where="split=test", seeds=2, jobs=1).to_dict()["policies"][0]
    assert next(row for row in found["policies"] if row["policy"] == "greedy") == test
    beside = simulate(path, ["greedy"], where="split=test", train="split=val", seeds=2, jobs=1).to_dict()
    assert (beside["log"]["requests"], beside["log"]["trained_on"]) == (40, 20)
    assert beside["policies"][0] == test


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (1.0, "write a number between 0 and 1"),
        ("0", "write a number between 0 and 1"),
        ("split=val", "A log in memory has no column"),
        ("val", "takes name=value pairs"),
    ],
)
def test_a_training_part_that_cannot_be_is_refused(log: Log, train: float | str, message: str) -> None:
    with pytest.raises(LogError, match=message):
        simulate(log, train=train, seeds=1)


def test_nothing_to_fit_on_or_nothing_left_is_refused(
    log: Log, write: WriteLog, rows: list[dict[str, object]]
) -> None:
    with pytest.raises(LogError, match="needs a training part to be fitted on"):
        simulate(log, [PER_CLASS], seeds=1)
    with pytest.raises(LogError, match="it must leave some for the policies"):
        simulate(write([{**row, "split": "val"} for row in rows]), train="split=val", seeds=1)
    with pytest.raises(LogError, match="a training part and a rest need two"):
        divide(take(log, np.arange(len(log)) == 0), 0.5)
    assert len(divide(replace(take(log, np.arange(len(log)) < 2)), 0.01).training) == 1
