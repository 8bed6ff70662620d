"""`banditroute evaluate` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute.cli import main
from banditroute.commands.evaluate import evaluate as command

from .decisions import fixed_log
from .test_evaluate_refusals import every, rows_of, write


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "log.csv", rows_of(fixed_log(1_500, 0)))


def test_table_json_and_plot(log: Path, tmp_path: Path) -> None:
    arguments = ["--policy", "fixed:large", "--policy", "thompson", "--estimator", "ips", "--estimator", "dr"]
    files = ["--json", str(tmp_path / "e.json"), "--plot", str(tmp_path / "e.svg")]
    done = CliRunner().invoke(command, [str(log), *arguments, "--weights", "quality=1,usd=0", *files])
    assert done.exit_code == 0, done.output
    assert "thompson (frozen)" in done.stdout
    assert "ESS" in done.stdout
    found = json.loads((tmp_path / "e.json").read_text())
    assert found["estimators"] == ["ips", "dr"]
    assert (tmp_path / "e.svg").read_text().startswith("<?xml")
    assert "3,000 of 3,000 rows (thompson)" in done.stderr


def test_json_on_standard_output_is_nothing_but_json(log: Path) -> None:
    done = CliRunner().invoke(command, [str(log), "--policy", "random", "--weights", "usd=0", "--json", "-"])
    assert json.loads(done.stdout)["policies"][1]["policy"] == "random"


def test_a_log_that_cannot_answer_ends_with_2_and_a_sentence(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = write(tmp_path / "blind.csv", every(rows_of(fixed_log(200, 0)), propensity=""))
    for arguments, sentence in (
        ([str(blind)], "no propensity"),
        ([str(log), "--policy", "thomson"], 'There is no policy "thomson"'),
        ([str(log), "--estimator", "magic"], "There is no estimator 'magic'"),
        ([str(log), "--logged-by", "nobody"], "--logged-by"),
        ([str(tmp_path / "none.csv")], "There is no log"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *arguments])
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert "Traceback" not in error
