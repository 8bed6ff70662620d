"""`simulate` end to end: the contract's JSON, the oracles, the figures, the plot, the command."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import banditroute
from banditroute.commands.simulate import simulate as command
from banditroute.errors import BanditrouteError, LogError
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.findings import interval, spread
from banditroute.offline.simulation.result import SimulationResult
from banditroute.offline.simulation.run import simulate

Row = dict[str, object]
WriteLog = Callable[..., Path]


@pytest.fixture(scope="module")
def result(log: Log) -> SimulationResult:
    """Every default policy, three seeds."""
    return simulate(log, weights={"usd": 10.0}, seeds=3, jobs=1)


def test_the_contract_s_shape(result: SimulationResult, log: Log) -> None:
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (
        found["log"].items()
        >= {"requests": 300, "models": 3, "classes": 2, "kind": "full_information"}.items()
    )
    assert found["weights"] == {"quality": 1.0, "usd": 10.0, "second": 0.0}
    assert (found["seeds"], found["regret_against"]) == (3, "per_class_best")
    rows = {row["policy"]: row for row in found["policies"]}
    assert list(rows) == [
        "thompson", "greedy", "random", "round_robin", "cheapest", "best_prior",
        "fixed:large", "fixed:medium", "fixed:small", "per_class_best", "best_single", "per_prompt_best",
    ]  # fmt: skip
    assert found["notes"] == ["complexity is left out: the log has no prompts to score."]
    for name, row in rows.items():
        assert row["reward"]["low"] <= row["reward"]["mean"] <= row["reward"]["high"]
        assert row["seconds"] is None
        assert set(row["share"]) == set(log.models)
        assert sum(row["share"].values()) == pytest.approx(1)
        assert row["learns"] == (name in ("thompson", "greedy"))
        assert row["attainable"] == (name not in ("per_class_best", "best_single", "per_prompt_best"))
        assert row["reward"]["mean"] == pytest.approx(row["quality"]["mean"] - 10 * row["usd"]["mean"])


def test_figures_of_rules_can_be_computed_apart(result: SimulationResult, log: Log) -> None:
    rows = {row["policy"]: row for row in result.to_dict()["policies"]}
    reward = log.quality - 10 * log.usd
    best = np.array([reward[log.class_index == g].mean(axis=0).argmax() for g in range(2)])[log.class_index]
    yardstick = reward[np.arange(300), best].sum()
    for a, model in enumerate(log.models):
        row = rows[f"fixed:{model}"]
        assert row["reward"]["mean"] == pytest.approx(reward[:, a].mean())
        assert row["regret"]["mean"] == pytest.approx(yardstick - reward[:, a].sum())
        assert row["regret"]["sd"] == pytest.approx(0, abs=1e-9)
        assert row["share"][model] == 1
    assert rows["per_class_best"]["regret"]["mean"] == pytest.approx(0, abs=1e-9)
    assert rows["best_single"]["reward"]["mean"] == pytest.approx(reward.mean(axis=0).max())
    assert rows["per_prompt_best"]["reward"]["mean"] == pytest.approx(reward.max(axis=1).mean())
    # 900 uniform choices among rewards of sd 0.16: four standard errors, false alarm 6e-5; seeded.
    assert rows["random"]["reward"]["mean"] == pytest.approx(
        reward.mean(), abs=4 * reward.std() / math.sqrt(900)
    )


def test_the_learner_learns(result: SimulationResult) -> None:
    """Thompson's regret over 300 requests is under a third of random's (seeded; expected: a tenth)."""
    rows = {row["policy"]: row for row in result.to_dict()["policies"]}
    assert rows["thompson"]["regret"]["mean"] < rows["random"]["regret"]["mean"] / 3


def test_figures_do_not_depend_on_the_number_of_processes(log: Log, result: SimulationResult) -> None:
    told: list[tuple[int, int]] = []
    parallel = simulate(
        log,
        ["thompson", "random"],
        weights={"usd": 10.0},
        seeds=3,
        jobs=2,
        progress=lambda done, total, policy: told.append((done, total)),
    )
    rows = {row["policy"]: row for row in result.to_dict()["policies"]}
    assert parallel.to_dict()["policies"][:2] == [rows["thompson"], rows["random"]]
    assert told == [(i, 6) for i in range(1, 7)]


def test_any_policy_may_be_named(short_log: Log) -> None:
    names = [
        "split:{a: thompson 0.5, b: fixed:small 0.5}",
        "per_class:{code: large, *: small}",
        "random",
        "random",
    ]
    rows = simulate(short_log, names, seeds=1, jobs=1).to_dict()["policies"]
    assert {row["policy"] for row in rows if row["attainable"]} == set(names)
    assert rows[0]["learns"]
    assert rows[0]["reward"]["low"] is None
    assert rows[0]["regret"]["se"] is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"weights": {"usd": -1}}, "usd=-1 is not a number from 0 to 1,000,000,000"),
        ({"weights": {"usd": "dear"}}, "usd=dear"),
        ({"weights": {"quality": math.nan}}, "quality=nan"),
        ({"weights": {"usd": math.inf}}, "usd=inf"),
        ({"weights": {"usd": 1e308}}, "usd=1e\\+308 is not a number from 0 to 1,000,000,000"),
        ({"weights": {"usd": 10**400}}, "is not a number from 0 to 1,000,000,000"),
        ({"weights": {"latency": 1}}, "the weights are quality, usd, second"),
        ({"weights": {"usd": 0, "quality": 0}}, "All weights are 0"),
        ({"weights": {"second": 1}}, "price seconds, but no row of the log has any"),
        ({"weights": banditroute.types.Weights(ttft_second=1.0)}, "time to first token"),
        ({"seeds": 0}, "whole number"),
        ({"policies": ["fixed:huge"]}, "huge"),
        ({"policies": ["best"]}, "best"),
        ({"where": "split"}, "name=value"),
    ],
)
def test_misuse_is_refused(
    options: dict[str, object], sentence: str, log: Log, rows: list[Row], write: WriteLog
) -> None:
    source = write(rows) if "where" in options else log
    with pytest.raises(BanditrouteError, match=sentence):
        simulate(source, **{"policies": ["random"], **options})  # type: ignore[arg-type]


def test_intervals_over_seeds() -> None:
    values = np.array([1.0, 2.0, 3.0])
    found = interval(values)
    half = 4.302652729749464 / math.sqrt(3)  # t quantile of 2 degrees of freedom, sd 1
    assert found["mean"] == 2.0
    assert found["low"] == pytest.approx(2 - half)
    assert found["high"] == pytest.approx(2 + half)
    assert spread(values) == pytest.approx({"mean": 2.0, "sd": 1.0, "se": 1 / math.sqrt(3)})
    assert spread(values[:1]) == {"mean": 1.0, "sd": None, "se": None}


def test_it_renders_itself(result: SimulationResult, tmp_path: Path) -> None:
    page = result._repr_html_()
    assert page.count("<tr") == 13
    assert "per_class_best (hindsight)" in page
    assert "complexity is left out" in page
    assert "seconds" not in page
    pytest.importorskip("matplotlib")
    figure = result.plot(tmp_path / "regret.png")
    assert (tmp_path / "regret.png").stat().st_size > 10_000
    labels = {text.get_text() for text in figure.axes[0].texts}
    assert {"thompson", "greedy"} <= labels
    assert len(figure.axes) == 2
    with pytest.raises(LogError, match="cannot be written"):
        result.plot(tmp_path / "regret.docx")


def test_the_command(rows: list[Row], write: WriteLog, tmp_path: Path) -> None:
    path = write([{"id": r["request_id"], **{k: v for k, v in r.items() if k != "request_id"}} for r in rows])
    arguments = [
        str(path),
        "--columns",
        "request_id=id",
        "--policy",
        "random",
        "--policy",
        "thompson",
        "--seeds",
        "2",
    ]
    done = CliRunner().invoke(
        command, [*arguments, "--weights", "quality=1,usd=3", "--json", str(tmp_path / "r.json")]
    )
    assert done.exit_code == 0, done.output
    assert "thompson" in done.stdout
    assert "best_single (hindsight)" in done.stdout
    assert "4 of 4 runs" in done.stderr
    told = CliRunner().invoke(command, [*arguments, "--weights", "quality=1,usd=3", "--json", "-"])
    assert json.loads(told.stdout) == json.loads((tmp_path / "r.json").read_text())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--weights", "latency=1"],
        ["--weights", "usd"],
        ["--seeds", "0"],
        ["--seeds", "many"],
        ["--jobs", "0"],
        ["--policy", "fixed:huge"],
        ["--columns", "request_id"],
        ["--where", "a=b"],
        ["--features", "a,,b"],
        ["--config", "absent.toml"],
        ["--json", "absent/figures.json"],
        ["--plot", "absent/regret.png"],
    ],
)
def test_the_command_ends_with_2_and_a_sentence(
    arguments: list[str], rows: list[Row], write: WriteLog, capsys: pytest.CaptureFixture[str]
) -> None:
    from banditroute.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["simulate", str(write(rows)), *arguments])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert "Traceback" not in captured.err
