"""Every page, with and without traffic: it answers, is well-formed, escapes, and asks nobody else."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from urllib.parse import quote

import pytest

from banditroute.errors import LogError
from banditroute.service.pages.behind import Behind
from tests.service.live import ask
from tests.service.pages.conftest import EVIL_CLASS, EVIL_MODEL, EVIL_UNIT, REQUESTS
from tests.service.pages.visit import Page, Read, visit

CALCULATED = (
    f"/calculator?requests0=100000&in0=800&out0=400&model0={quote(EVIL_MODEL)}&class0={quote(EVIL_CLASS)}"
)
PAGES = [
    "/",
    "/?range=1h",
    "/?range=30d&baseline=fixed:small",
    "/models",
    f"/models?class={quote(EVIL_CLASS)}",
    "/experiments",
    "/experiments/try-it",
    "/decisions",
    f"/decisions?text={quote(EVIL_UNIT)}1&model={quote(EVIL_MODEL)}",
    "/try",
    "/calculator",
    CALCULATED,
    "/calculator?traffic=1",
    "/docs",
    "/login",
]
NEEDS_A_NAME = ("input", "select", "textarea")


def checked(page: Page) -> Read:
    """What every page must be."""
    read = Read.of(page.text)
    assert read.problems == []
    (root,) = read.all("html")
    assert root.attributes["lang"] == "en"
    assert read.all("title")[0].text.endswith("banditroute")
    assert len(read.all("h1")) == 1
    assert len(read.all("main")) == 1
    levels = [int(element.tag[1]) for element in read.all("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    ids = [element.attributes["id"] for element in read.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    labelled = {element.attributes.get("for") for element in read.all("label")}
    for element in read.all(*NEEDS_A_NAME):
        named = element.attributes.get("id") in labelled or "label" in element.around
        assert named or element.attributes.get("type") == "hidden", element
    for element in read.all("button", "a"):
        assert element.text.strip() or element.attributes.get("aria-label"), element
    for element in read.all("svg"):
        assert "aria-label" in element.attributes or "aria-hidden" in element.attributes
    for element in read.all("nav"):
        assert element.attributes.get("aria-label")
    for element in read.elements:
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")], element
        assert element.tag != "style"
        if element.tag == "script":
            assert str(element.attributes["src"]).startswith("/static/")
            assert not element.text
        for name in ("src", "href", "action", "hx-get", "hx-post"):
            if name in element.attributes:
                assert re.match(r"[/#](?!/)", str(element.attributes[name])), element
    return read


@pytest.mark.parametrize("path", PAGES)
def test_every_page_with_traffic(busy: str, path: str) -> None:
    page = visit(busy, path)
    assert page.status == 200
    checked(page)
    for hostile in (EVIL_MODEL, EVIL_CLASS, EVIL_UNIT, "<script>alert"):
        assert hostile not in page.text
    assert "49" not in Read.of(page.text).all("title")[0].text


@pytest.mark.parametrize(
    "path", [path for path in PAGES if "try-it" not in path and quote(EVIL_MODEL) not in path]
)
def test_every_page_without_traffic(empty: str, path: str) -> None:
    page = visit(empty, path)
    assert page.status == 200
    checked(page)


def test_an_empty_page_says_how_to_begin(empty: str) -> None:
    for path in ("/", "/decisions"):
        shown = Read.of(visit(empty, path).text)
        assert f"http://{empty}/v1/route" in shown.all("pre")[0].text
    assert "[[experiments]]" in visit(empty, "/experiments").text


def test_the_overview_tells_what_happened(busy: str) -> None:
    read = checked(visit(busy, "/"))
    said = read.all("main")[0].text
    assert f"{REQUESTS} requests" in said
    assert EVIL_MODEL in said
    assert EVIL_CLASS in said
    assert "0.800" in said
    charts = [
        json.loads(str(e.attributes["data-chart"])) for e in read.elements if "data-chart" in e.attributes
    ]
    assert [chart["kind"] for chart in charts] == ["stack", "lines", "lines", "lines"]
    assert sum(line["values"][-1] for line in charts[0]["series"]) == pytest.approx(1.0)
    assert {line["name"] for line in charts[0]["series"]} <= {"small", "middle", EVIL_MODEL}


def test_htmx_gets_the_piece_that_changes_and_nothing_around_it(busy: str) -> None:
    page = visit(busy, "/", headers={"HX-Request": "true"})
    assert page.status == 200
    assert "<html" not in page.text
    assert "data-chart" in page.text
    whole = Read.of(visit(busy, "/").text)
    (live,) = [element for element in whole.elements if element.attributes.get("id") == "live"]
    assert live.attributes["hx-get"] == "/"
    assert live.attributes["hx-trigger"] == "tick from:body"


def test_decisions_are_found_and_paged(busy: str) -> None:
    newest = Read.of(visit(busy, "/decisions").text)
    rows = [e for e in newest.all("a") if str(e.attributes["href"]).startswith("/decisions/")]
    assert len(rows) == 50
    (older,) = [e for e in newest.all("a") if e.attributes.get("rel") == "next"]
    rest = Read.of(visit(busy, str(older.attributes["href"])).text)
    left = [e for e in rest.all("a") if str(e.attributes["href"]).startswith("/decisions/")]
    assert len(left) == REQUESTS - 50
    assert not {e.attributes["href"] for e in rows} & {e.attributes["href"] for e in left}
    one = str(rows[7].attributes["href"]).removeprefix("/decisions/")
    assert f"/decisions/{one}" in visit(busy, f"/decisions?text={one[:20]}").text
    assert "Nothing found" in visit(busy, "/decisions?text=zzz").text
    by_class = Read.of(visit(busy, f"/decisions?class={quote(EVIL_CLASS)}").text)
    assert (
        len([e for e in by_class.all("a") if str(e.attributes["href"]).startswith("/decisions/")])
        == REQUESTS / 2
    )


def test_a_receipt_says_why_in_sentences(busy: str) -> None:
    _, made = ask(
        busy,
        "POST",
        "/v1/route",
        {"request_class": "code", "limits": {"deny": ["middle"]}, "policy": "thompson"},
    )
    path = f"/decisions/{made['decision_id']}"
    said = checked(visit(busy, path)).all("main")[0].text
    assert "denied by the caller" in said.lower()
    assert f"Why {made['model']}" in said
    assert "Nothing was reported" in said
    told = {"decision_id": made["decision_id"], "quality": 0.25, "usd": 0.002}
    assert ask(busy, "POST", "/v1/feedback", told)[0] == 200
    later = visit(busy, path, headers={"Accept": "text/html", "Cache-Control": "no-cache"})
    assert later.status == 200


def test_a_receipt_that_is_not_there_is_a_page(busy: str) -> None:
    page = visit(busy, "/decisions/nope")
    assert page.status == 404
    assert "There is no decision" in checked(page).all("main")[0].text
    assert visit(busy, "/experiments/nope").status == 404
    assert visit(busy, "/nothing/here").status == 404


def test_an_experiment_without_a_verdict_says_why(busy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LogError("There is nothing to compare.")

    monkeypatch.setattr(Behind, "get", refuse)
    for path in ("/experiments?x=1", "/experiments/try-it?x=1"):
        page = visit(busy, path)
        assert page.status == 200
        assert "There is nothing to compare." in page.text
    assert visit(busy, "/?x=1").status == 200


def test_programs_still_hear_of_errors_in_json(busy: str) -> None:
    for path in ("/nothing", "/v1/decisions/nope", "/decisions/nope"):
        status, body = ask(busy, "GET", path)
        assert status == 404
        assert body["error"]["message"]


def test_trying_stores_nothing(busy: str) -> None:
    before = visit(busy, "/metrics", headers={"Accept": "*/*"}).text
    form = {
        "prompt": f"Write a function. {EVIL_UNIT}",
        "request_class": "code",
        "max_usd": "0.5",
        "unit": "u",
    }
    page = visit(busy, "/try", form=form)
    assert page.status == 200
    said = checked(page).all("main")[0].text
    assert "dry run" in said
    assert "would get it" in said
    assert "<script>alert" not in page.text
    piece = visit(busy, "/try", form=form, headers={"HX-Request": "true"})
    assert "<html" not in piece.text
    after = visit(busy, "/metrics", headers={"Accept": "*/*"}).text
    decided = re.compile(r"^banditroute_decisions_total (.*)$", re.M)
    assert decided.findall(before) == decided.findall(after) != []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"max_usd": "cheap"}, "must be a number"),
        ({"input_tokens": "-3"}, "input_tokens"),
        ({"input_tokens": "1e999"}, "input_tokens"),
        ({"require": "nothing-has-this"}, "Lacks a capability"),
        ({"tags": "no equals sign"}, "name=value"),
        ({"model": "nobody"}, "There is no model"),
    ],
)
def test_what_cannot_be_tried_is_explained(busy: str, form: dict[str, str], said: str) -> None:
    page = visit(busy, "/try", form=form)
    assert page.status == 200
    assert said in checked(page).all("main")[0].text


def test_the_calculator_calculates_and_refuses(busy: str) -> None:
    said = checked(visit(busy, CALCULATED)).all("main")[0].text
    assert "You pay $840 a month" in said  # 100,000 × (800 × $3 + 400 × $15) / 1,000,000
    wrong = visit(busy, "/calculator?requests0=many&in0=1&out0=1&model0=small")
    assert wrong.status == 422
    assert "write a number" in checked(wrong).all("main")[0].text
    own = checked(visit(busy, "/calculator?traffic=1"))
    assert any(e.attributes.get("name") == "class1" for e in own.all("input"))
    assert "a month" in own.all("main")[0].text


def test_headers_keep_a_page_safe(busy: str) -> None:
    for path in ("/", "/login", "/nothing", "/docs"):
        headers = visit(busy, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_api_is_documented_without_the_internet(busy: str) -> None:
    read = checked(visit(busy, "/docs"))
    said = read.all("main")[0].text
    _, document = ask(busy, "GET", "/openapi.json")
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path.replace(':path}', '}')}" in said
    for name in document["components"]["schemas"]:
        assert name in said
