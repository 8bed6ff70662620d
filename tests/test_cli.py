"""The command line: verbs, exit codes, sentences instead of tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from banditroute import cli
from banditroute.errors import BanditrouteError, ConfigError, LogError, StoreError
from tests.config.bad_configurations import BAD, MODEL

ROOT = Path(cli.__file__).parent.parent


def _run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "banditroute", *args]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def _exit(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Runs `main` in this process: exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_help_lists_every_verb_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _exit(["--help"], capsys)
    assert code == 0
    assert "Example:" in out
    for verb, what in cli.VERBS.items():
        assert verb in out
        assert what.split(":")[0] in out


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _exit([verb, "--help"], capsys)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: banditroute {verb}")
    assert f"Example: banditroute {verb}" in " ".join(out.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from banditroute import __version__

    assert _exit(["--version"], capsys)[:2] == (0, f"banditroute, version {__version__}\n")


@pytest.mark.parametrize(
    ("args", "way_out"),
    [
        (["chek"], 'did you mean "check"?'),
        (["xyzzy"], "known: demo, init, check"),
        (["check", "--confg", "a"], "--config"),
        (["init", "a", "b"], "unexpected extra argument"),
        ([], "Usage: banditroute"),
    ],
)
def test_misuse_exits_2_and_tells_what_there_is(
    args: list[str], way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _exit(args, capsys)
    assert (code, out) == (2, "")
    assert way_out in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a sentence"), 2, "a sentence\n"),
        (LogError("a sentence"), 2, "a sentence\n"),
        (StoreError("a sentence"), 1, "a sentence\n"),
        (BanditrouteError("a sentence"), 1, "a sentence\n"),
        (KeyboardInterrupt(), 130, ""),
        (FileNotFoundError(2, "No such file or directory", "x"), 1, "x: No such file or directory; check "),
        (ZeroDivisionError("oops"), 1, "banditroute has a defect (ZeroDivisionError: oops)"),
        (EOFError("no data"), 1, "banditroute has a defect (EOFError: no data)"),
    ],
)
def test_errors_end_as_one_sentence(
    error: BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: failing)
    result = _exit(["check"], capsys)
    assert result[:2] == (code, "")
    told = result[2].lstrip()  # click ends the line that Ctrl-C or a missing input stands on
    assert told.startswith(said)
    assert told.count("\n") <= 1


def test_init_then_check(tmp_path: Path) -> None:
    made = _run("init", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert "banditroute serve" in made.stdout
    checked = _run("check", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    for word in ("deepseek-v3", "claude-sonnet", "15.00", "translation", "thompson"):
        assert word in checked.stdout
    again = _run("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert _run("init", "--force", str(tmp_path), cwd=tmp_path).returncode == 0


def test_check_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.toml"
    path.write_text(MODEL + 'tier = "budget"\n[[rules]]\nreason = "r"\nkeywords = ["a"]\ntier = "budget"\n')
    code, out, err = _exit(["check", "--config", str(path), "--json"], capsys)
    found = json.loads(out)
    assert code == 0
    assert found["models"][0]["price_from"] == "unknown"
    assert found["rules"] == [{"reason": "r", "if": {"keywords": ["a"]}, "then": {"tier": "budget"}}]
    assert err == f"Warning: {found['warnings'][0]}\n"


def test_check_refuses_a_policy_that_does_not_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(MODEL + '[policy]\nname = "thomson"\nbaseline = "fixed:smal"\n')
    code, _, err = _exit(["check", "--config", str(path)], capsys)
    assert code == 2
    first, second = err.splitlines()
    assert first.startswith(f"{path}:4: ")
    assert 'did you mean "thompson"?' in first
    assert second.startswith(f"{path}:5: ")


def test_check_refuses_policies_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of a rules file may hold a comma, the policies of a canary are divided by them."""
    (tmp_path / "a,b.toml").write_text('[[rules]]\nreason = "r"\nkeywords = ["x"]\n')
    path = tmp_path / "c.toml"
    path.write_text(MODEL + '[policy]\nname = "rules:a,b.toml"\nmode = "canary:0.1"\n')
    code, out, err = _exit(["check", "--config", str(path)], capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"{path}:5: mode in [policy]: ")


@pytest.mark.parametrize("name", BAD)
def test_check_refuses_a_wrong_configuration(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"{BAD[name][0]}\n{MODEL}")
    code, out, err = _exit(["check", "--config", str(path)], capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"{path}:")
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    # `true` has ended long before the help is written into its pipe.
    command = f"'{sys.executable}' -m banditroute --help | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""
