"""Pages and tables: complete by themselves, escaped, readable aloud."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from banditroute.reports import calculator_views, text
from banditroute.reports.bars import Bar, chart
from banditroute.reports.calculator import calculate
from banditroute.reports.decisions import savings_of_log
from banditroute.reports.page import savings_page
from banditroute.reports.savings import Asked
from tests.reports.logs import LARGE, SETTINGS, SMALL, drawn
from tests.reports.test_calculator import MODELS, TRAFFIC

VOID = {"meta", "rect", "path", "br"}


class Balanced(HTMLParser):
    """Refuses tags that do not match, and keeps what points elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag


def checked(page: str) -> str:
    parser = Balanced()
    parser.feed(page)
    assert (parser.open, parser.links) == ([], [])
    assert not re.search(r"<script|url\(|@import|https?://", page)
    assert "prefers-color-scheme:dark" in page
    assert 'lang="en"' in page
    return page


def test_the_savings_page_stands_alone_and_holds_every_figure() -> None:
    report = savings_of_log(drawn(1), SETTINGS, Asked(baseline="large"))
    page = checked(savings_page(report))
    assert report.verdict in page
    for bill in report.rules:
        assert text.amount(bill.usd) in page
    for part in (*report.actual.by_class, *report.actual.by_model):
        assert f'<th scope="row">{part.name}</th>' in page
    assert page.count('role="img" aria-label="USD') == 3


def test_names_from_a_log_are_escaped() -> None:
    evil = '<b onclick="x">&[red]'
    log = replace(drawn(1), models=("large", evil), classes=(evil, "code"), usd=np.full(len(drawn(1)), 0.1))
    bare = replace(SETTINGS, models=(), classes=())
    report = savings_of_log(log, bare, Asked(baseline="large"))
    assert "<b " not in checked(savings_page(report))
    out = io.StringIO()
    Console(file=out, width=250).print(text.printed(report))
    assert evil in out.getvalue()


def test_the_text_tells_what_it_rests_on() -> None:
    report = savings_of_log(drawn(1), SETTINGS, Asked(baseline="large"))
    out = io.StringIO()
    Console(file=out, width=200).print(text.printed(report))
    for words in (report.verdict, "By class", "By model", "not growth, seasons", "predicted, not measured"):
        assert words in " ".join(out.getvalue().split())


def test_the_calculators_page_and_table() -> None:
    answer = calculate(TRAFFIC, MODELS)
    page = checked(calculator_views.calculator_page(answer))
    assert "$5.60 – $16.80, a range" in page
    out = io.StringIO()
    Console(file=out, width=160).print(calculator_views.printed(answer))
    assert "middle" in out.getvalue()
    unrated = [replace(model, prior_quality=None) for model in (SMALL, LARGE)]
    assert "learned routing" not in checked(calculator_views.calculator_page(calculate(TRAFFIC, unrated)))


def test_bars_share_one_scale_and_survive_zeros() -> None:
    drawing = chart(
        "t", [Bar("a", 10.0, "ten", low=8.0, high=20.0), Bar("b", 5.0, "five"), Bar("c", 0.0, "0")]
    )
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', drawing)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert widths[2] == 1.0
    assert "nan" not in chart("t", [Bar("a", 0.0, "0")]) + chart("t", [])
