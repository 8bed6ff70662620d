"""`banditroute report ab` and `report weekly` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from banditroute.commands.ab import METRICS as OFFERED
from banditroute.reports.ab.metrics import METRICS
from banditroute.store import open_store
from tests.reports.test_commands import run
from tests.reports.weeks import EXPERIMENT, FIRST, three_weeks

EXAMPLE = Path(__file__).parents[2] / "examples" / "experiment.csv.gz"

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
[[experiments]]
name = "learned-vs-premium"
variants = [
  {name = "control", policy = "fixed:large", share = 0.5},
  {name = "treatment", policy = "thompson", share = 0.5},
]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and its event log of three weeks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "banditroute.toml").write_text(CONFIG)
    memory = three_weeks(300)[1]
    store = open_store("sqlite:///banditroute.db", base=tmp_path)
    for page in (memory.decided(0, 1_000).records,):
        store.append_decisions([record.decision for record in page]).result()
        store.append_outcomes([one for record in page for one in record.outcomes]).result()
    store.close()
    return tmp_path


def test_ab_of_the_event_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["report", "ab", "--out", "ab.html", "--json", "ab.json"], capsys)
    assert (code, err) == (0, "")
    told = json.loads((place / "ab.json").read_text())
    assert " ".join(out.split()).startswith(told["verdict"]), "the verdict comes first"
    assert told["experiment"] == EXPERIMENT.name
    page = (place / "ab.html").read_text()
    assert told["verdict"] in page
    assert "prefers-color-scheme:dark" in page
    assert "src=" not in page, "it loads nothing"


def test_ab_of_a_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["report", "ab", str(EXAMPLE), "--control", "premium", "--max-usd", "0.05"]
    code, out, err = run([*args, "--json", "-", "--plot", "ab.png"], capsys)
    assert (code, err) == (0, "Drew ab.png.\n")
    told = json.loads(out)
    assert (told["decision"], told["control"], told["requests"]) == ("better", "premium", 10_000)
    assert told["effects"][1]["cap"]["high"] == 0.05
    assert told["effects"][0]["looks"]["units"][-1] == told["units"]
    assert (place / "ab.png").read_bytes()[:4] == b"\x89PNG"
    code, same, _ = run(["report", "ab", "--log", *args[2:], "--json", "-"], capsys)
    assert json.loads(same) == told
    code, part, _ = run([*args, "--where", "request_class=code", "--json", "-"], capsys)
    assert 0 < json.loads(part)["requests"] < 3_000


def test_weekly_of_the_event_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = "2024-10-25"  # FIRST + 21 days
    assert FIRST == 20_000
    args = ["report", "weekly", "--until", day, "--baseline", "large", "--out", "w.html"]
    code, out, err = run([*args, "--json", "w.json"], capsys)
    assert (code, err) == (0, "")
    told = json.loads((place / "w.json").read_text())
    assert told["until"] == (FIRST + 21) * 86_400.0
    assert out.startswith("The week from 2024-10-18 to 2024-10-24 (UTC)")
    assert "everything to large" in told["verdict"]
    assert told["experiments"][0]["name"] == EXPERIMENT.name
    assert told["verdict"] in (place / "w.html").read_text()


def test_every_metric_can_be_named() -> None:
    assert tuple(METRICS) == OFFERED


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ab", "--config", "none.toml"], "there is no such file"),
        (["ab", "none.csv"], "There is no log"),
        (["ab", "--where", "a=b"], "about a LOG"),
        (["ab", str(EXAMPLE), "--config", "none.toml"], "there is no such file"),
        (["ab", "--experiment", "learned-vs-premum"], "did you mean `learned-vs-premium`"),
        (["ab", "--control", "premium"], "no variant premium"),
        (["ab", str(EXAMPLE), "--experiment", "other"], "choose from `routed-vs-premium`"),
        (["ab", str(EXAMPLE), "--shares", "a=1"], "--shares names a"),
        (["ab", str(EXAMPLE), "--margin", "-1"], "-1"),
        (["ab", str(EXAMPLE), "--out", "no/such/a.html"], "cannot be written"),
        (["ab", str(EXAMPLE), "--out", "a.pdf"], "name a .html file"),
        (["ab", str(EXAMPLE), "--plot", "a.txt"], "no picture"),
        (["weekly"], "There is no decision"),
        (["weekly", "--until", "2024-10-25", "--baseline", "larg"], 'did you mean "large"'),
        (["weekly", "--until", "soon"], "soon"),
        (["weekly", "--out", "w.xlsx"], "name a .html file"),
    ],
)
def test_misuse_is_one_sentence_and_exit_2(
    place: Path, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(["report", *args], capsys)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
