"""Numbers and times as people read them. An en dash stands for what is not known."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime

from markupsafe import Markup, escape

from banditroute.reports.verdict import points, usd

NOTHING = "–"

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


def money(value: float | None) -> str:
    """USD."""
    return NOTHING if _unknown(value) else usd(value)  # type: ignore[arg-type]


def share(value: float | None, digits: int = 0) -> str:
    """A share in percent; more digits where it is small, so that few are not none."""
    if value is None or math.isnan(value):
        return NOTHING
    if digits == 0 and 0 < abs(value) < 0.0995:
        digits = 1 if abs(value) >= 0.0005 else 2
    return f"{value:.{digits}%}".replace("-", "−")


def quality(value: float | None) -> str:
    """A quality in [0, 1], or a utility in the same unit."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.3f}".replace("-", "−")


def gain(value: float | None) -> str:
    """A difference of quality, in points of 100, signed."""
    return NOTHING if value is None or math.isnan(value) else points(value)


def seconds(value: float | None) -> str:
    """A wait."""
    if value is None or math.isnan(value):
        return NOTHING
    if value < 0.0995:
        return f"{1_000 * value:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:,.0f} s"


def count(value: float | None) -> str:
    """How many; weights of outcomes may be broken."""
    return NOTHING if value is None or math.isnan(value) else f"{value:,.0f}"


def number(value: float | None) -> str:
    """Any other number, in three digits that tell."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return text.replace("-", "−", 1) if value < 0 else text


def moment(at: float) -> str:
    """A time, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: float) -> str:
    """A time for machines."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(at: float) -> str:
    """How long ago something was."""
    past = time.time() - at
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if past >= size:
            return f"{past / size:.0f} {unit} ago"
    return "just now" if past < 2 else f"{past:.0f} s ago"


def data(value: object) -> str:
    """JSON for an attribute, which is escaped like any other text; what is no number becomes null."""
    return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False, default=dict)


def plural(value: int, noun: str) -> str:
    """A count with its noun."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def begun(text: str) -> str:
    """A text as a sentence begins; names such as USD stay as they are."""
    return text[:1].upper() + text[1:]


def prose(text: str) -> Markup:
    """A sentence of ours, in which `names` stand between backticks."""
    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))
    return Markup("".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)))


FILTERS = {
    "money": money, "share": share, "quality": quality, "gain": gain, "seconds": seconds, "count": count,
    "number": number, "moment": moment, "iso": iso, "ago": ago, "data": data, "plural": plural,
    "prose": prose, "begun": begun,
}  # fmt: skip


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) and abs(value) < 1e9 else _whole(value)
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def _whole(value: float) -> float | None:
    """Times since the epoch keep their digits."""
    return round(value, 3) if math.isfinite(value) else None
