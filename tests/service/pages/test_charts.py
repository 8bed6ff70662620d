"""What charts are given: spans that fit the log, gaps where nothing is known, totals of the whole time."""

from __future__ import annotations

from typing import Any, cast

import pytest

from banditroute.reports.ab import ABReport
from banditroute.reports.findings import Range
from banditroute.service.pages.course import course
from banditroute.service.pages.experiments import _leaves_out_zero, _margin
from banditroute.service.pages.overview import RANGES, _charts
from banditroute.service.pages.parameters import NAMES, parameters
from banditroute.service.pages.series import MOST, finest, finest_level, grid_of, settled
from banditroute.store.rollups import KEPT
from banditroute.store.views import DAY, HOUR, MINUTE, TEN_MINUTES, Sums

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("stretch", "drawn"),
    [
        (5.0, (MINUTE, 1)),
        (900.0, (MINUTE, 1)),
        (2 * HOUR, (MINUTE, 2)),
        (3 * HOUR, (TEN_MINUTES, 1)),
        (DAY, (TEN_MINUTES, 3)),
        (7 * DAY, (HOUR, 3)),
        (30 * DAY, (DAY, 1)),
    ],
)
def test_a_young_log_is_drawn_in_narrow_spans(stretch: float, drawn: tuple[int, int]) -> None:
    level, spans = finest(stretch)
    assert (level, spans) == drawn
    for known, width in ((level, level * spans), (finest_level(stretch), finest_level(stretch))):
        assert stretch <= MOST * width
        assert stretch + known <= KEPT[known], "older rows of this level are gone"


def test_the_span_under_way_is_drawn_but_never_as_a_fall() -> None:
    assert grid_of([NOW - 300], MINUTE, NOW).at[-1] == NOW // MINUTE * MINUTE
    assert settled([4.0, 5.0, 1.0]) == [4.0, 5.0, None]
    assert settled([4.0, None, 1.0]) == [4.0, None, 1.0]
    assert settled([0.5]) == [0.5]


def span(at: float, model: str, requests: int, usd: float | None, errors: int = 0) -> Sums:
    paid = (0, 0.0) if usd is None else (requests, usd)
    return Sums(
        at, None, model, None, None, requests, requests, errors, 0, 0, 0.0, *paid, 0, 0.0, 0, 0.0, 0, 0.0
    )


def test_the_key_tells_totals_and_unknown_costs_leave_a_gap() -> None:
    first = NOW // MINUTE * MINUTE - 5 * MINUTE
    series = [
        span(first, "small", 30, 1.0, errors=1),
        span(first + MINUTE, "large", 10, None),
        span(first + 3 * MINUTE, "small", 10, 0.5),
    ]
    whole = Sums(None, None, None, None, None, 50, 50, 1, 0, 0, 0.0, 40, 1.5, 0, 0.0, 0, 0.0, 0, 0.0)
    settings = type("Settings", (), {"models": ()})
    desk = cast("Any", type("Desk", (), {"settings": settings, "hue": staticmethod(lambda _: "m0")}))
    drawn = cast("dict[str, Any]", _charts(desk, RANGES[1], MINUTE, NOW, series, whole))
    keys = {line["name"]: line["total"] for line in drawn["traffic"]["series"]}
    assert keys == {"small": "80%", "large": "20%"}
    assert drawn["spend"]["series"][0]["total"] == "$1.50"
    assert drawn["spend"]["series"][0]["values"][:4] == [1.0, None, 0.0, 0.5]
    assert drawn["errors"]["series"][0]["total"] == "2.0%"
    assert drawn["traffic"]["whole"] == "the last 24 hours"


def looking_back(low: list[float | None], high: list[float | None]) -> ABReport:
    looks = type(
        "Looks", (), {"units": list(range(len(low))), "low": low, "high": high, "value": [0.0] * len(low)}
    )
    effect = type("Effect", (), {"looks": looks})
    found = {"metric": "quality", "margin": 0.02, "effect": staticmethod(lambda *_: effect)}
    return cast("ABReport", type("Report", (), found))


def test_the_scale_of_a_course_is_that_of_its_later_looks() -> None:
    low: list[float | None] = [-0.85, -0.3, -0.05, -0.02]
    high: list[float | None] = [0.85, 0.3, 0.05, 0.02]
    drawn = course(looking_back(low, high), "treatment")
    assert drawn is not None
    assert drawn["cut"] is True
    assert cast("float", drawn["high"]) < 6.0, "points; the look at ±5 is shown, that at ±30 is cut"
    assert cast("float", drawn["low"]) <= -5.0
    whole = course(looking_back(low[2:], high[2:]), "treatment")
    assert whole is not None
    assert whole["cut"] is False
    early = course(looking_back([None], [None]), "treatment")
    assert early is not None
    assert cast("float", early["low"]) < -2.0 < 0.0 < cast("float", early["high"]), "the margin is in sight"


def test_words_of_an_experiment() -> None:
    assert _margin("quality", 0.01) == "1 point of quality"
    assert _margin("quality", 0.05) == "5 points of quality"
    assert _leaves_out_zero(Range(0.1, 0.02, 0.3))
    assert not _leaves_out_zero(Range(0.1, -0.02, 0.3))
    assert not _leaves_out_zero(Range(0.1))


def test_parameters_have_plain_names_and_units() -> None:
    told = dict(
        parameters(
            {
                "treatment.floor": 0.01,
                "exploration_usd": 8.93e-5,
                "cap.small": 0.1,
                "cap.tier.premium": 0.05,
                "x": 2.0,
            }
        )
    )
    assert told["Least share of every model (variant treatment)"] == "1.0%"
    assert told["Cost of exploring"].startswith("$0.000089")
    assert told["small, while new"] == "10% of the class at most"
    assert told["Tier premium, until confirmed"] == "5.0% of the class at most"
    assert told["x"] == "2"
    assert all(title != name for name, (title, _) in NAMES.items())
