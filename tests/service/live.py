"""The service on a real socket, in a thread, and the plainest way to talk to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from banditroute.config.settings import Settings
from banditroute.service.app import create_app
from banditroute.service.run import listening_socket, server_config
from banditroute.store import Store

Answer = tuple[int, Any]

PATIENCE = 120.0
"""Seconds after which something is taken to hang; what a busy machine delays never takes as long."""


@contextmanager
def serving(settings: Settings, store: Store | None = None) -> Iterator[str]:
    """A running service; gives its address as host:port."""
    bound = listening_socket("127.0.0.1", 0)
    port = bound.getsockname()[1]
    config = server_config(create_app(settings, store))
    config.timeout_keep_alive = int(PATIENCE)  # no connection is closed while a test takes its time
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.005)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def until(holds: Callable[[], bool]) -> None:
    """Waits for threads of the service, which follow the log and the keys at their own pace."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def ask(
    where: str,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Status and decoded body; `bytes` are sent as they are, anything else as JSON."""
    connection = http.client.HTTPConnection(where, timeout=PATIENCE)
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()
