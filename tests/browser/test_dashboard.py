"""The dashboard in a real browser: no complaint, live numbers, receipts, the calculator, light and dark."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from banditroute.store import open_store
from tests.browser.conftest import Looked, looking
from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE, ask, serving

PAGES = ("/", "/models", "/experiments", "/decisions", "/try", "/calculator", "/docs", "/login")


def number(page: Any, label: str) -> int:
    """The number on the tile with that label."""
    tile = page.locator(".tile", has=page.get_by_text(label, exact=True))
    return int(tile.locator(".value").inner_text().replace(",", ""))


def until(page: Any, requests: int) -> None:
    """Lets the page's clock run until it shows so many requests."""
    deadline = time.monotonic() + PATIENCE
    while not page.locator("#c-traffic canvas").count() or number(page, "Requests") != requests:
        assert time.monotonic() < deadline, page.inner_text("main")
        page.clock.run_for(5_000)
        page.wait_for_timeout(50)


def background(page: Any) -> tuple[int, ...]:
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return tuple(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def coloured(page: Any, chart: str) -> int:
    """How many pixels of a chart are neither grey nor empty."""
    script = """(chart) => {
      const canvas = document.querySelector(`#${chart} canvas`);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = data.slice(i, i + 3);
        if (data[i + 3] > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) found += 1;
      }
      return found;
    }"""
    return int(page.evaluate(script, chart))


@pytest.fixture(params=[("light", 1280), ("dark", 375)], ids=["light-desktop", "dark-phone"])
def hostile(request: Any, browser: Any, service: str) -> Iterator[Looked]:
    scheme, width = request.param
    yield from looking(browser, service, color_scheme=scheme, has_touch=width < 500)


def test_every_page_is_shown_without_a_complaint(hostile: Looked, request: Any) -> None:
    phone = "phone" in request.node.name
    hostile.page.set_viewport_size({"width": 375 if phone else 1280, "height": 800})
    for path in (*PAGES, "/experiments/try-it"):
        page = hostile.open(path)
        assert page.locator("h1").count() == 1
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= (375 if phone else 1280), f"{path} is {width} px wide"
        assert (sum(background(page)) < 200) is phone, "dark is dark, light is light"


def test_numbers_move_while_traffic_flows(window: Looked) -> None:
    window.page.clock.install()
    page = window.open("/?range=1h")
    page.wait_for_selector("#c-traffic canvas")
    before = number(page, "Requests")
    for _ in range(7):
        ask(window.where, "POST", "/v1/route", {"request_class": "chat", "input_tokens": 100})
    until(page, before + 7)
    assert page.locator("#c-traffic canvas").count() == 1, "the chart was kept, not drawn twice"


def test_a_single_burst_is_seen_and_the_key_tells_of_all_of_it(window: Looked) -> None:
    """All traffic is a few seconds old: one span, or two, which no line could join."""
    page = window.open("/?range=24h")
    for chart in ("c-traffic", "c-latency", "c-spend"):
        page.wait_for_selector(f"#{chart} canvas")
        assert coloured(page, chart) > 20, chart
    key = page.locator("#c-spend-key")
    assert "the last 24 hours" in key.inner_text()
    whole = key.locator("b").inner_text()
    tile = page.locator(".tile", has=page.get_by_text("Spend", exact=True))
    assert whole == tile.locator(".value").inner_text()
    page.locator("#c-spend .u-over").hover()
    page.wait_for_function("document.querySelector('#c-spend-key [data-when]').innerText.includes('UTC')")
    page.locator("h1").hover()
    page.wait_for_function("document.querySelector('#c-spend-key [data-when]').innerText.includes('hours')")
    assert key.locator("b").inner_text() == whole


@pytest.mark.full
def test_the_first_request_turns_the_empty_page_into_numbers(browser: Any) -> None:
    with serving(SETTINGS, open_store("memory://")) as where:
        for looked in looking(browser, where):
            looked.page.clock.install()
            page = looked.open("/")
            assert "No traffic yet" in page.inner_text("main")
            for _ in range(3):
                ask(where, "POST", "/v1/route", {"request_class": "code"})
            until(page, 3)
            assert page.locator("#c-traffic canvas").count() == 1


@pytest.mark.full
def test_a_pause_holds_the_page(window: Looked) -> None:
    window.page.clock.install()
    page = window.open("/?range=1h")
    button = page.locator("[data-live]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    before = number(page, "Requests")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(window.where, "POST", "/v1/route", {"request_class": "chat"})
    page.clock.run_for(60_000)
    page.wait_for_timeout(100)
    assert asked == []
    button.click()
    until(page, before + 1)


@pytest.mark.full
def test_what_somebody_is_typing_stays_while_the_page_moves_on(window: Looked) -> None:
    window.page.clock.install()
    page = window.open("/decisions")
    field = page.get_by_label("Id or unit")
    field.click()
    page.keyboard.type("user-")
    page.evaluate("document.querySelector('tbody').id = 'before'")
    ask(window.where, "POST", "/v1/route", {"request_class": "chat"})
    for _ in range(20):
        page.clock.run_for(5_000)
        page.wait_for_timeout(50)
    page.keyboard.type("77")
    assert field.input_value() == "user-77"
    page.keyboard.press("Enter")
    page.wait_for_url("**text=user-77*")


def test_a_receipt_opens_and_says_why(window: Looked) -> None:
    page = window.open("/decisions")
    link = page.locator("tbody a").first
    shown = link.inner_text().removesuffix("…")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/*")
    assert shown in page.locator("main code").first.inner_text()
    assert page.locator("h2", has_text="Why ").is_visible()
    assert page.locator("table >> text=chosen").count() == 1


@pytest.mark.full
def test_what_auto_would_pick_is_answered_in_place(window: Looked) -> None:
    page = window.open("/try")
    page.get_by_label("Prompt").fill("Write a function that merges two sorted lists.")
    page.get_by_label("Class").select_option("code")
    page.get_by_role("button", name="See who gets it").click()
    page.wait_for_selector("#answer >> text=would get it")
    assert page.url.endswith("/try")
    assert "dry run" in page.locator("#answer").inner_text()


def test_the_calculator_computes(window: Looked) -> None:
    page = window.open("/calculator")
    page.get_by_label("Requests", exact=True).fill("100000")
    page.get_by_label("Tokens in, each").fill("800")
    page.get_by_label("Tokens out, each").fill("400")
    page.get_by_label("Answered today by").fill("large")
    page.get_by_role("button", name="Calculate").click()
    page.wait_for_selector("#answer")
    assert "You pay $840 a month" in page.locator("#answer").inner_text()


def test_colours_are_switched_and_remembered(window: Looked) -> None:
    page = window.open("/")
    light = background(page)
    switch = page.locator("[data-theme-switch]")
    switch.click()  # from what the system prefers to light
    assert background(page) == light
    switch.click()
    assert sum(background(page)) < 200 < sum(light)
    page = window.open("/models")
    assert sum(background(page)) < 200
    assert "dark" in str(switch.get_attribute("aria-label"))


@pytest.mark.full
def test_a_keyboard_gets_everywhere_and_shows_where_it_is(window: Looked) -> None:
    page = window.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"Models", "Experiments", "Decisions", "Calculator"} <= reached


@pytest.mark.full
def test_a_service_that_is_gone_is_told_and_heard_again(window: Looked) -> None:
    page = window.open("/")
    page.route("**/*", lambda route: route.fulfill(status=503, body="gone"))
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    page.wait_for_selector("[data-live].lost")
    assert "does not answer" in page.locator("#said").inner_text()
    assert page.locator("h1", has_text="Overview").is_visible(), "what was shown stays"
    page.unroute("**/*")
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    page.wait_for_selector("[data-live]:not(.lost)")
    window.complaints.clear()  # the browser itself complains of a 503
