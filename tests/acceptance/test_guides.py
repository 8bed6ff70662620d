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
from banditroute.config.starter import write_starter
from banditroute.demo.server import free_port, serving

ROOT = Path(__file__).parents[2]
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
)
NOT_RUN = ("./run", "./test", "banditroute serve", "banditroute init")
"""The demo and the tests have tests of their own; the service and its configuration are there already."""


def _snippets(guide: str) -> list[tuple[str, str]]:
    """Language and text of each block that can be run, in order; others show what stands in a file."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / guide).read_text(), re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in blocks if language in ("python", "sh")]


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
        command, check=False, capture_output=True, text=True, timeout=240, cwd=folder, env=environment
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("guide", GUIDES)
def test_every_snippet_runs(guide: str, tmp_path: Path) -> None:
    """Those for a service first; `Router` afterwards, alone with the log."""
    config = tmp_path / "banditroute.toml"
    write_starter(config)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = _environment(tmp_path)
    snippets = _snippets(guide)
    assert snippets
    served = [snippet for snippet in snippets if "8400" in snippet[1]]
    if served:
        port = free_port(0)
        with serving(config, port), Client(f"http://127.0.0.1:{port}") as client:
            decision = client.route(request_class="code")
            answered = client.route(request_class="chat", limits={"allow": ["gpt-4o"]})
            client.feedback(answered.id, quality=0.5, usd=0.002)
            for language, text in served:
                here = text.replace("8400", str(port)).replace("THE_DECISION_ID", decision.id)
                _run(language, here, tmp_path, environment)
    for snippet in snippets:
        if snippet not in served:
            _run(*snippet, tmp_path, environment)


def test_links_between_guides_lead_somewhere() -> None:
    for guide in GUIDES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / guide).read_text()):
            assert (ROOT / guide).parent.joinpath(target).exists(), f"{guide} links to {target}"
