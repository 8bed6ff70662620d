"""The calculator filled in from the log: no month is made of minutes, and nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from banditroute.errors import RequestError
from banditroute.reports.projection import MONTH_DAYS
from banditroute.service.pages import own_traffic as module
from banditroute.service.pages.calculating import ROUTING, answer, calculator_page
from banditroute.service.pages.desk import Desk, Filled
from banditroute.service.pages.own_traffic import ROWS, SPAN, own_traffic, stretch
from banditroute.store.views import DAY, Sums
from banditroute.types import Model
from tests.router.setting import SETTINGS

NOW = 1_800_000_000.0


def sums(request_class: str, model: str, requests: int, read: float = 800.0, written: float = 400.0) -> Sums:
    told = (requests, requests, 0, 0, 0, 0.0, 0, 0.0, 0, 0.0, requests, read * requests)
    return Sums(None, request_class, model, None, None, *told, requests, written * requests)


@dataclass
class Log:
    """The questions that the calculator asks of a read model."""

    cells: tuple[Sums, ...]
    begun: float | None

    def first_at(self) -> float | None:
        return self.begun

    def summary(self, since: float, until: float, level: int) -> tuple[Sums, ...]:
        assert NOW - 30 * DAY <= since < until == NOW
        return self.cells


def desk_of(seconds: float | None, *cells: Sums, settings: Any = SETTINGS) -> Desk:
    """A desk whose log began so many seconds ago."""
    desk = object.__new__(Desk)
    desk.views = cast("Any", Log(cells, None if seconds is None else NOW - seconds))
    desk.router = cast("Any", type("Router", (), {"settings": settings}))
    return desk


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", type("Clock", (), {"time": staticmethod(lambda: NOW)}))


def test_minutes_are_not_made_a_month() -> None:
    fields = own_traffic(desk_of(600.0, sums("code", "large", 1_603)))
    assert (fields["requests0"], fields["period"], fields["span"]) == ("1603", SPAN, "600")
    assert "1,603 requests of the last 10 minutes" in fields["told"]
    assert "less than 7 days" in fields["told"]
    form = Filled(fields | {"learned": ""})
    found = cast("dict[str, Any]", answer(desk_of(600.0), form, [0]))
    cost = 1_603 * (800 * 3e-6 + 400 * 1.5e-5)
    assert f"You pay ${cost:.2f} for these 10 minutes" in found["verdict"]
    assert not [name for name in (*found["columns"], *found["class_columns"]) if "month" in name]
    assert len(found["plans"][0]["cells"]) == len(found["columns"]) - 1
    assert found["plans"][0]["cells"][0] == f"${cost:.2f}"


@pytest.mark.parametrize("days", [8.0, 29.0])
def test_a_week_is_scaled_by_its_days(days: float) -> None:
    fields = own_traffic(desk_of(days * DAY, sums("code", "large", 1_000)))
    assert fields["period"] == "month"
    assert float(fields["requests0"]) == pytest.approx(1_000 * MONTH_DAYS / days, abs=0.5)
    assert "scaled to a month" in fields["told"]


def test_an_old_log_counts_its_last_days_only() -> None:
    fields = own_traffic(desk_of(400 * DAY, sums("code", "large", 3_000)))
    counted_for = 29 + NOW % DAY / DAY  # whole UTC days, and today so far
    assert float(fields["requests0"]) == pytest.approx(3_000 * MONTH_DAYS / counted_for, abs=0.5)


def test_every_kind_is_taken_and_what_is_left_out_is_told() -> None:
    many = [sums(f"class-{i}", "large", 500 - i) for i in range(37)]
    fields = own_traffic(desk_of(600.0, *many))
    assert fields["class36"] == "class-36"
    assert "left out" not in fields["told"]
    most = own_traffic(desk_of(600.0, *(sums(f"class-{i}", "large", 5) for i in range(ROWS + 2))))
    assert "The 2 smallest kinds, 10 requests together, are left out." in most["told"]


def test_without_traffic_it_says_so() -> None:
    assert own_traffic(desk_of(None)) == {"told": "There is no traffic yet: type what you know."}
    assert "no request in the last 30 days" in own_traffic(desk_of(90 * DAY))["told"]


def test_words_of_time() -> None:
    assert [stretch(f"{own}") for own in (30, 60, 594, 7_300, 3 * DAY)] == [
        "1 minute", "1 minute", "10 minutes", "2 hours", "3 days",
    ]  # fmt: skip
    for wrong in ("", "soon", "-1", "nan"):
        with pytest.raises(RequestError, match="seconds"):
            stretch(wrong)


def test_the_plan_with_the_badge_costs_what_the_sentence_says() -> None:
    """Today's mix holds the floor of its class for less than any single model does; the other class can save
    half by a model that is as good as today's."""
    small, _, large = SETTINGS.models
    dear = replace(large, id="dear", usd_per_input_token=6e-6, usd_per_output_token=3e-5)
    desk = desk_of(None, settings=replace(SETTINGS, models=(small, large, dear)))
    mixed = {"requests0": "1000", "model0": "large", "class0": "code", "in0": "1000", "out0": "100"}
    mixed |= {"requests1": "1000", "model1": "small", "class1": "code", "in1": "1000", "out1": "100"}
    stays = cast("dict[str, Any]", answer(desk, Filled(mixed), [0, 1]))
    assert "would save nothing" in stays["verdict"]
    assert [plan for plan in stays["plans"] if plan["goal"]] == []
    mixed |= {"requests2": "1000", "model2": "dear", "class2": "chat", "in2": "1000", "out2": "100"}
    found = cast("dict[str, Any]", answer(desk, Filled(mixed), [0, 1, 2]))
    (goal,) = [plan for plan in found["plans"] if plan["goal"]]
    assert goal["name"] == ROUTING
    assert goal["usd"] == pytest.approx(4.5 + 0.14 + 4.5)  # the mix as it is, and chat at large
    assert f"down to {goal['cells'][0]} " in found["verdict"]
    only = {name.replace("2", "0"): text for name, text in mixed.items() if name.endswith("2")}
    alone = cast("dict[str, Any]", answer(desk, Filled(only), [0]))
    assert [plan["name"] for plan in alone["plans"] if plan["goal"]] == ["per_class"]


def test_a_slip_in_a_name_is_answered_for_the_page() -> None:
    form = {"requests0": "10", "in0": "1", "out0": "1", "model0": "midle"}
    view = calculator_page(desk_of(None), form)
    assert view.status == 422
    assert "did you mean `middle`?" in str(view.values["says"])
    assert "--" not in str(view.values["says"])


def test_a_model_without_a_price_is_no_slip() -> None:
    settings = replace(SETTINGS, models=(*SETTINGS.models, Model("own-model")))
    form = {"requests0": "10", "in0": "1", "out0": "1", "model0": "own-model"}
    says = str(calculator_page(desk_of(None, settings=settings), form).values["says"])
    assert "give it usd_per_million_input" in says
    assert "did you mean" not in says
