"""The service as a process of its own: started, waited for, and stopped in every case."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from banditroute.errors import BanditrouteError

HOST = "127.0.0.1"
START_SECONDS = 120.0
"""A first start compiles the kernels; every later one takes a second or two."""
STOP_SECONDS = 10.0


class ServerFailed(BanditrouteError):
    """The service did not start, or ended before it was told to."""

    code = "server_failed"


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else a free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerFailed("No free port on loopback; close something that listens and try again.")


@contextmanager
def serving(config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The service of `config` on loopback, ready for requests; stopped when the block is left.

    It runs in a session of its own, so that a Ctrl-C in the terminal reaches only this process,
    which then stops the service in order. Its output goes to `server.log` beside the configuration.
    """
    log = config.with_name("server.log")
    command = [sys.executable, "-m", "banditroute", "serve", "--config", str(config)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "--host", HOST, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=own_environment(),
        )
    try:
        _wait_until_ready(process, port, log)
        yield process
    finally:
        _stop(process)


def own_environment() -> dict[str, str]:
    """The environment without the overrides of a real installation: the demo must not touch its store."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BANDITROUTE_")}


def ended(process: subprocess.Popen[bytes], config: Path) -> ServerFailed:
    """What to say of a service that ended by itself: its last words."""
    return _failure(f"The service ended with code {process.returncode}", config.with_name("server.log"))


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _failure(f"The service did not start (exit code {process.returncode})", log)
        if _ready(port):
            return
        time.sleep(0.05)
    raise _failure(f"The service was not ready after {START_SECONDS:.0f} s", log)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _failure(what: str, log: Path) -> ServerFailed:
    last_words = log.read_text(errors="replace").strip().splitlines()[-5:]
    return ServerFailed(f"{what}; it said last: {' / '.join(last_words) or 'nothing'}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
