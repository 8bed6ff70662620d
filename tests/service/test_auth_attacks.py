"""The gate under attack: headers and paths as nobody writes them, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from banditroute.service.hot import MAX_HEAD
from banditroute.store import Store, open_store
from banditroute.store.keys import KEY_LENGTH
from tests.service.keyed import REQUIRED, bearer, made
from tests.service.live import ask, serving
from tests.service.test_protocol import BODY, Line, post

UNUSUAL = "/v1/route?x=1"
"""The same route, but served in the usual way instead of the hot one."""


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def keys(store: Store) -> dict[str, str]:
    return made(store)


@pytest.fixture(scope="module")
def where(store: Store, keys: dict[str, str]) -> Iterator[str]:
    with serving(REQUIRED, store) as address:
        yield address


@pytest.fixture
def line(where: str) -> Iterator[Line]:
    connection = Line(where)
    yield connection
    connection.socket.close()


def asked(line: Line, extra: bytes, path: str = "/v1/route", body: bytes = BODY) -> int:
    line.send(post(body, path).replace(b"\r\n\r\n", b"\r\n" + extra + b"\r\n\r\n", 1))
    return line.reply()[0]


@pytest.mark.parametrize("path", ["/v1/route", UNUSUAL])
def test_a_key_is_known_however_its_header_is_written(line: Line, keys: dict[str, str], path: str) -> None:
    key = keys["app"].encode()
    for extra in (
        b"Authorization: Bearer " + key,
        b"AUTHORIZATION: bearer " + key,
        b"authorization:BEARER   " + key + b"  ",
        b"X-API-Key:\t" + key,
        b"x-api-key: " + key + b"\r\nAuthorization: Bearer " + key,
    ):
        assert asked(line, extra, path) == 200, extra


@pytest.mark.parametrize("path", ["/v1/route", UNUSUAL])
def test_what_is_almost_a_key_is_none(line: Line, keys: dict[str, str], path: str) -> None:
    key = keys["app"].encode()
    for extra in (
        b"Authorization: Bearer",
        b"Authorization: Bearer ",
        b"Authorization: Basic " + key,
        b"Authorization: Bearer Bearer " + key,
        b"Authorization: Bearer " + key + b",",
        b"Authorization: Bearer " + key.upper(),
        b"Authorization: Bearer " + key[:-1] + b"\xff",
        b"Authorization: Bearer " + "é".encode() * (KEY_LENGTH // 2),
        b"Authorization: Bearer " + b"\xa0" + key,
        b"Authorization: Bearer " + b"a" * 100_000,
        b"Proxy-Authorization: Bearer " + key,
        b"Cookie: authorization=" + key,
        b"x_api_key: " + key,
        b"X-Forwarded-For: 127.0.0.1",
        b"Forwarded: for=127.0.0.1",
    ):
        assert asked(line, extra, path) == 401, extra[:80]


@pytest.mark.parametrize(
    "written", ["Authorization : Bearer KEY", "Authorization: Bearer\r\n KEY", " x-api-key: KEY"]
)
def test_headers_that_parsers_read_differently_are_no_key(
    line: Line, keys: dict[str, str], written: str
) -> None:
    line.send(post(extra=written.replace("KEY", keys["app"]) + "\r\n"))
    assert line.file.readline().split()[1] in (b"400", b"401")


@pytest.mark.parametrize("path", ["/v1/route", UNUSUAL])
def test_two_keys_that_differ_are_refused_even_if_one_would_do(
    line: Line, keys: dict[str, str], path: str
) -> None:
    good, other = keys["app"].encode(), keys["router"].encode()
    for first, second in ((good, b"wrong"), (b"wrong", good), (good, other)):
        extra = b"Authorization: Bearer " + first + b"\r\n"
        assert asked(line, extra + b"Authorization: Bearer " + second, path) == 401
        assert asked(line, extra + b"x-api-key: " + second, path) == 401


@pytest.mark.parametrize(
    "path",
    [
        "//v1/route", "/v1//route", "/v1/route/", "/v1/./route", "/v1/../v1/route", "/V1/ROUTE",
        "/v1/route%00", "/v1%2Froute", "/%76%31/route", "/healthz/../v1/route", "/healthz%2f..%2fv1%2froute",
        "/v1/route;x", "/healthz", "/readyz", "/healthz?/v1/route", "http://x/v1/route", "http://x/healthz",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH", "DELETE", "TRACE"])
def test_no_way_to_write_a_place_leads_around_the_gate(
    line: Line, store: Store, method: str, path: str
) -> None:
    before = store.counts()
    line.send(post(path=path).replace(b"POST", method.encode(), 1))
    status = int(line.file.readline().split()[1])
    watches = method in ("GET", "HEAD") and path.endswith(("/healthz", "/readyz", "/healthz?/v1/route"))
    assert status in ((200, 405) if watches else (400, 401))
    assert store.counts() == before


def test_headers_behind_a_body_are_no_key(line: Line, keys: dict[str, str]) -> None:
    head = b"POST /v1/route HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailer = b"Authorization: Bearer " + keys["app"].encode()
    line.send(head + b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(BODY), BODY, trailer))
    assert line.reply()[0] == 401


def test_each_request_on_a_connection_is_let_in_by_its_own_key(line: Line, keys: dict[str, str]) -> None:
    """Sent in one go, by the hot way and the usual one in turns: no key is left over for the next."""
    told = b'{"decision_id": "never", "quality": 1, "source": "judge"}'
    rows = [
        (post(extra=f"x-api-key: {keys['app']}\r\n"), 200),
        (post(), 401),
        (post(path=UNUSUAL, extra=f"x-api-key: {keys['router']}\r\n"), 200),
        (post(path=UNUSUAL), 401),
        (post(told, "/v1/feedback", extra=f"x-api-key: {keys['app']}\r\n"), 403),
        (post(told, "/v1/feedback", extra=f"x-api-key: {keys['panel']}\r\n"), 404),
        (post(extra=f"x-api-key: {keys['panel']}\r\n"), 403),
        (post(extra=f"x-api-key: {keys['gone']}\r\n"), 401),
        (post(extra=f"x-api-key: {keys['app']}\r\n"), 200),
    ] * 5
    line.send(b"".join(row for row, _ in rows))
    assert [line.reply()[0] for _ in rows] == [status for _, status in rows]
    for row, status in rows:
        line.send(row)
        assert line.reply()[0] == status


def test_a_refusal_leaves_the_connection_as_it_was_and_says_how_to_go_on(
    line: Line, keys: dict[str, str]
) -> None:
    for path in ("/v1/route", UNUSUAL):
        line.send(post(path=path))
        status, headers, reply = line.reply()
        assert (status, reply["error"]["code"]) == (401, "invalid_api_key")
        assert headers["www-authenticate"].startswith("Bearer")
        assert headers["content-type"] == "application/json"
    assert asked(line, b"x-api-key: " + keys["app"].encode()) == 200


def test_a_head_without_end_is_left(where: str) -> None:
    """Before anybody is asked for a key, memory and time are anybody's."""
    for sent in (b"Authorization: Bearer " + b"a" * 2 * MAX_HEAD, b"x-api-key: a\r\n" * (MAX_HEAD // 4)):
        line = Line(where)
        try:
            line.send(b"POST /v1/route HTTP/1.1\r\nHost: x\r\n" + sent)
            status, headers, reply = line.reply()
        except ConnectionError:
            continue  # it was left while it spoke
        finally:
            line.socket.close()
        assert (status, reply["error"]["code"], headers["connection"]) == (431, "headers_too_large", "close")


def test_a_long_head_in_pieces_is_left_too(where: str) -> None:
    line = Line(where)
    line.send(b"POST /v1/route HTTP/1.1\r\nHost: x\r\n")
    try:
        for _ in range(1_000):
            line.send(b"x-padding: " + b"a" * 10_000 + b"\r\n")
    except ConnectionError:
        return
    finally:
        line.socket.close()
    pytest.fail("a head of 10 MB was read")


def test_a_long_row_of_requests_is_not_taken_for_a_long_head(line: Line, keys: dict[str, str]) -> None:
    row = post(extra=f"x-api-key: {keys['app']}\r\nx-padding: {'a' * 20_000}\r\n")
    for _ in range(2 * MAX_HEAD // len(row)):
        line.send(row + row)
        assert [line.reply()[0], line.reply()[0]] == [200, 200]


@pytest.mark.parametrize("fact", ["usd", "latency_ms", "ttft_ms", "input_tokens", "output_tokens", "error"])
def test_a_judge_reports_no_bill_and_no_wait(
    where: str, keys: dict[str, str], store: Store, fact: str
) -> None:
    _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["app"]))
    told = {"decision_id": decision["decision_id"], "quality": 1.0, "source": "judge"}
    body = {**told, fact: True if fact == "error" else 1}
    answered, reply = ask(where, "POST", "/v1/feedback", body, headers=bearer(keys["panel"]))
    assert (answered, reply["error"]["param"]) == (403, fact)
    assert "needs a key with the scope feedback" in reply["error"]["message"]
    record = store.record(decision["decision_id"])
    assert record is not None
    assert record.outcomes == ()
