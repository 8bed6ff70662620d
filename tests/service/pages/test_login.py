"""Pages behind keys: who gets in, by what, how far, and how they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.store import open_store
from tests.service.keyed import REQUIRED, made
from tests.service.live import ask, serving, until
from tests.service.pages.visit import Page, Read, visit

PAGES = (
    "/",
    "/models",
    "/experiments",
    "/decisions",
    "/decisions/x",
    "/try",
    "/calculator",
    "/docs",
    "/nothing",
)
SETTINGS = replace(
    REQUIRED,
    experiments=(
        Experiment(
            "one",
            (
                ExperimentVariant("control", "fixed:small", 0.5),
                ExperimentVariant("treatment", "thompson", 0.5),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def keyed() -> Iterator[tuple[str, dict[str, str]]]:
    store = open_store("memory://")
    keys = made(store)
    with serving(SETTINGS, store) as where:
        yield where, keys


def sign_in(where: str, key: str, to: str = "/") -> Page:
    return visit(where, "/login", form={"key": key, "next": to})


def token_in(page: Page) -> str:
    (body,) = Read.of(page.text).all("body")
    return str(body.attributes["data-form-token"])


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_without_a_key_is_sent_to_the_form(keyed: tuple[str, dict[str, str]], path: str) -> None:
    page = visit(keyed[0], path)
    assert page.status == 303
    assert page.headers["location"].startswith("/login")
    assert visit(keyed[0], page.headers["location"]).status == 200


def test_a_piece_without_a_key_is_refused_where_it_stands(keyed: tuple[str, dict[str, str]]) -> None:
    assert visit(keyed[0], "/", headers={"HX-Request": "true"}).status == 401


def test_programs_without_a_key_are_told_in_json(keyed: tuple[str, dict[str, str]]) -> None:
    for path in ("/v1/state", "/", "/models"):
        status, body = ask(keyed[0], "GET", path)
        assert status == 401
        assert body["error"]["code"] == "invalid_api_key"


def test_styles_need_no_key(keyed: tuple[str, dict[str, str]]) -> None:
    form = Read.of(visit(keyed[0], "/login").text)
    for element in form.all("script", "link"):
        address = str(element.attributes.get("src") or element.attributes.get("href"))
        assert visit(keyed[0], address).status == 200


def test_a_key_that_may_read_opens_every_page(keyed: tuple[str, dict[str, str]]) -> None:
    where, keys = keyed
    page = sign_in(where, keys["reader"], "/models?class=code")
    assert page.status == 303
    assert page.headers["location"] == "/models?class=code"
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie, "this came without TLS"
    for path in ("/", "/models", "/experiments", "/decisions", "/try", "/calculator", "/docs"):
        shown = visit(where, path, headers={"Cookie": page.cookie})
        assert shown.status == 200
        assert keys["reader"] not in shown.text
    assert 'class="admin"' not in visit(where, "/", headers={"Cookie": page.cookie}).text
    behind_tls = visit(where, "/login", form={"key": keys["reader"]}, headers={"X-Forwarded-Proto": "https"})
    assert "secure" in behind_tls.headers["set-cookie"].lower()


@pytest.mark.parametrize("who", ["app", "router", "voice", "gone"])
def test_a_key_that_may_not_read_gets_nowhere(keyed: tuple[str, dict[str, str]], who: str) -> None:
    where, keys = keyed
    page = sign_in(where, keys[who])
    assert page.status == 401
    assert "set-cookie" not in page.headers
    assert Read.of(page.text).all("main")[0].text.strip()


@pytest.mark.parametrize("key", ["", "br_", "nonsense", "br_000000000000_" + "0" * 64, "é" * 79])
def test_what_is_no_key_gets_nowhere(keyed: tuple[str, dict[str, str]], key: str) -> None:
    assert sign_in(keyed[0], key).status == 401
    assert visit(keyed[0], "/", headers={"Cookie": f"banditroute_key={key.encode().hex()}"}).status == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nX: y"]
)
def test_nobody_is_sent_elsewhere(keyed: tuple[str, dict[str, str]], to: str) -> None:
    where, keys = keyed
    assert sign_in(where, keys["reader"], to).headers["location"] == "/"


def test_a_cookie_neither_routes_nor_reports(keyed: tuple[str, dict[str, str]]) -> None:
    where, keys = keyed
    cookie = sign_in(where, keys["operator"]).cookie
    for path, body in (
        ("/v1/route", {}),
        ("/v1/feedback", {"decision_id": "x", "quality": 1}),
        ("/v1/controls", {"kind": "reset", "subject": "small"}),
    ):
        assert (
            ask(where, "POST", path, body or {"request_class": "code"}, headers={"Cookie": cookie})[0] == 401
        )


def test_only_an_operator_with_a_token_of_his_own_changes_anything(keyed: tuple[str, dict[str, str]]) -> None:
    where, keys = keyed
    reader, operator = (sign_in(where, keys[name]).cookie for name in ("reader", "operator"))
    form = {"kind": "experiment", "subject": "one", "running": "false", "next": "/experiments/one"}
    page = visit(where, "/experiments/one", headers={"Cookie": operator})
    assert 'class="admin"' in page.text
    token = token_in(page)
    theirs = token_in(visit(where, "/", headers={"Cookie": reader}))
    assert token != theirs
    for sent, cookie in (
        (form, operator),
        (form | {"token": theirs}, operator),
        (form | {"token": token}, reader),
    ):
        assert visit(where, "/controls", form=sent, headers={"Cookie": cookie}).status == 403
    foreign = visit(
        where,
        "/controls",
        form=form | {"token": token},
        headers={"Cookie": operator, "Origin": "http://evil"},
    )
    assert foreign.status in (303, 403)
    done = visit(where, "/controls", form=form | {"token": token}, headers={"Cookie": operator})
    assert done.status == 303
    assert done.headers["location"] == "/experiments/one"
    after = visit(where, "/experiments/one", headers={"Cookie": operator})
    assert re.search(r"badge[^>]*>stopped<", after.text)
    _, events = ask(where, "GET", "/v1/controls", headers={"x-api-key": keys["reader"]})
    assert events["data"][-1]["principal"] == "operator"


def test_an_alarm_is_shown_until_an_operator_has_seen_it() -> None:
    store = open_store("memory://")
    keys = made(store)
    body = {
        "kind": "model",
        "subject": "small",
        "factor": "quality",
        "id": "a1",
        "message": "Look <b>here</b>.",
    }
    store.controls.append("alarm", "model/small/quality", body=body)
    with serving(REQUIRED, store) as where:
        assert ask(where, "POST", "/v1/route", {}, headers={"x-api-key": keys["app"]})[0] in (200, 400)
        sent = {"request_class": "code"}
        assert ask(where, "POST", "/v1/route", sent, headers={"x-api-key": keys["app"]})[0] == 200
        cookie = sign_in(where, keys["operator"]).cookie
        page = first_overview(where, cookie)
        assert "Look &lt;b&gt;here&lt;/b&gt;." in page.text
        assert 'data-alarms="1"' in page.text
        form = {"kind": "acknowledge", "subject": "a1", "next": "/", "token": token_in(page)}
        assert visit(where, "/controls", form=form, headers={"Cookie": cookie}).status == 303
        after = visit(where, "/", headers={"Cookie": cookie})
        assert 'data-alarms="0"' in after.text
        assert "Look" not in after.text


def first_overview(where: str, cookie: str) -> Page:
    """The overview, once the first decision is in it."""
    until(lambda: "data-alarms" in visit(where, "/", headers={"Cookie": cookie}).text)
    return visit(where, "/", headers={"Cookie": cookie})


def test_signing_out_takes_the_cookie(keyed: tuple[str, dict[str, str]]) -> None:
    where, keys = keyed
    cookie = sign_in(where, keys["reader"]).cookie
    token = token_in(visit(where, "/", headers={"Cookie": cookie}))
    assert visit(where, "/logout", form={"token": "no"}, headers={"Cookie": cookie}).status == 403
    page = visit(where, "/logout", form={"token": token}, headers={"Cookie": cookie})
    assert page.status == 303
    assert re.search(r'banditroute_key="?"?;', page.headers["set-cookie"])


def test_where_no_key_is_needed_an_old_cookie_keeps_nobody_out(empty: str) -> None:
    assert visit(empty, "/", headers={"Cookie": "banditroute_key=br_gone"}).status == 200
