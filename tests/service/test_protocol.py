"""HTTP as it comes over the wire, on the hot routes: in pieces, in rows, out of the ordinary."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from banditroute.service.hot import MAX_BODY, HotApp
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE, ask, serving

BODY = b'{"request_class": "code"}'


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        yield address


@pytest.fixture
def line(where: str) -> Iterator[Line]:
    connection = Line(where)
    yield connection
    connection.socket.close()


class Line:
    """One connection, byte by byte."""

    def __init__(self, where: str) -> None:
        host, _, port = where.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> tuple[int, dict[str, str], Any]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while head := self.file.readline().strip():
            name, _, value = head.decode().partition(": ")
            headers[name] = value
        body = self.file.read(int(headers.get("content-length", 0)))
        return status, headers, json.loads(body) if body else None

    def ended(self) -> bool:
        return self.file.read(1) == b""


def post(body: bytes = BODY, path: str = "/v1/route", *, version: str = "1.1", extra: str = "") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def test_a_connection_is_kept_and_every_answer_is_dated(line: Line) -> None:
    for _ in range(3):
        line.send(post())
        status, headers, reply = line.reply()
        assert (status, reply["request_class"]) == (200, "code")
        assert headers["content-type"] == "application/json"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", headers["date"])
        assert "connection" not in headers


def test_the_hot_way_is_taken(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests are about; the other way answers as well, and would hide that it is not."""

    async def never(*_: object) -> None:
        raise AssertionError("the usual way was taken")

    monkeypatch.setattr(HotApp, "__call__", never)
    for path, status in (("/v1/route", 200), ("/v1/feedback", 404)):
        line.send(post(b'{"decision_id": "d", "quality": 1}' if status == 404 else BODY, path))
        assert line.reply()[0] == status


def test_a_request_in_pieces_is_read_as_one(line: Line) -> None:
    for piece in post():
        line.send(bytes([piece]))
    assert line.reply()[0] == 200


def test_a_chunked_body_is_read_as_one(line: Line) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:]))
    line.send(b"POST /v1/route HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    line.send(b"0\r\n\r\n")
    assert line.reply()[2]["request_class"] == "code"


def test_requests_in_a_row_are_answered_in_their_order(line: Line) -> None:
    names = [f"c{i}" for i in range(20)]
    rows = [post(json.dumps({"request_class": name}).encode()) for name in names]
    rows[7] = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    rows[11] = post(b"null")
    line.send(b"".join(rows))
    replies = [line.reply() for _ in rows]
    assert [status for status, _, _ in replies] == [200] * 11 + [422] + [200] * 8
    for i, name in enumerate(names):
        if i not in (7, 11):
            assert replies[i][2]["request_class"] == name


@pytest.mark.parametrize(
    ("version", "extra"), [("1.0", ""), ("1.1", "Connection: close\r\n"), ("1.1", "connection: Close\r\n")]
)
def test_a_connection_is_closed_where_it_is_asked_for(line: Line, version: str, extra: str) -> None:
    line.send(post(version=version, extra=extra))
    status, headers, _ = line.reply()
    assert (status, headers["connection"]) == (200, "close")
    assert line.ended()


def test_a_client_that_waits_for_permission_gets_it(line: Line) -> None:
    whole = post(extra="Expect: 100-continue\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    line.send(head + b"\r\n\r\n")
    assert line.reply()[0] == 100
    line.send(body)
    assert line.reply()[0] == 200


@pytest.mark.parametrize("path", ["/v1/route?x=1", "/v1/%72oute"])
def test_other_ways_to_write_the_place_lead_there_too(line: Line, path: str) -> None:
    line.send(post(path=path))
    assert line.reply()[0] == 200


def test_other_methods_and_upgrades_go_the_usual_way(line: Line) -> None:
    line.send(b"GET /v1/route HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line.reply()[0] == 405
    line.send(post(extra="Connection: Upgrade\r\nUpgrade: h2c\r\n"))
    assert line.reply()[0] == 422  # the server reads nothing behind an upgrade, so there is no body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused_before_it_is_whole(where: str, chunked: bool) -> None:
    connection, length = Line(where), MAX_BODY + 1_000_000
    body = b" " * length
    sized = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % length
    head = b"POST /v1/route HTTP/1.1\r\nHost: x\r\n" + sized + b"\r\n\r\n"
    rest = b"%x\r\n%b\r\n0\r\n\r\n" % (length, body) if chunked else body
    sending = threading.Thread(target=connection.send, args=(head + rest,))
    sending.start()
    status, _, reply = connection.reply()
    sending.join()
    assert (status, reply["error"]["code"]) == (413, "body_too_large")
    connection.send(post())  # and the connection is as good as before
    assert connection.reply()[0] == 200
    connection.socket.close()


def test_a_client_that_leaves_harms_nobody(where: str, store: Store) -> None:
    before = store.counts()["decisions"]
    for cut in (10, 60, len(post()) - 1):
        connection = Line(where)
        connection.send(post()[:cut])
        connection.socket.close()
    assert ask(where, "POST", "/v1/route", {})[0] == 200
    assert store.counts()["decisions"] == before + 1


@pytest.mark.parametrize("request_", [post(), post(path="/v1/route?x=1"), post() + post() + post()])
def test_a_client_that_has_said_everything_is_still_answered(line: Line, request_: bytes) -> None:
    line.send(request_)
    line.socket.shutdown(socket.SHUT_WR)
    for _ in range(request_.count(b"POST")):
        assert line.reply()[0] == 200
    assert line.ended()


def test_garbage_does_not_take_the_answer_of_the_request_before_it(line: Line) -> None:
    line.send(post() + b"GARBAGE\r\n\r\n")
    assert line.reply()[0] == 200
    assert line.ended()


def test_what_follows_a_chunked_body_is_no_header(line: Line) -> None:
    head = b"POST /v1/route HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.send(head + b"%x\r\n%b\r\n0\r\nOrigin: http://evil.example\r\n\r\n" % (len(BODY), BODY))
    assert line.reply()[0] == 200


def test_two_keys_are_refused(line: Line) -> None:
    body = b'{"decision_id": "d", "quality": 1}'
    line.send(post(body, "/v1/feedback", extra="Idempotency-Key: a\r\nIdempotency-Key: b\r\n"))
    assert line.reply()[2]["error"]["param"] == "idempotency_key"


def test_who_does_not_read_is_not_read_from(line: Line) -> None:
    """Refusals are answered at once; without a limit they would fill the memory of the service."""
    line.socket.settimeout(2)
    bad = post(b"{") * 500
    for _ in range(60_000_000 // len(bad)):
        try:
            line.socket.sendall(bad)
        except TimeoutError:
            break
    else:
        pytest.fail("60 MB were taken from a client that reads nothing")


def test_what_is_no_http_is_refused(line: Line) -> None:
    line.send(b"HELLO\r\n\r\n")
    assert line.file.readline().split()[1] == b"400"


def test_a_defect_is_answered(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("a defect")

    monkeypatch.setattr("banditroute.service.hot.route_reply", broken)
    status, reply = ask(where, "POST", "/v1/route", {})
    assert (status, reply["error"]["code"]) == (500, "internal_error")
