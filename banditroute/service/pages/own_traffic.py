"""The calculator's fields filled in from the log: the last 30 days, one kind for every class and model.

A log of less than a week is not projected, as in the savings report: its requests are taken as they were
counted. A longer one is scaled by its days to a month.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from banditroute.errors import RequestError
from banditroute.reports.projection import FEWEST_DAYS, MONTH_DAYS
from banditroute.service.pages.desk import Desk
from banditroute.service.pages.formats import plural
from banditroute.store.views import DAY, Sums

FIELDS = ("class", "requests", "in", "out", "model")
"""What a kind of requests has, each with the number of its row behind it."""

ROWS = 100
"""Rows that a form may have."""

SPAN = "span"
"""The period of requests that are taken as they were counted; the field `span` has its seconds."""

DAYS = 30
"""Days of the log that are read, today's among them."""

_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"))


def own_traffic(desk: Desk) -> dict[str, str]:
    """The fields of the form, with a sentence `told` of what they rest on; none where there is no traffic."""
    now, first = time.time(), desk.views.first_at()
    if first is None:
        return {"told": "There is no traffic yet: type what you know."}
    since = now // DAY * DAY - (DAYS - 1) * DAY
    found = [own for own in desk.views.summary(since, now, level=DAY) if own.requests]
    if not found:
        return {"told": f"There was no request in the last {DAYS} days: type what you know."}
    found.sort(key=lambda own: -own.requests)
    seconds = max(now - max(first, since), 60.0)
    week = seconds >= FEWEST_DAYS * DAY
    scale = MONTH_DAYS * DAY / seconds if week else 1.0
    fields = {"learned": "1", "told": _told(found, seconds, week)}
    fields |= {"period": "month"} if week else {"period": SPAN, "span": f"{seconds:.0f}"}
    for row, own in enumerate(found[:ROWS]):
        read, written = own.input_tokens / max(own.sized, 1), own.output_tokens / max(own.written, 1)
        counted = own.requests * scale
        texts = (own.request_class, f"{max(counted, 1):.0f}", f"{read:.0f}", f"{written:.0f}", own.model)
        fields |= {f"{name}{row}": str(text) for name, text in zip(FIELDS, texts, strict=True)}
    return fields


def stretch(seconds: str) -> str:
    """A stretch of time in words, from its field: "10 minutes". Raises RequestError for what is no time."""
    try:
        known = float(seconds)
    except ValueError:
        known = math.nan
    if not 0 < known <= 1e9:
        raise RequestError(
            "The field span is the number of seconds that requests were counted for.", param="span"
        )
    size, unit = next((own for own in _UNITS if known >= 2 * own[0]), _UNITS[-1])
    return plural(max(round(known / size), 1), unit)


def _told(found: Sequence[Sums], seconds: float, week: bool) -> str:
    """What the numbers are, in sentences."""
    requests, words = sum(own.requests for own in found), stretch(str(seconds))
    told = [f"{plural(requests, 'request')} of the last {words}, {plural(len(found), 'kind')} of them."]
    if week:
        told.append("They are scaled to a month of 30.4 days.")
    else:
        told.append(
            f"That is less than {FEWEST_DAYS} days, of which no month can be told: the requests are taken as "
            f"they were counted, and every bill below is that of these {words}. Set what they are per, and "
            "numbers of your own, to see a month's."
        )
    rest = found[ROWS:]
    if rest:
        left = sum(own.requests for own in rest)
        told.append(f"The {len(rest)} smallest kinds, {plural(left, 'request')} together, are left out.")
    unsized = sum(own.requests - own.written for own in found)
    if unsized:
        told.append(
            f"Of {plural(unsized, 'request')} nobody said how much was written; they count as the others of "
            "their kind, and a kind without any as 0 tokens out."
        )
    return " ".join(told)
