"""One HTML file that needs nothing else: light and dark, to be read on a screen, on paper or aloud."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from banditroute.reports.bars import Bar, chart
from banditroute.reports.findings import Bill, SavingsReport
from banditroute.reports.text import COLUMNS, amount, cells, gain, level, notes, span
from banditroute.reports.verdict import usd

STYLE = """
:root{color-scheme:light dark;--ink:#1d2329;--soft:#59636e;--line:#d8dde3;--paper:#fff;--tile:#f4f6f8;
--mine:#0b7a5c;--base:#b4540a;--other:#94a0ad}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#a0abb6;--line:#39424c;--paper:#14181c;
--tile:#1f252b;--mine:#3fc49c;--base:#f0994f;--other:#66727e}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:2rem 1.25rem 3rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0 0 .5rem}
h2{font-size:1.15rem;margin:2.25rem 0 .6rem}
.verdict{font-size:1.45rem;line-height:1.35;font-weight:600;margin:0 0 1.25rem;max-width:48rem}
dl{display:flex;flex-wrap:wrap;gap:.75rem;margin:0}
dl div{flex:1 1 11rem;background:var(--tile);border-radius:.5rem;padding:.7rem .9rem}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
dd small{display:block;font-size:.8rem;font-weight:400;color:var(--soft)}
.wide{overflow-x:auto;margin-top:1rem}
.legend{color:var(--soft);font-size:.85rem;margin:.2rem 0}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 0}
.legend i+span{margin-right:1.2em}
i.mine{background:var(--mine)}i.base{background:var(--base)}i.other{background:var(--other)}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.85rem;padding-bottom:.3rem}
th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:400}
tr.mine th,tr.mine td{font-weight:700}
tr.base th{color:var(--base);font-weight:600}
.bars{width:100%;height:auto;display:block}
.bars text{font-size:13px;fill:var(--ink)}
.bars .label{text-anchor:end}
.bars .value{fill:var(--soft)}
.bars .mine{fill:var(--mine)}.bars .base{fill:var(--base)}.bars .other{fill:var(--other)}
.bars .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
.notes{color:var(--soft);font-size:.9rem;padding-left:1.1rem}
.notes li{margin:.3rem 0}
footer{margin-top:2.5rem;color:var(--soft);font-size:.8rem}
@media print{body{max-width:none;padding:0}}
"""


PER_CLASS = "What was done beside the rule; quality in points of 100"


def page(title: str, verdict: str, parts: Sequence[str]) -> str:
    """A whole document around its parts."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        f'<h1>{escape(title)}</h1>\n<p class="verdict">{escape(verdict)}</p>\n'
        + "\n".join(parts)
        + "\n</main><footer>Made by banditroute.</footer></body></html>\n"
    )


def tiles(items: Sequence[tuple[str, str, str]]) -> str:
    """Key figures: name, figure, and what is to be known of it."""
    return (
        "<dl>"
        + "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}<small>{escape(more)}</small></dd></div>"
            for name, figure, more in items
        )
        + "</dl>"
    )


def table(caption: str, head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Rows of a style class and cells, the first of which names the row."""
    columns = [i for i in range(len(head)) if i == 0 or any(cells[i] for _, cells in rows)]
    top = "".join(f'<th scope="col">{escape(head[i])}</th>' for i in columns)
    body = "".join(
        f'<tr class="{kind}"><th scope="row">{escape(cells[0])}</th>'
        + "".join(f"<td>{escape(cells[i])}</td>" for i in columns[1:])
        + "</tr>"
        for kind, cells in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def listed(sentences: Sequence[str]) -> str:
    """Notes."""
    return '<ul class="notes">' + "".join(f"<li>{escape(text)}</li>" for text in sentences) + "</ul>"


def legend(kinds: Sequence[tuple[str, str]]) -> str:
    """Which colour is whose."""
    marks = (f'<i class="{kind}"></i><span>{escape(name)}</span>' for kind, name in kinds)
    return f'<p class="legend" aria-hidden="true">{"".join(marks)}</p>'


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def savings_page(report: SavingsReport) -> str:
    """The savings report as a page."""
    against = next(bill for bill in report.rules if bill.rule == report.baseline)
    bills = [report.actual, *report.rules]
    kinds = [_kind(bill, report) for bill in bills]
    rows = [(kind, cells(bill, own=kind == "mine")) for kind, bill in zip(kinds, bills, strict=True)]
    bars = [_bar(bill, kind) for kind, bill in zip(kinds, bills, strict=True)]
    return page(
        "Savings by routing",
        report.verdict,
        [
            _tiles(report, against),
            section("Every rule on the same requests", chart("USD by rule", bars)),
            table("USD with 95% intervals; quality in points of 100", COLUMNS, rows),
            section("By class", _by_class(report, against)),
            section("By model", _by_model(report)),
            section("How to read this", listed(notes(report))),
        ],
    )


def _kind(bill: Bill, report: SavingsReport) -> str:
    return "mine" if bill is report.actual else "base" if bill.rule == report.baseline else "other"


def _bar(bill: Bill, kind: str) -> Bar:
    return Bar(bill.rule, bill.usd.mean, amount(bill.usd), kind, bill.usd.low, bill.usd.high)


def _tiles(report: SavingsReport, against: Bill) -> str:
    actual, days = report.actual, "" if report.days is None else f" in {span(report.days)}"
    done = "paid" if actual.basis == "paid" else actual.rule
    items = [
        (done, usd(actual.usd.mean), f"{report.metered:,} requests{days}"),
        (against.rule, *_apart(amount(against.usd)), against.basis),
    ]
    if against.monthly_saving is not None:
        items.append(("saved in a month", *_apart(amount(against.monthly_saving)), "projected"))
    if against.quality_gain is not None:
        told = _apart(gain(against.quality_gain))
        items.append(("quality, in points", *told, f"against {against.rule}"))
    return tiles([(name, figure, ", ".join(filter(None, more))) for name, figure, *more in items])


def _apart(told: str) -> tuple[str, str]:
    """A figure, and its interval."""
    figure, _, interval = told.partition(" (")
    return figure, interval.rstrip(")")


def _by_class(report: SavingsReport, against: Bill) -> str:
    other = {part.name: part for part in against.by_class}
    bars, rows = [], []
    for part in report.actual.by_class:
        twin = other[part.name]
        for value, kind, label in ((part.usd, "mine", part.name), (twin.usd, "base", "")):
            bars.append(Bar(label, value or 0.0, "" if value is None else usd(value), kind))
        figures = [part.usd, twin.usd, part.quality, twin.quality]
        told = [
            "" if value is None else usd(value) if place < 2 else level(value)
            for place, value in enumerate(figures)
        ]
        rows.append(("", [part.name, f"{part.requests:,.0f}", *told]))
    name, rule = report.actual.rule, against.rule
    head = ("class", "requests", f"USD, {name}", f"USD, {rule}", f"quality, {name}", f"quality, {rule}")
    drawn = chart(f"USD by class, {name} and {rule}", bars)
    return legend([("mine", name), ("base", rule)]) + drawn + table(PER_CLASS, head, rows)


def _by_model(report: SavingsReport) -> str:
    parts = report.actual.by_model
    bars = [
        Bar(part.name, part.usd or 0.0, "" if part.usd is None else usd(part.usd), "mine") for part in parts
    ]
    total = sum(part.requests for part in parts)
    rows = [
        (
            "",
            [
                part.name,
                f"{part.requests:,.0f}",
                f"{part.requests / total:.0%}",
                "" if part.usd is None else usd(part.usd),
                "" if part.quality is None else level(part.quality),
            ],
        )
        for part in parts
    ]
    return chart("USD by model", bars) + table(
        "Of what was done; quality in points of 100", ("model", "requests", "share", "USD", "quality"), rows
    )
