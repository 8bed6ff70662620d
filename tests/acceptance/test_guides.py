"""Every command and snippet of README and guides runs as written, against a service started for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from banditroute import Client
from banditroute.config.load import load
from banditroute.config.starter import write_starter
from banditroute.service.ready import check_ready
from tests.acceptance.test_service_process import PATIENCE, served, stopped

ROOT = Path(__file__).parents[2]
TIMEOUT = 900
"""Seconds that a snippet may take; the longest takes half a minute where nothing else runs."""

GUIDES = (
    "README.md",
    "docs/quickstart.md",
    "docs/simulate.md",
    "docs/evaluate.md",
    "docs/choosing-weights.md",
    "docs/world.md",
    "docs/warm-start.md",
    "docs/collect.md",
    "docs/savings.md",
    "docs/scenarios.md",
    "docs/estimators.md",
    "docs/judges-and-people.md",
    "docs/keys.md",
    "docs/new-models.md",
    "docs/guardrails.md",
    "docs/judge.md",
    "docs/quality-report.md",
    "docs/when-models-change.md",
    "docs/how-much-feedback.md",
    "docs/experiments.md",
    "docs/reports.md",
    "docs/observability.md",
)
CONFIGURING = (
    "docs/guardrails.md",
    "docs/pacing.md",
    "docs/judge.md",
    "docs/hostile-feedback.md",
    "docs/what-is-judged.md",
    "docs/when-models-change.md",
    "docs/new-models.md",
    "docs/observability.md",
)
"""Guides with pieces of a configuration."""

CONFIGURED = ("docs/guardrails.md", "docs/judge.md")
"""Guides whose commands are for a service that is configured as their first piece says."""

LONG = ("docs/scenarios.md", "docs/choosing-weights.md", "docs/simulate.md")
"""Guides that take a minute of computing in all; what they show has quick tests of its own."""

NOT_RUN = (
    "./run",
    "./test",
    ".venv/bin/python -m pip install",
    "banditroute serve",
    "banditroute init",
    ".venv/bin/python benchmarks/",
    "banditroute simulate regression",
)
"""The demo and the tests have tests of their own; the service and its configuration are there already;
nothing is installed; benchmarks take minutes, and scenarios have tests of their own too."""


def _snippets(guide: str) -> list[tuple[str, str]]:
    """Language and text of each block that can be run, in order; others show what stands in a file."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / guide).read_text(), re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in blocks if language in ("python", "sh")]


def _pieces(guide: str) -> list[str]:
    """The blocks that are part of a configuration, in order; a rubric and a golden set are files apart."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", (ROOT / guide).read_text(), re.MULTILINE | re.DOTALL)
    return [text for text in blocks if text.startswith("[") and not text.startswith("[[tasks]]")]


def _configured(path: Path, piece: str) -> None:
    """The starter, with a piece in place of the sections that it gives, and a provider it may name."""
    write_starter(path)
    text = path.read_text()
    for section in re.findall(r"^\[(\w+)\]", piece, re.MULTILINE):
        text = re.sub(rf"^\[{section}\].*?(?=^\[|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    path.write_text(f'{text}\n{piece}\n[[upstreams]]\nname = "openai"\ndialect = "openai"\n')


def _environment(folder: Path) -> dict[str, str]:
    """`banditroute` on the path is this working tree's."""
    command = folder / "bin" / "banditroute"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m banditroute "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def _run(language: str, text: str, folder: Path, environment: dict[str, str]) -> None:
    if language == "sh" and "curl" in text and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    text = "\n".join(line for line in text.splitlines() if not line.startswith(NOT_RUN))
    text = text.replace("curl -s ", "curl -sf ")  # a refusal shall fail
    command = [sys.executable, "-c", text] if language == "python" else ["sh", "-ec", text]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=TIMEOUT, cwd=folder, env=environment
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "guide", [pytest.param(name, marks=pytest.mark.full if name in LONG else ()) for name in GUIDES]
)
def test_every_snippet_runs(guide: str, tmp_path: Path) -> None:
    """Those for a service first; `Router` afterwards, alone with the log."""
    config = tmp_path / "banditroute.toml"
    if guide in CONFIGURED:
        _configured(config, _pieces(guide)[0])
    else:
        write_starter(config)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = _environment(tmp_path)
    snippets = _snippets(guide)
    assert snippets
    asking = [snippet for snippet in snippets if "8400" in snippet[1]]
    if asking:
        with served(config) as (process, url), Client(url, timeout=PATIENCE) as client:
            decision = client.route(request_class="code")
            answered = client.route(request_class="chat", limits={"allow": ["gpt-4o"]})
            client.feedback(answered.id, quality=0.5, usd=0.002)
            for language, text in asking:
                here = text.replace("8400", url.rpartition(":")[2]).replace("THE_DECISION_ID", decision.id)
                _run(language, here, tmp_path, environment)
            assert stopped(process) == 0
    for snippet in snippets:
        if snippet not in asking:
            _run(*snippet, tmp_path, environment)


@pytest.mark.parametrize("guide", CONFIGURING)
def test_every_piece_of_a_configuration_is_right(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `serve` takes it, and as `check` does."""
    pieces = _pieces(guide)
    assert pieces
    for place, piece in enumerate(pieces):
        config = tmp_path / f"{place}.toml"
        _configured(config, piece)
        for name in re.findall(r'_env = "(\w+)"', piece):
            monkeypatch.setenv(name, "name=a-secret")  # as a list of headers too
        for module in re.findall(r'^redactor = "(\w+):(\w+)"', piece, re.MULTILINE):
            (tmp_path / f"{module[0]}.py").write_text(f"def {module[1]}(text):\n    return text\n")
            monkeypatch.syspath_prepend(str(tmp_path))
        loaded = load(config)
        check_ready(loaded.settings, loaded.problems)


@pytest.mark.parametrize("guide", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_benchmarks_are_called_as_they_are_in_the_environment_of_run(guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text()
    for name, study in re.findall(
        r"^\.venv/bin/python benchmarks/(\w+)\.py --only (\w+)", text, re.MULTILINE
    ):
        assert f"\ndef {study}()" in (ROOT / "benchmarks" / f"{name}.py").read_text()
    assert not re.findall(r"^python benchmarks", text, re.MULTILINE)


def test_links_between_guides_lead_somewhere() -> None:
    for guide in GUIDES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / guide).read_text()):
            assert (ROOT / guide).parent.joinpath(target).exists(), f"{guide} links to {target}"
