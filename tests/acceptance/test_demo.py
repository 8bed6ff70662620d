"""The demo as a person runs it: a process that starts a server, plays over HTTP, tells, and cleans up."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from banditroute.demo.server import free_port

DEMO = (sys.executable, "-m", "banditroute", "demo")
TIMEOUT = 600
"""Seconds; generous, as a first start compiles the kernels. A run takes a few."""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _port() -> int:
    """A port below those that the kernel gives to whoever asks for any: nobody gets it by chance between the
    demo's look whether it is free and the start of its service."""
    return free_port(random.SystemRandom().randrange(10_000, 30_000))


def _url_port(text: str) -> int:
    found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
    assert found, text
    return int(found[1])


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    """One run of 200 requests on a port that is taken, in an environment that names another store."""
    folder = tmp_path_factory.mktemp("demo")
    report = folder / "demo.json"
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "BANDITROUTE_STORE__URL": f"sqlite:///{folder}/not-mine.db",
    }
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        done = subprocess.run(
            [*DEMO, "--requests", "200", "--exit", "--port", str(port), "--json", str(report)],
            check=False, capture_output=True, text=True, timeout=TIMEOUT, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Port {port} is taken" in done.stdout
    assert [entry.name for entry in folder.iterdir()] == ["demo.json"], "left something behind"
    return done, json.loads(report.read_text())


def test_it_ends_by_itself_and_the_server_is_gone(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    done, _ = run
    assert not _listens(_url_port(done.stdout.split("Starting")[1]))
    assert done.stderr == ""


def test_the_table_holds_every_rule_on_the_same_requests(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    done, report = run
    rows = {row["policy"]: row for row in report["policies"]}  # type: ignore[attr-defined]
    models = ("deepseek-v3", "qwen3-32b", "llama-3.3-70b", "gpt-4o-mini", "gpt-4o", "claude-sonnet")
    rules = {"cheapest", "best_prior", "random", "round_robin", "complexity", *(f"fixed:{m}" for m in models)}
    assert rules | {"thompson", "best_single", "per_class_best"} <= set(rows)
    for name, row in rows.items():
        assert name in done.stdout
        assert sum(row["share"].values()) == pytest.approx(1)
        assert row["usd"]["per_1000"] == pytest.approx(1000 * row["usd"]["total"] / 200)
        assert row["reward"]["mean"] == pytest.approx(row["quality"]["mean"] - 20 * row["usd"]["mean"])
    assert {name for name, row in rows.items() if row["learns"]} == {"thompson"}
    assert {name for name, row in rows.items() if row["hindsight"]} == {"best_single", "per_class_best"}
    assert all(rows[f"fixed:{m}"]["share"] == {m: 1.0} for m in models)
    assert rows["fixed:claude-sonnet"]["savings"] == 0
    assert rows["best_single"]["reward"]["mean"] == max(rows[f"fixed:{m}"]["reward"]["mean"] for m in models)
    assert report["verdict"] in done.stdout.replace("\n", " ")


def test_the_learned_policy_is_within_bounds_after_200_requests(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    """The world is fixed, the service's seeds are random: over eight runs the reward was 0.785, sd 0.009.

    Both bounds are six sds away: under one false alarm in a million runs, if normal.
    """
    _, report = run
    rows = {row["policy"]: row for row in report["policies"]}  # type: ignore[attr-defined]
    learned = rows["thompson"]["reward"]["mean"]
    assert 0.73 < learned < rows["per_class_best"]["reward"]["mean"]
    assert len(rows["thompson"]["share"]) >= 4, "it hardly tried the models"


def test_the_judge_is_shown_beside_the_truth(
    run: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    """What it gives too much is known exactly. Intervals twice as wide as the 95% ones, for six models: one
    false alarm in 2,000 runs, if they are right."""
    done, report = run
    judge = report["judge"]
    assert isinstance(judge, dict)
    assert judge["waiting"] == 0
    assert 10 <= judge["verdicts"] < 100, "a quarter of 200 at most are sampled"
    assert 0 < judge["pairs"] < judge["verdicts"]
    assert 0.0 < judge["usd"] < 0.1
    assert abs(judge["slope"] - judge["true_slope"]) < 3.9 * judge["slope_sd"]
    assert [one["model"] for one in judge["excess"]] == list(_models(report))
    for one in judge["excess"]:
        assert one["low"] < one["value"] < one["high"]
        assert abs(one["value"] - one["truth"]) < one["high"] - one["low"], one
        assert f"{one['truth']:+.3f}" in done.stdout
    assert judge["instrument"] in done.stdout
    assert judge["answers"]["rate"] > 0.0
    assert "People scored" in done.stdout


def _models(report: dict[str, object]) -> list[str]:
    """The models in the order of the configuration."""
    return list(report["policies"][0]["share"])  # type: ignore[index]


def test_it_serves_on_until_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*DEMO, "--requests", "20", "--port", str(_port())],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        port = _url_port("".join(lines))
        assert _listens(port), "".join(lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
        assert not _listens(port)
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_is_stopped_when_the_demo_is_interrupted(number: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*DEMO, "--requests", "100000", "--exit", "--port", str(_port())],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = _url_port(process.stdout.readline())
        while process.poll() is None and not _listens(port):
            time.sleep(0.05)
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(TIMEOUT) == 128 + number, rest
        assert "Traceback" not in rest
        assert not _listens(port)
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--requests", "0"), "--requests"),
        (("--port", "70000"), "--port"),
        (("--seed", "-1"), "--seed"),
        (("--json", "missing/folder/demo.json"), "no folder"),
        (("--plot", "missing/folder/demo.svg"), "no folder"),
        (("--plot", "demo.txt"), ".svg"),
    ],
)
def test_misuse_is_refused_with_a_sentence(arguments: tuple[str, str], says: str) -> None:
    done = subprocess.run([*DEMO, *arguments], check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
