"""What the notebooks call: `fit`, single names for lists of one, and nonsense refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import banditroute
from banditroute.commands.evaluate import evaluate as evaluate_command
from banditroute.commands.fit import fit as fit_command
from banditroute.config.priorfile import read_prior
from banditroute.errors import LogError
from banditroute.offline import frontier, read_log, simulate_scenario
from banditroute.offline.logs.decisionlog import DecisionLog

from .conftest import Row, WriteLog
from .decisions import fixed_log
from .test_evaluate_refusals import rows_of
from .test_evaluate_refusals import write as write_rows


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("drawn") / "log.csv", rows_of(fixed_log(700, 0)))


def test_fit_is_what_the_command_writes(rows: list[Row], write: WriteLog, tmp_path: Path) -> None:
    log = write(
        [{**row, "split": "val" if i % 2 else "test", "score": row["quality"]} for i, row in enumerate(rows)]
    )
    kept, columns = {"split": "val"}, {"quality": "score"}
    prior = banditroute.fit(log, tmp_path / "own.json", where=kept, columns=columns)
    typed = [
        str(log),
        "-o",
        str(tmp_path / "typed.json"),
        "--where",
        "split=val",
        "--columns",
        "quality=score",
    ]
    assert CliRunner().invoke(fit_command, typed).exit_code == 0
    assert (tmp_path / "own.json").read_bytes() == (tmp_path / "typed.json").read_bytes()
    assert read_prior(tmp_path / "own.json") == prior
    assert banditroute.fit(log, where="split=val", columns=columns) == prior
    warm = banditroute.simulate(log, "thompson", weights={"usd": 0}, seeds=1, prior=prior, jobs=1)
    assert any("Learners start from a prior: " in note for note in warm.notes)


def test_fit_does_not_write_over_its_log(rows: list[Row], write: WriteLog) -> None:
    log = write(rows)
    before = log.read_bytes()
    with pytest.raises(LogError, match="is the log that is read"):
        banditroute.fit(log, log)
    assert log.read_bytes() == before


def test_one_name_is_a_list_of_one(rows: list[Row], write: WriteLog, drawn: Path) -> None:
    log = read_log(write(rows))
    assert not isinstance(log, DecisionLog)
    one = banditroute.simulate(log, "fixed:small", seeds=1, jobs=1)
    assert one.to_dict() == banditroute.simulate(log, ["fixed:small"], seeds=1, jobs=1).to_dict()
    assert {point.policy for point in frontier(log, "fixed:small", seeds=1, keep=None, jobs=1).points} == {
        "fixed:small"
    }
    weights = {"usd": 0.0}
    found = banditroute.evaluate(drawn, "random", estimators="ips", weights=weights).to_dict()
    assert found == banditroute.evaluate(drawn, ["random"], estimators=["ips"], weights=weights).to_dict()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"policies": 3}, "The policies are 3; give a name, or a list of names."),
        ({"policies": [3]}, "The policies are"),
        ({"policies": []}, "The policies are an empty list; name at least one, or leave them out"),
        ({"weights": 3}, "The weights are 3; give them by name"),
        ({"weights": "usd=3"}, "The weights are 'usd=3'; give them by name"),
        ({"prior": 5}, "The prior is 5; give one that fit made"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(
    asked: dict[str, object], sentence: str, rows: list[Row], write: WriteLog, drawn: Path
) -> None:
    log = read_log(write(rows))
    for call in (banditroute.simulate, frontier):
        with pytest.raises(LogError, match=sentence):
            call(log, **asked)  # type: ignore[operator]
    with pytest.raises(LogError, match=sentence):
        banditroute.evaluate(drawn, **asked)  # type: ignore[arg-type]
    if "prior" not in asked:
        with pytest.raises(LogError, match=sentence):
            simulate_scenario("price-cut", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"columns": ["a"]}, r"columns is \['a'\]; give names with their values"),
        ({"where": ["a"]}, r"where is \['a'\]; give names with their values"),
    ],
)
def test_what_is_no_way_to_read_a_log_is_refused_in_a_sentence(
    asked: dict[str, object], sentence: str, drawn: Path
) -> None:
    for call in (banditroute.simulate, frontier, banditroute.evaluate, banditroute.fit):
        with pytest.raises(LogError, match=sentence):
            call(drawn, **asked)  # type: ignore[operator]


def test_what_is_no_log_is_refused_in_a_sentence(drawn: Path, tmp_path: Path) -> None:
    for call in (banditroute.simulate, frontier, banditroute.evaluate, banditroute.fit):
        with pytest.raises(LogError, match="The log is None; give the path of a CSV"):
            call(None)  # type: ignore[operator]
        with pytest.raises(LogError, match="The log is of type dict; give the path of a CSV"):
            call({"quality": [1]})  # type: ignore[operator]
    (tmp_path / "prior.json").touch()
    with pytest.raises(LogError, match="The log is None"):
        banditroute.fit(None, tmp_path / "prior.json")  # type: ignore[arg-type]
    with pytest.raises(LogError, match="logged decisions"):
        banditroute.simulate(read_log(drawn))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["first_seed", "train_seed"])
@pytest.mark.parametrize("seed", [-5, 0.5, True, "1"])
def test_what_is_no_seed_is_refused(name: str, seed: object, drawn: Path) -> None:
    with pytest.raises(LogError, match=f"{name} is {seed!r}; a seed is a whole number from 0 on"):
        banditroute.simulate(drawn, **{name: seed})  # type: ignore[arg-type]


@pytest.mark.parametrize(("policies", "code"), [(["fixed:small"], 1), (["fixed:small", "random"], 0)])
def test_evaluate_ends_with_1_where_all_is_refused(policies: list[str], code: int, drawn: Path) -> None:
    named = [f"--policy={name}" for name in policies]
    done = CliRunner().invoke(evaluate_command, [str(drawn), *named, "--weights=usd=0", "--estimator=ips"])
    assert done.exit_code == code, done.output
    assert "fixed:small: The weights leave" in done.stdout
    assert "Exit code 1 where" in CliRunner().invoke(evaluate_command, ["--help"]).stdout
