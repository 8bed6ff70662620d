"""Running the service as a process: a socket of its own, one worker, a clean end."""

from __future__ import annotations

import gc
import ipaddress
import signal
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from banditroute.errors import BanditrouteError
from banditroute.service.protocol import HotProtocol
from banditroute.store.keys import KeyStore


class CannotListen(BanditrouteError):
    """The address cannot be listened on."""

    code = "cannot_listen"


def check_host(host: str, keys: KeyStore, *, insecure: bool) -> bool:
    """Whether everybody needs a key at an address: wherever others can reach it, unless it is `insecure`.

    Raises CannotListen where keys are needed and none holds.
    """
    needed = not (insecure or is_loopback(host))
    if needed and not keys.held():
        raise CannotListen(
            f"Whoever reaches {host} could use the service, and no API key tells them apart yet; make one "
            "with `banditroute keys create NAME --scope route --scope feedback`, listen on 127.0.0.1, or add "
            "--insecure if the network itself is closed."
        )
    return needed


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Nobody can connect until the service is ready."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        raise CannotListen(
            f"Cannot listen on {host} port {port} ({error}); stop what listens there, or name another --port."
        ) from None
    return bound


def server_config(app: FastAPI) -> uvicorn.Config:
    """How the service is served: one process, the hot routes' own protocol, no log of every request."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HotProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


def run(app: FastAPI, bound: socket.socket, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order: requests, folds, snapshot, log."""
    host, port = bound.getsockname()[:2]
    where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    # uvicorn raises the signal again once it has ended in order; here that is the end, not a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # What start-up made stays, and what a request makes dies without cycles: looking for them as often as
    # the interpreter does by default takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _Server(server_config(app), lambda: ready(where)).run(sockets=[bound])


class _Server(uvicorn.Server):
    """Says when connections are accepted."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
