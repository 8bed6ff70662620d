"""`banditroute report savings` and `banditroute calculate` from the outside."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from banditroute import cli
from banditroute.config.load import load_settings
from banditroute.config.starter import write_starter
from banditroute.store import open_store
from tests.reports.logs import drawn
from tests.reports.test_live import decision, outcomes


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


TOKENS = ("--input-tokens", "1", "--output-tokens", "1")

CONFIG = """
[[models]]
id = "small"
usd_per_million_input = 1
usd_per_million_output = 4
[[models]]
id = "large"
usd_per_million_input = 10
usd_per_million_output = 40
[[classes]]
name = "code"
[[classes]]
name = "chat"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, an event log, and the same requests as a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    log = drawn(3, n=200)
    names = log.request_ids.tolist()
    store = open_store(load_settings(tmp_path / "c.toml").store.url, base=tmp_path)
    store.append_decisions([decision(name, log, i) for i, name in enumerate(names)]).result()
    store.append_outcomes([one for i, name in enumerate(names) for one in outcomes(name, log, i)]).result()
    store.close()
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["id", "request_class", "model", "quality", "input_tokens", "output_tokens", "at", "unit"]
        )
        assert log.at is not None
        for i, name in enumerate(names):
            told = [log.quality[i], int(log.input_tokens[i]), log.output_tokens[i], log.at[i], f"u{i % 40}"]
            rows.writerow([name, log.classes[log.class_index[i]], log.models[log.action[i]], *told])
    return tmp_path


def test_event_log_and_file_give_the_same_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["--config", "c.toml", "--baseline", "large", "--json", "-"]
    code, live, err = run(["report", "savings", *shared], capsys)
    assert (code, err) == (0, "")
    code, read, err = run(["report", "savings", "log.csv", "--columns", "request_id=id", *shared], capsys)
    assert (code, err) == (0, "")
    one, other = json.loads(live), json.loads(read)
    assert one["verdict"] == other["verdict"]
    assert one["actual"]["monthly"]["low"] == pytest.approx(other["actual"]["monthly"]["low"], rel=1e-9)
    assert one["requests"] == other["requests"]


def test_the_table_and_the_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["report", "savings", "--config", "c.toml", "--baseline", "large", "--out", "s.html"]
    code, out, err = run(args, capsys)
    assert (code, err) == (0, "")
    assert out.startswith("You paid $")
    assert "fixed:large" in out
    assert "<!doctype html>" in (place / "s.html").read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["report", "savings"], "banditroute.toml: there is no such file"),
        (["report", "savings", "none.csv"], "There is no log"),
        (["report", "savings", "log.csv"], "request_id"),
        (["report", "savings", "log.csv", "--days", "3"], "--days is about the event log"),
        (["report", "savings", "--config", "c.toml", "--where", "a=b"], "about a LOG"),
        (["report", "savings", "--config", "c.toml", "--baseline", "larg"], 'did you mean "large"'),
        (["report", "savings", "--config", "c.toml", "--days", "3"], "no decision in these days"),
        (["report", "savings", "--config", "c.toml", "--out", "no/such/a.html"], "cannot be written"),
        (["report", "savings", "--config", "c.toml", "--requests-per-month", "0"], "requests-per-month"),
        (["report", "savings", "--config", "c.toml", "--out", "a.pdf"], "name a .html file"),
        (["report", "saving"], "No such command"),
        (["calculate"], "--requests, --input-tokens, --output-tokens, --current are missing"),
        (["calculate", "--usage", "none.csv"], "There is no file"),
        (["calculate", "--usage", "u.csv", "--out", "cost"], "name a .html file"),
        (["calculate", "--usage", "u.csv", "--current", "gpt-4o"], "--usage holds all"),
        (["calculate", "--requests", "-5", *TOKENS, "--current", "gpt-4o"], "-5"),
        (["calculate", "--requests", "5", *TOKENS, "--current", "mine"], "The price of mine is not known"),
    ],
)  # fmt: skip
def test_misuse_is_one_sentence_and_exit_2(
    place: Path, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(args, capsys)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_calculate_with_what_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["calculate", "--requests", "50000", "--input-tokens", "800", "--output-tokens", "300"]
    code, out, err = run([*args, "--current", "gpt-4o", "--out", "c.html", "--json", "-"], capsys)
    assert (code, err) == (0, "")
    answer = json.loads(out)
    # 50,000 × (800 × 2.5e-6 + 300 × 1e-5)
    assert answer["now"]["monthly"] == pytest.approx(250.0)
    assert "gpt-4o" in (tmp_path / "c.html").read_text()
    weekly = run([*args, "--current", "gpt-4o", "--period", "week", "--json", "-"], capsys)[1]
    assert json.loads(weekly)["now"]["monthly"] == pytest.approx(250.0 * 365.25 / 84)
    write_starter(tmp_path / "banditroute.toml")
    same = run([*args, "--current", "gpt-4o", "--config", "banditroute.toml", "--json", "-"], capsys)[1]
    assert json.loads(same) == answer
    priced = run([*args, "--current", "gpt-4-turbo", "--model", "gpt-4o", "--json", "-"], capsys)
    assert priced[0] == 0, "it is in the price list"
    names = {plan["name"] for plan in json.loads(priced[1])["plans"]}
    assert {"fixed:gpt-4o", "fixed:gpt-4-turbo"} <= names
    assert "fixed:deepseek-v3" not in names
