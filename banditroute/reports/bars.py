"""Horizontal bars as inline SVG: no scripts, no fonts or files from elsewhere, read out as text too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE = 760, 190, 170
"""Of the drawing, of the labels on its left and of the figures on its right, in its own units."""

ROW, THICK = 26, 14


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `kind` is a class of the page's style; `low` and `high` draw an interval, or a range where
    `value` is None."""

    label: str
    value: float | None
    told: str
    kind: str = "other"
    low: float | None = None
    high: float | None = None


def chart(title: str, bars: Sequence[Bar]) -> str:
    """The bars, one under another, from a common zero. `title` is what a screen reader hears first."""
    most = max((max(bar.value or 0.0, bar.high or 0.0) for bar in bars), default=0.0) or 1.0
    scale = (WIDTH - LABEL - VALUE) / most
    height = ROW * len(bars) + 4
    rows = "".join(_row(bar, place * ROW + 2, scale) for place, bar in enumerate(bars))
    heard = "; ".join(f"{bar.label}: {bar.told}" for bar in bars)
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(f"{title}. {heard}")}">{rows}</svg>'
    )


def _row(bar: Bar, y: int, scale: float) -> str:
    middle = y + ROW / 2
    parts = [f'<text class="label" x="{LABEL - 10}" y="{middle + 4}">{escape(_short(bar.label))}</text>']
    if bar.value is not None:
        parts.append(
            f'<rect class="{bar.kind}" x="{LABEL}" y="{middle - THICK / 2}" rx="2" '
            f'width="{max(bar.value * scale, 1.0):.1f}" height="{THICK}"/>'
        )
    if bar.low is not None and bar.high is not None:
        parts.append(_span(bar, middle, scale))
    end = LABEL + scale * max(bar.value or 0.0, bar.high or 0.0) + 8
    parts.append(f'<text class="value" x="{end:.1f}" y="{middle + 4}">{escape(bar.told)}</text>')
    return "".join(parts)


def _span(bar: Bar, middle: float, scale: float) -> str:
    """An interval as a whisker on its bar; a range without a value as a bar of its own."""
    assert bar.low is not None
    assert bar.high is not None
    left, right = LABEL + scale * bar.low, LABEL + scale * bar.high
    if bar.value is None:
        width = max(right - left, 1.0)
        return (
            f'<rect class="{bar.kind}" x="{left:.1f}" y="{middle - THICK / 2}" rx="2" '
            f'width="{width:.1f}" height="{THICK}"/>'
        )
    path = f"M{left:.1f} {middle}H{right:.1f}M{left:.1f} {middle - 4}v8M{right:.1f} {middle - 4}v8"
    return f'<path class="whisker" d="{path}"/>'


def _short(label: str) -> str:
    return label if len(label) <= 27 else f"{label[:26]}…"
