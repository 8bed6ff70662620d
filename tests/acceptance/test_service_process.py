"""The service as a process: what it acknowledged survives kill -9, a restart serves the same state."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from banditroute.client import Client
from banditroute.errors import BanditrouteError, NotAuthenticated

BANDITROUTE = (sys.executable, "-m", "banditroute")
PATIENCE = 300
"""Seconds; a first start compiles the kernels."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "banditroute.toml"
    subprocess.run([*BANDITROUTE, "init", str(path)], check=True, capture_output=True, timeout=PATIENCE)
    return path


@contextmanager
def served(config: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running service and its URL; killed if the test did not end it."""
    process = subprocess.Popen(
        [*BANDITROUTE, "serve", "--config", str(config), "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", line)
        assert found, (line, process.stderr and process.stderr.read())
        yield process, f"http://127.0.0.1:{found[1]}"
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


def rebuilt(config: Path, *options: str) -> dict[str, object]:
    done = subprocess.run(
        [*BANDITROUTE, "rebuild", "--config", str(config), "--json", *options],
        check=True, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


class Load:
    """Threads that route and report until the service is gone, and remember what was acknowledged."""

    def __init__(self, url: str) -> None:
        self.decisions: dict[str, str] = {}
        self.outcomes: dict[str, tuple[float, int]] = {}
        self._client = Client(url, timeout=PATIENCE)
        self._threads = [threading.Thread(target=self._work, args=(i,)) for i in range(6)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, outcomes: int) -> None:
        """Until that many outcomes were acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while len(self.outcomes) < outcomes and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.outcomes) >= outcomes

    def end(self) -> None:
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _work(self, worker: int) -> None:
        for i in range(100_000):
            try:
                decision = self._client.route(request_class=("code", "chat")[i % 2], input_tokens=10 * i)
                self.decisions[decision.id] = decision.model
                quality = (worker + i % 50) / 60
                receipt = self._client.feedback(decision.id, quality=quality)
                self.outcomes[decision.id] = (quality, receipt.event_seq)
            except BanditrouteError:
                return


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(config: Path) -> None:
    """Three times on the same log; then the log folds to the state that is served."""
    decisions: dict[str, str] = {}
    outcomes: dict[str, tuple[float, int]] = {}
    for _ in range(3):
        with served(config) as (process, url):
            load = Load(url)
            load.wait_for(150)
            process.kill()
            process.wait(PATIENCE)
            load.end()
            decisions |= load.decisions
            outcomes |= load.outcomes
    assert len(outcomes) >= 450
    assert len({seq for _, seq in outcomes.values()}) == len(outcomes), "no event number was given twice"
    with served(config) as (process, url), Client(url) as client:
        for decision_id, model in decisions.items():
            receipt = client.decision(decision_id)
            assert receipt["model"] == model
            if decision_id in outcomes:
                assert outcomes[decision_id] in [(o["value"], o["seq"]) for o in receipt["outcomes"]]
        assert client.state()["seq"] >= max(seq for _, seq in outcomes.values())
        assert stopped(process) == 0
    verified = rebuilt(config, "--verify")
    assert verified["agrees"]
    assert verified["snapshot_seq"] == verified["events"]


def test_a_restart_serves_the_same_state(config: Path) -> None:
    with served(config) as (process, url), Client(url) as client:
        for i in range(60):
            decision = client.route(request_class=("code", "chat", "maths")[i % 3], input_tokens=100)
            seq = client.feedback(
                decision.id, quality=i / 60, latency_ms=1000 + i, output_tokens=10 * i + 1
            ).event_seq
        before = client.state(seq)
        assert stopped(process) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    with served(config) as (_, url), Client(url) as client:
        after = client.state()
    assert after == before


def test_rebuild_mends_a_snapshot_and_says_so(config: Path) -> None:
    with served(config) as (process, url), Client(url) as client:
        for i in range(10):
            client.feedback(client.route().id, quality=i / 10)
        assert stopped(process) == 0
    told = rebuilt(config)
    assert (told["events"], told["decisions"], told["agrees"]) == (10, 10, True)
    assert isinstance(told["difference"], float)
    assert told["difference"] <= 1e-9


def test_the_end_is_in_order_although_no_snapshot_can_be_written(config: Path) -> None:
    with served(config) as (process, url), Client(url) as client:
        seq = client.feedback(client.route().id, quality=0.5).event_seq
        before = client.state(seq)
        with sqlite3.connect(config.parent / "banditroute.db") as log:
            log.execute("ALTER TABLE snapshots RENAME TO elsewhere")
        assert stopped(process) == 0
        assert process.stderr is not None
        (said,) = process.stderr.read().splitlines()
        assert "WARNING banditroute.routing.follow: No snapshot was saved, so the next start folds" in said
        with sqlite3.connect(config.parent / "banditroute.db") as log:
            log.execute("ALTER TABLE elsewhere RENAME TO snapshots")
    with served(config) as (_, url), Client(url) as client:
        assert client.state() == before


def refused(config: Path, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [*BANDITROUTE, "serve", "--config", str(config), *options],
        check=False, capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 1, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_port_that_is_taken_is_told_in_a_sentence(config: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        assert "name another --port" in refused(config, "--port", str(port))


def test_an_address_that_others_reach_is_refused_until_there_are_keys(config: Path) -> None:
    for told in (
        refused(config, "--host", "0.0.0.0", "--port", "0"),
        refused(config, "--port", "0", BANDITROUTE_SERVER__HOST="0.0.0.0"),
    ):
        assert "--insecure" in told
        assert "`banditroute keys create " in told


def keyed(config: Path, *args: str) -> str:
    """What `banditroute keys` prints, in a process of its own."""
    done = subprocess.run(
        [*BANDITROUTE, "keys", *args, "--config", str(config)],
        check=True, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    return done.stdout.strip()


def test_beyond_loopback_everybody_needs_a_key_and_a_running_service_hears_of_changes(config: Path) -> None:
    old = keyed(config, "create", "app", "--scope", "route")
    with served(config, "--host", "0.0.0.0") as (_, url), Client(url, api_key=old) as client:
        with Client(url, api_key="") as stranger, pytest.raises(NotAuthenticated):
            stranger.route()
        client.route()
        with Client(url, api_key=keyed(config, "create", "app", "--scope", "route")) as fresh:
            assert holds_at_last(fresh)
            client.route()
            keyed(config, "revoke", old)
            assert not holds_at_last(client, holds=False)
            fresh.route()


def holds_at_last(client: Client, *, holds: bool = True) -> bool:
    """Whether the client's key holds, once that is as it should be or the patience is at its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.route()
            known = True
        except NotAuthenticated:
            known = False
        if known == holds or time.monotonic() > deadline:
            return known
        time.sleep(0.05)


def test_a_log_that_cannot_be_opened_is_told_in_a_sentence(config: Path) -> None:
    (config.parent / "banditroute.db").write_text("this is not a database, whatever its name says " * 50)
    assert "banditroute.db" in refused(config, "--port", "0")
