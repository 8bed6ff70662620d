"""`banditroute collect` as a person runs it: killed and started again, from a pipe, and refused."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from banditroute import simulate
from banditroute.cli import main
from banditroute.offline import read_log
from banditroute.offline.collection.journal import ENDING, Cell, Lost, _decoder
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from tests.offline.collecting import JUDGE, MODELS, prompts_file, starter

COLLECT = (sys.executable, "-m", "banditroute", "collect")
STRUCK = """
import os, sys
from banditroute.cli import main
from banditroute.offline.collection.journal import Journal

number, after, end = int(sys.argv[1]), int(sys.argv[2]), Journal.end

def struck(self, ended):
    end(self, ended)
    if len(self.cells) >= after:
        Journal.end = end
        os.kill(os.getpid(), number)

Journal.end = struck
main(["collect", *sys.argv[3:]])
"""
"""A `collect` that is sent a signal as soon as so many cells are complete."""

ONLY = tuple(part for model in MODELS for part in ("--model", model))


def lines(journal: Path) -> list[object]:
    """What the journal holds, without a line that is being written."""
    if not journal.exists():
        return []
    return [
        _decoder.decode(line) for line in journal.read_bytes().splitlines(keepends=True) if line[-1:] == b"\n"
    ]


def cells(journal: Path) -> dict[tuple[str, str], Cell]:
    found = [line for line in lines(journal) if isinstance(line, Cell)]
    assert len({(cell.request_id, cell.model) for cell in found}) == len(found), "a cell was paid twice"
    return {(cell.request_id, cell.model): cell for cell in found}


def struck(folder: Path, number: int, after: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STRUCK, str(int(number)), str(after), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_killed_and_started_again_it_pays_every_cell_once_within_the_cap(tmp_path: Path) -> None:
    """Killed twice. What was under way counts as spent; what was finished is not asked again. The log goes
    through simulate and fit."""
    starter(tmp_path)
    prompts_file(tmp_path / "prompts.csv", 100)
    out, cap = tmp_path / "log.parquet", 3.0
    journal = out.with_name(out.name + ENDING)
    command = ("prompts.csv", "-o", out.name, "--usd", str(cap), *ONLY, "--judge", JUDGE)
    kept: dict[tuple[str, str], Cell] = {}
    for after in (31, 91):
        assert struck(tmp_path, signal.SIGKILL, after, *command).returncode == -signal.SIGKILL
        now = cells(journal)
        assert after <= len(now) < 200
        assert kept.items() <= now.items(), "what was finished was asked again"
        kept = now
    assert not out.exists()
    done = subprocess.run(
        [*COLLECT, *command, "--json", "figures.json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    figures = json.loads((tmp_path / "figures.json").read_text())
    log = read_log(out)
    assert isinstance(log, Log)
    assert (len(log), log.models) == (100, MODELS)
    assert not np.isnan(log.quality).any()
    assert not journal.exists()
    for (request, model), cell in kept.items():
        place = log.request_ids.tolist().index(request), log.models.index(model)
        assert log.quality[place] == cell.quality
        assert log.usd[place] == cell.usd
    usd = figures["usd"]
    assert usd["answers"] == pytest.approx(log.usd.sum())
    assert usd["elsewhere"] > 0.0, "what was under way when it was killed may have been charged"
    assert usd["answers"] + usd["verdicts"] < usd["spent"] <= cap
    assert "100 of 100 prompts" in done.stderr
    result = simulate(out, policies=["thompson", f"fixed:{MODELS[0]}"], seeds=1).to_dict()
    assert result["log"]["kind"] == "full_information"
    assert {row["policy"] for row in result["policies"]} >= {"thompson", f"fixed:{MODELS[0]}"}
    assert fit_prior(out).requests == 100


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `collect` in this process."""
    with pytest.raises(SystemExit) as ended:
        main(["collect", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and prompts, to be in."""
    starter(tmp_path)
    prompts_file(tmp_path / "prompts.csv", 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_killed_process_leaves_its_promises_as_spent(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A start whose cap the promises of the dead one have used up spends nothing more."""
    journal = here / f"log.csv{ENDING}"
    journal.write_text(
        '{"type":"begun","reserved":{"x":0.9,"y":0.2}}\n{"type":"cell","key":"y","request_id":'
    )
    command = ("prompts.csv", "-o", "log.csv", *ONLY, "--judge", JUDGE)
    code, _, error = told(capsys, *command, "--usd", "1")
    assert code == 2
    assert "No prompt is finished" in error
    assert "higher --usd" in error
    assert [line for line in lines(journal) if isinstance(line, Lost)] == [
        Lost("x", 0.9, "its process ended"),
        Lost("y", 0.2, "its process ended"),
    ]
    code, output, _ = told(capsys, *command, "--usd", "9", "--json", "-")
    usd = json.loads(output)["usd"]
    assert code == 0
    assert usd["elsewhere"] == pytest.approx(1.1)
    assert usd["spent"] == pytest.approx(usd["answers"] + usd["verdicts"] + 1.1)


def test_prompts_come_through_a_pipe_and_the_table_is_shown(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(json.dumps({"prompt": f"Write a function, number {i}."}) + "\n" for i in range(5))
    for name, text in (("json", rows), ("text", "Translate this letter.\nAnd that one.\n")):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        code, output, error = told(capsys, "-", "-o", f"{name}.csv", *ONLY, "--usd", "2", "--judge", JUDGE)
        assert code == 0
        assert "at most" in error
        assert all(model in output for model in MODELS)
        assert f"{JUDGE}/pointwise-1" in output
    assert read_log(here / "json.csv").classes == ("code",)
    assert read_log(here / "text.csv").classes[-1] == "translation"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("prompts.csv", "-o", "log.csv"), "--usd"),
        (("prompts.csv", "-o", "log.csv", "--usd", "0"), "--usd"),
        (("prompts.csv", "-o", "log.csv", "--usd", "nan"), "--usd"),
        (("prompts.csv", "-o", "log.txt", "--usd", "1"), "extension"),
        (("prompts.csv", "-o", "none/log.csv", "--usd", "1"), "folder"),
        (("prompts.csv", "-o", "log.csv", "--usd", "1", "--judge", "gpt-9"), "gpt-9"),
        (("none.csv", "-o", "log.csv", "--usd", "1"), "none.csv"),
    ],
)
def test_misuse_is_refused_with_a_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    code, _, error = told(capsys, *arguments)
    assert code == 2
    assert says in error
    assert "Traceback" not in error
    assert sorted(path.name for path in here.iterdir()) == ["banditroute.toml", "prompts.csv"]


def test_a_key_that_is_not_set_is_told_of_before_anything_is_begun(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "banditroute.toml"
    far = (
        '[[upstreams]]\nname = "far"\napi_key_env = "NO_SUCH_KEY"\n[[models]]\nid = "far-1"\nupstream = "far"'
    )
    prices = "usd_per_million_input = 1.0\nusd_per_million_output = 1.0"
    path.write_text(f"{path.read_text()}\n{far}\n{prices}\n")
    code, _, error = told(capsys, "prompts.csv", "-o", "log.csv", "--usd", "9")
    assert code == 2
    assert "NO_SUCH_KEY" in error
    assert sorted(path.name for path in here.iterdir()) == ["banditroute.toml", "prompts.csv"]


def test_a_signal_ends_it_in_order(here: Path) -> None:
    """What is begun is ended, the log of it is written, and another start goes on."""
    journal = here / f"log.csv{ENDING}"
    command = ("prompts.csv", "-o", "log.csv", "--usd", "9", *ONLY, "--judge", JUDGE)
    done = struck(here, signal.SIGINT, 10, *command)
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    log = read_log(here / "log.csv")
    assert 5 <= len(log) < 20
    assert len(cells(journal)) >= 2 * len(log)
    assert [line for line in lines(journal) if isinstance(line, Lost)] == []
    assert "start again to go on" in done.stdout
    assert "once more ends at once" in done.stderr
