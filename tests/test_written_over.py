"""No verb writes over what it reads, nor two things into one file."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import click
import pytest

from banditroute.cli import VERBS, cli, main
from banditroute.commands.inputs import OUTPUTS

FIXED = "--policy=fixed:small --seeds=1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of somebody at work, who is in their folder."""
    rows = [
        {"request_id": i, "request_class": "code", "model": model, "quality": 0.5, "usd": usd}
        for i in range(30)
        for model, usd in (("small", 0.001), ("large", 0.002))
    ]
    with (tmp_path / "log.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)
    (tmp_path / "link.csv").hardlink_to(tmp_path / "log.csv")
    (tmp_path / "prior.json").write_text("{}")
    (tmp_path / "usage.csv").write_text("request_class,requests,input_tokens,output_tokens,model\n")
    (tmp_path / "mine.toml").write_text('title = "mine"\nworld = "log.csv"\n')
    (tmp_path / "rules.toml").write_text("")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.jsonl").write_text("{}\n")
    (tmp_path / "banditroute.toml").write_text('[policy]\nname = "rules:rules.toml"\n')
    sqlite3.connect(tmp_path / "events.db").execute("CREATE TABLE events (seq)").connection.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "typed",
    [
        "fit log.csv -o log.csv",
        "fit log.csv -o ./link.csv",
        "fit log.csv -o new.json --json log.csv",
        "fit log.csv -o banditroute.toml --config banditroute.toml",
        f"simulate log.csv {FIXED} --json log.csv",
        f"simulate log.csv {FIXED} --json parts/../log.csv",
        f"simulate log.csv {FIXED} --prior prior.json --json prior.json",
        f"simulate log.csv {FIXED} --config banditroute.toml --json banditroute.toml",
        f"simulate log.csv {FIXED} --config banditroute.toml --json rules.toml",
        "simulate log.csv --seeds=1 --policy=rules:rules.toml --json rules.toml",
        "simulate mine.toml --json mine.toml",
        "simulate mine.toml --json log.csv",
        "evaluate log.csv --policy=random --json log.csv",
        "evaluate log.csv --policy=random --prior prior.json --json prior.json",
        "report savings log.csv --json log.csv",
        "report savings log.csv --out log.csv",
        "report savings --json banditroute.toml",
        "report savings --out events.db",
        "report ab log.csv --json log.csv",
        "report ab --log log.csv --out log.csv",
        "report ab --json events.db",
        "report weekly --out banditroute.toml",
        "report weekly --json events.db",
        "report quality --json banditroute.toml",
        "collect usage.csv -o usage.csv --usd 1",
        "collect usage.csv -o new.csv --usd 1 --json banditroute.toml",
        "calculate --usage usage.csv --json usage.csv",
        "import routerbench log.csv -o log.csv",
        "import tensorzero parts -o parts/part.jsonl",
    ],
)
def test_what_is_read_is_not_written_over(
    typed: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, err = _ended(typed, capsys)
    assert code == 2, err
    assert "is read, and would be written over; name another file." in err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "typed",
    [
        "fit log.csv -o new.json --json ./new.json",
        f"simulate log.csv {FIXED} --plot new.svg --json new.svg",
        f"simulate log.csv {FIXED} --world 100 --plot new.svg --plot-fit new.svg",
        "evaluate log.csv --policy=random --plot prior.svg --json parts/../prior.svg",
        "report savings log.csv --json new --out new",
        "report ab log.csv --plot new.png --out new.png",
        "report quality --json new.html --out new.html",
        "collect usage.csv -o new.csv --usd 1 --json new.csv",
        "demo --json demo.svg --plot demo.svg",
    ],
)
def test_two_things_go_to_two_files(typed: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = _ended(typed, capsys)
    assert code == 2, err
    assert "was named for two things to write; name a file for each." in err
    assert not [path for path in folder.rglob("*") if path.name.startswith("new")]


def test_an_older_answer_may_be_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "old.json").write_text("{}")
    assert _ended(f"simulate log.csv {FIXED} --jobs=1 --json old.json", capsys)[0] == 0
    assert (folder / "old.json").stat().st_size > 100


def test_the_prior_of_a_configuration_is_fitted_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = '[[models]]\nid = "small"\n[[models]]\nid = "large"\n[[classes]]\nname = "code"\n'
    (folder / "banditroute.toml").write_text(f'[policy]\nprior = "prior.json"\n{models}')
    for _ in range(2):
        assert _ended("fit log.csv -o prior.json", capsys)[0] == 0
    assert _ended("fit log.csv --config banditroute.toml -o prior.json", capsys)[0] == 0
    assert (folder / "prior.json").stat().st_size > 100


def test_texts_that_are_no_names_of_files_name_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "long.toml").write_text(f'[[rules]]\nname = "{"word " * 60}"\n')
    (folder / "old.json").write_text("{}")
    code, err = _ended(f"simulate log.csv {FIXED} --config long.toml --json old.json", capsys)
    assert "File name too long" not in err, code


def test_beside_what_is_read_of_a_folder_there_is_room(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "parts" / "out.csv").write_text("")
    assert "would be written over" not in _ended("import tensorzero parts -o parts/out.csv", capsys)[1]


def test_every_verb_that_writes_checks_where() -> None:
    group = click.Context(cli)
    verbs = [verb for name in VERBS if (verb := cli.get_command(group, name)) is not None]
    verbs += [part for verb in verbs if isinstance(verb, click.Group) for part in verb.commands.values()]
    writing = [verb for verb in verbs if {one.name for one in verb.params} & {*OUTPUTS, "json_path"}]
    assert len(writing) >= 12
    for verb in writing:
        assert verb.callback is not None
        assert "check_writable" in verb.callback.__code__.co_names, verb.name


def _ended(typed: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(typed.split())
    return int(ended.value.code or 0), capsys.readouterr().err
