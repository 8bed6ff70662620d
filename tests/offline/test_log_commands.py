"""`banditroute import` and `banditroute export`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from banditroute import Router
from banditroute.cli import main
from tests.offline.test_log_export import configured

WIDE = "sample_id,eval_name,a,b,a|total_cost,b|total_cost\ns,e,1,0.5,0.1,0.2\n"


def typed(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_import_says_what_the_log_can_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wide.csv").write_text(WIDE)
    out = tmp_path / "log.parquet"
    code, told, err = typed(capsys, "import", "routerbench", tmp_path / "wide.csv", "-o", out)
    assert (code, err) == (0, "")
    assert told == f"{out}: 2 rows, 1 request, 2 models; full information: simulate and fit can use it.\n"
    code, told, _ = typed(capsys, "import", "routerbench", tmp_path / "wide.csv", "-o", out, "--json")
    assert json.loads(told) == {
        "log": str(out),
        "rows": 2,
        "requests": 1,
        "models": 2,
        "kind": "full_information",
        "notes": [],
    }


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("import", "routerbench", "{}/none.csv", "-o", "{}/log.csv"), "There is no log at"),
        (("import", "pickle", "{}/wide.csv", "-o", "{}/log.csv"), "There is no format 'pickle'"),
        (("import", "routerbench", "{}/broken.csv", "-o", "{}/log.csv"), "--skip-bad"),
        (("import", "routerbench", "{}/wide.csv"), "Missing option '-o'"),
        (("export", "-o", "{}/log.csv", "--config", "{}/none.toml"), "none.toml"),
        (("export", "-o", "{}/log.csv", "--config", "{}/memory.toml"), "memory://"),
        (("export", "-o", "{}/log.csv", "--config", "{}/banditroute.toml"), "no decision in the event log"),
    ],
)
def test_misuse_ends_with_2_and_one_sentence(
    args: Sequence[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wide.csv").write_text(WIDE)
    (tmp_path / "broken.csv").write_text(WIDE + "t,e,1\n")
    configured(tmp_path)
    text = (tmp_path / "banditroute.toml").read_text()
    (tmp_path / "memory.toml").write_text(text.replace("sqlite:///events.db", "memory://"))
    code, out, err = typed(capsys, *(arg.format(tmp_path) for arg in args))
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "log.csv").exists()


def test_skipped_rows_are_told_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.csv").write_text(WIDE + "t,e,1\n")
    args = ("import", "routerbench", tmp_path / "broken.csv", "-o", tmp_path / "log.csv", "--skip-bad")
    code, _, err = typed(capsys, *args)
    assert code == 0
    assert err.startswith("Left out: 1 line of ")


def test_export_writes_what_evaluate_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = configured(tmp_path)
    with Router(settings) as router:
        for i in range(3):
            router.feedback(router.route(request_class="code").id, quality=i / 2)
        router.route(model="large")
    out = tmp_path / "log.jsonl"
    code, told, err = typed(capsys, "export", "-o", out, "--config", tmp_path / "banditroute.toml")
    assert (code, told) == (0, f"{out}: 4 rows, 3 of them drawn with a known propensity.\n")
    assert err == "1 row of kind caller has no propensity: not drawn.\n"
    code, told, _ = typed(capsys, "export", "-o", out, "--config", tmp_path / "banditroute.toml", "--json")
    assert (json.loads(told)["rows"], json.loads(told)["drawn"]) == (4, 3)


@pytest.mark.parametrize("verb", ["import", "export"])
def test_help_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = typed(capsys, verb, "--help")
    assert code == 0
    assert f"banditroute {verb}" in told.split("Example:")[1]
