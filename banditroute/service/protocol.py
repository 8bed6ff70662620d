"""HTTP for the two hot routes without the server's machinery for anything else.

uvicorn makes a scope, a task and a state machine for each request, and sends head and body of the
answer apart: over half of the time that deciding and storing take. A request to a hot route needs
none of it: its body goes to the route's handler as soon as it is whole, and the answer leaves in one
packet. Whatever is out of the ordinary (another route, a query, pipelining, `Expect`) goes uvicorn's way.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from banditroute.errors import RequestError
from banditroute.service.errors import Extra, error_reply
from banditroute.service.hot import MAX_BODY, MAX_HEAD, TOO_LARGE, Begin, HotApp
from banditroute.service.observing import Headers

_HEAD = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
_CLOSING = b"connection: close\r\n"


class HeadTooLarge(RequestError):
    """The headers of a request are longer than is read."""

    code = "headers_too_large"
    status = 431


class _Unheard:
    """Stands where uvicorn keeps an event that wakes the app's task; here nobody waits."""

    def set(self) -> None:
        """Does nothing."""


class Exchange:
    """One request to a hot route and its answer; it has what uvicorn asks of a cycle of its own."""

    message_event = _Unheard()

    def __init__(self, protocol: HotProtocol, begin: Begin, headers: Headers, keep_alive: bool) -> None:
        self._protocol = protocol
        self._begin = begin
        self._headers = headers
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False

    def receive(self, data: bytes) -> None:
        """Takes a part of the body; one that is too long is refused before it is whole."""
        if self.response_complete:
            return
        self.body += data
        if len(self.body) > MAX_BODY:
            self.body.clear()
            self.answer(*error_reply(TOO_LARGE))

    def begin(self) -> None:
        """The body is whole."""
        if not self.response_complete:
            self.more_body = False
            self._begin(bytes(self.body), self._headers, self.answer)

    def answer(self, status: int, reply: bytes, extra: Extra = ()) -> None:
        """Sends the answer, once; a second one, or one to a client that left, goes nowhere."""
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        self._protocol.send(status, reply, extra, self.keep_alive)


class HotProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a way of its own for the hot routes of a `HotApp`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain = not (self.config.access_log or self.root_path or self.limit_concurrency)
        self._hot = self.app.hot if plain and isinstance(self.app, HotApp) else {}
        self._dated: tuple[object, bytes] = (None, b"")
        self._apart = 0
        """Bytes of the current request that are no body."""

    def data_received(self, data: bytes) -> None:
        """Reads on. A head without end would fill the memory before anybody is asked for a key, and the
        parser takes longer with every byte of a header."""
        self._apart += len(data)
        super().data_received(data)
        if self._apart > MAX_HEAD and not self.transport.is_closing():
            self._leave()

    def on_message_begin(self) -> None:
        """A request begins. Its scope is made once it is known not to be hot."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """The head is whole: hot, or uvicorn's."""
        begin = self._hot.get(self.url)
        parser, before = self.parser, self.cycle
        if (
            begin is None
            or parser.get_method() != b"POST"
            or self.expect_100_continue
            or parser.should_upgrade()
            or (before is not None and not before.response_complete)
        ):
            self._as_uvicorn()
            return
        keep_alive = parser.get_http_version() != "1.0" and parser.should_keep_alive()
        headers, self.headers = self.headers, []  # what follows a chunked body is no header of the request
        self.cycle = cast(RequestResponseCycle, Exchange(self, begin, headers, keep_alive))

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._apart -= len(body)
        cycle: object = self.cycle
        if type(cycle) is Exchange:
            cycle.receive(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._apart = 0
        cycle: object = self.cycle
        if type(cycle) is Exchange:
            cycle.begin()
        else:
            super().on_message_complete()

    def send(self, status: int, reply: bytes, extra: Extra, keep_alive: bool) -> None:
        """Writes an answer as one packet."""
        if self.transport.is_closing():
            return
        self.transport.write(self._packet(status, reply, extra, keep_alive=keep_alive))
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()
        if self.flow.write_paused:  # who does not read what was answered is not read from either
            self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self.flow.resume_reading()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all it had to say; what it still waits for is answered before the end."""
        return self._last() and not self.cycle.more_body

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, but not in place of the answer to a request that came before it."""
        if not self._last():
            super().send_400_response(msg)

    def _leave(self) -> None:
        """Refuses a head that does not end, unless what came before it still waits for its answer."""
        if self.cycle is None or self.cycle.response_complete:
            refusal = HeadTooLarge(f"The headers are longer than {MAX_HEAD // 1024} KB; send shorter ones.")
            status, reply, extra = error_reply(refusal)
            self.transport.write(self._packet(status, reply, extra, keep_alive=False))
        self.transport.close()

    def _packet(self, status: int, reply: bytes, extra: Extra, *, keep_alive: bool) -> bytes:
        rest = b"" if keep_alive else _CLOSING
        if extra:
            rest += _lines(extra)
        return b"".join((_HEAD[status], self._default_head(), rest, _JSON % len(reply), reply))

    def _last(self) -> bool:
        """Makes the request that is open the last one of its connection; whether there is one."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        return True

    def _as_uvicorn(self) -> None:
        """Begins the request again, with what was read of it, in the way of the server."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        super().on_headers_complete()

    def _default_head(self) -> bytes:
        """The server's own headers, such as the date; uvicorn makes the list anew every second."""
        headers = self.server_state.default_headers
        if self._dated[0] is not headers:
            self._dated = headers, _lines(headers)
        return self._dated[1]


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
