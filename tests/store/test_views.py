"""What the read model answers: compared with the rows themselves, by an index, the same from every store."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from banditroute.routing.tally import catch_up
from banditroute.store import Store, open_store
from banditroute.store.rollups import bin_of, quantile
from banditroute.store.tables import metadata
from banditroute.store.views import DAY, HOUR, MINUTE, Result, Views, Where, level_for
from banditroute.types import Outcome
from tests.store.telling import SETTINGS, START, lived, made

END = START + 6 * DAY


@pytest.fixture(scope="module", params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path_factory.mktemp("log"))
    lived(opened, random.Random(11), 110, tallied=False)
    catch_up(opened, SETTINGS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def views(store: Store) -> Views:
    return Views(store, SETTINGS)


@pytest.fixture(scope="module")
def rows(views: Views) -> list[Result]:
    return list(views.recent(10_000))


def test_sums_are_those_of_the_rows(views: Views, rows: list[Result]) -> None:
    by_model = {own.model: own for own in views.summary(0.0, END, level=DAY, by=("model",))}
    assert set(by_model) == {"small", "large", "gone"}
    for model, own in by_model.items():
        mine = [row for row in rows if row.model == model]
        bills = [row.usd for row in mine if row.usd is not None]
        scores = [row.quality for row in mine if row.quality is not None]
        failed = sum(1 for row in mine if row.error and row.quality is None)
        assert (own.requests, own.metered, own.scored) == (len(mine), len(bills), len(scores) + failed)
        assert own.usd == pytest.approx(sum(bills))
        assert own.quality == pytest.approx(sum(scores))  # a failed call counts as 0 here
        assert own.mean_usd == pytest.approx(sum(bills) / len(bills))
        assert own.errors == sum(1 for row in mine if row.error)
        assert own.error_rate == pytest.approx(own.errors / sum(row.told for row in mine))
        assert own.fallbacks == sum(1 for row in mine if row.kind == "fallback")


def test_a_reported_bill_beats_the_list_price_and_no_price_is_no_bill(store: Store, views: Views) -> None:
    for row in views.recent(10_000):
        record = store.record(row.id)
        assert record is not None
        told = {o.factor: o.value for o in record.outcomes if o.value is not None}
        if "usd" not in told and row.usd is not None:
            prices = {own.id: own for own in SETTINGS.models}[row.model]
            assert row.input_tokens is not None
            assert row.output_tokens is not None
            assert row.usd == pytest.approx(
                row.input_tokens * (prices.usd_per_input_token or 0)
                + row.output_tokens * (prices.usd_per_output_token or 0)
            )
        if row.model == "gone" and "usd" not in told:
            assert row.usd is None


def test_a_series_splits_the_summary(views: Views, rows: list[Result]) -> None:
    series = views.series(0.0, END, level=DAY, by=("experiment", "variant"))
    found = Counter()
    for own in series:
        found[own.at, own.experiment, own.variant] += own.requests
    wanted = Counter((row.at // DAY * DAY, row.experiment or "", row.variant or "") for row in rows)
    assert found == wanted
    assert [own.at for own in series] == sorted(own.at or 0.0 for own in series)
    one = views.series(0.0, END, level=DAY, by=(), where=Where("small", "code", "e1", "control"))
    mine = [r for r in rows if (r.model, r.request_class, r.variant) == ("small", "code", "control")]
    assert sum(own.requests for own in one) == sum(1 for r in mine if r.experiment == "e1")


def test_quantiles_of_latency_are_right_to_a_few_percent() -> None:
    rng = np.random.default_rng(3)
    for seconds in (rng.lognormal(0.0, 0.7, 20_000), rng.gamma(2.0, 3.0, 20_000)):
        bins: dict[int, float] = dict(Counter(bin_of(float(own)) for own in seconds))
        for q in (0.5, 0.95, 0.99):
            assert quantile(bins, q) == pytest.approx(np.quantile(seconds, q), rel=0.04)
    assert math.isnan(quantile({}, 0.5))
    assert bin_of(0.0) < bin_of(1e-5) < bin_of(1.0) == 0 < bin_of(1e9)


def test_latency_is_counted_by_model_and_time(views: Views, rows: list[Result]) -> None:
    timed = Counter(row.model for row in rows if row.seconds is not None)
    found = views.latency(0.0, END, level=DAY)
    assert {own.model: own.requests for own in found} == timed
    days = views.latency(0.0, END, level=DAY, over_time=True, by_model=False)
    assert sum(own.requests for own in days) == sum(timed.values())
    assert all(own.p50 <= own.p95 <= own.p99 for own in found)


def test_the_newest_come_first_page_by_page(views: Views, rows: list[Result]) -> None:
    assert [row.seq for row in rows] == sorted((row.seq for row in rows), reverse=True)
    paged: list[Result] = []
    while page := views.recent(37, before_seq=paged[-1].seq if paged else None):
        paged += page
    assert paged == rows
    where = Where("large", "chat", "e2", "treatment")
    mine = [row for row in rows if (row.model, row.request_class, row.experiment, row.variant)
            == ("large", "chat", "e2", "treatment")]  # fmt: skip
    assert list(views.recent(10_000, where=where)) == mine
    assert list(views.recent(10_000, unit="u3")) == [row for row in rows if row.unit == "u3"]


def test_a_search_finds_ids_by_their_beginning_and_units(views: Views, rows: list[Result]) -> None:
    assert list(views.recent(10_000, text="d0001")) == [row for row in rows if row.id.startswith("d0001")]
    assert list(views.recent(10_000, text="u3")) == [row for row in rows if row.unit == "u3"]
    assert views.recent(text="d' OR 1=1 --") == views.recent(text="%") == ()
    assert views.result(rows[5].id) == rows[5]
    assert views.result("nobody") is None


@pytest.mark.parametrize("experiment", ["e1", "e2"])
def test_exposures_are_the_rows_as_columns(views: Views, rows: list[Result], experiment: str) -> None:
    mine = [row for row in reversed(rows) if row.experiment == experiment]
    found = views.exposures(experiment)
    assert len(found) == len(mine)
    assert found.at.tolist() == [row.at for row in mine]
    assert [found.units[code] for code in found.unit] == [row.unit or row.id for row in mine]
    assert [found.variants[code] for code in found.variant] == [row.variant for row in mine]
    assert [found.models[code] for code in found.model] == [row.model for row in mine]
    assert [found.classes[code] for code in found.request_class] == [row.request_class for row in mine]
    assert set(found.share) == {0.5}
    rates = SETTINGS.reward.weights
    for i, row in enumerate(mine):
        quality = 0.0 if row.error and row.quality is None else row.quality
        reward = None if quality is None or row.usd is None else quality - rates.usd * row.usd
        error = None if not row.told else row.error or 0.0
        for name, value in (
            ("quality", quality), ("usd", row.usd), ("seconds", row.seconds), ("reward", reward),
            ("error", error), ("fallback", float(row.kind == "fallback")),
            ("output_tokens", row.output_tokens), ("input_tokens", row.input_tokens),
        ):  # fmt: skip
            wanted = math.nan if value is None else value
            assert found.metrics[name][i] == pytest.approx(wanted, nan_ok=True), name
        assert found.judged[i] == pytest.approx(math.nan if row.judged is None else row.judged, nan_ok=True)
    for code, unit in enumerate(found.units):
        first = min(row.seq for row in mine if (row.unit or row.id) == unit)
        before = [row.usd for row in rows if row.unit == unit and row.seq < first and row.usd is not None]
        wanted = np.mean(before) if before else math.nan
        assert found.before["usd"][code] == pytest.approx(wanted, nan_ok=True)
    part = views.exposures(experiment, since=START + DAY, until=START + 3 * DAY)
    assert part.at.tolist() == [row.at for row in mine if START + DAY <= row.at < START + 3 * DAY]


def test_an_unknown_experiment_has_no_exposures(views: Views) -> None:
    found = views.exposures("nobody")
    assert (len(found), found.units, found.metrics["usd"].shape) == (0, (), (0,))


def test_the_last_score_of_a_judge_is_kept_beside_that_of_people(tmp_path: Path) -> None:
    store = open_store("sqlite:///log.db", base=tmp_path)
    store.append_decisions([made("d", random.Random(1), START)]).result()
    for told in (
        Outcome("d", "quality", 0.4, "judge", rater="a/rubric-1"),
        Outcome("d", "quality", 0.6, "judge", rater="b/rubric-1"),
        Outcome("d", "quality", 0.9, "user"),
        Outcome("d", "quality", 0.5, "judge", rater="b/rubric-1"),
    ):
        store.append_outcomes([told]).result()
        catch_up(store, SETTINGS)
    row = Views(store, SETTINGS).result("d")
    store.append_outcomes([Outcome("d", "quality", None, "user")]).result()
    catch_up(store, SETTINGS)
    alone = Views(store, SETTINGS).result("d")
    store.close()
    assert row is not None
    assert alone is not None
    assert (row.quality, row.quality_source, row.judged, row.judged_by) == (0.9, "user", 0.5, "b/rubric-1")
    assert (alone.quality, alone.quality_source) == (pytest.approx(0.45), "judge")


def test_the_level_is_the_finest_that_is_kept_and_can_be_drawn() -> None:
    now = time.time()
    spans = {2 * HOUR: MINUTE, 20 * HOUR: 600, 5 * DAY: HOUR, 50 * DAY: DAY}
    assert {span: level_for(now - span, now) for span in spans} == spans
    assert level_for(now - 30 * DAY, now - 30 * DAY + HOUR) == HOUR, "minutes of then are gone"


QUESTIONS: dict[str, Callable[[Views], object]] = {
    "series": lambda v: v.series(0.0, END, level=HOUR),
    "series of an experiment": lambda v: v.series(0.0, END, level=HOUR, where=Where(experiment="e1")),
    "summary": lambda v: v.summary(0.0, END, level=DAY),
    "latency": lambda v: v.latency(0.0, END, level=DAY),
    "parts": lambda v: v.parts(),
    "newest of a model": lambda v: v.recent(where=Where(model="small")),
    "newest of a class": lambda v: v.recent(where=Where(request_class="code")),
    "newest of both": lambda v: v.recent(where=Where("small", "code")),
    "newest of an experiment": lambda v: v.recent(where=Where(experiment="e1")),
    "newest of a variant": lambda v: v.recent(where=Where(variant="control")),
    "newest of a unit": lambda v: v.recent(unit="u1"),
    "older": lambda v: v.recent(before_seq=50),
    "search": lambda v: v.recent(text="d0"),
    "search in vain": lambda v: v.recent(text="x"),
    "one": lambda v: v.result("d00001"),
    "exposures": lambda v: v.exposures("e1"),
    "first and last": lambda v: (v.first_at(), v.last_at()),
    "is current": lambda v: v.is_current(),
}


FROM_END_TO_END = tuple(f"SCAN {name}" for name in metadata.tables)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_answered_by_an_index(store: Store, views: Views, name: str) -> None:
    """No plan reads a table from end to end, nor sorts results."""
    asked: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        QUESTIONS[name](views)
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    assert asked
    for statement, parameters in asked:
        with store.engine.connect() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plan = [row[3] for row in rows]
        assert not [line for line in plan if line.startswith(FROM_END_TO_END)], (statement, plan)
        if "FROM results" in statement and "GROUP BY" not in statement:
            assert not any("TEMP B-TREE" in line for line in plan), (statement, plan)


def test_facts_do_not_depend_on_the_order_in_which_they_came() -> None:
    said = {"a": 0.1, "b": 0.7, "c": 0.2}
    told = [Outcome("d", "quality", value, "user", rater=who) for who, value in said.items()]
    found = set()
    for turn in range(3):
        store = open_store("memory://")
        store.append_decisions([made("d", random.Random(1), START)]).result()
        store.append_outcomes(told[turn:] + told[:turn]).result()
        catch_up(store, SETTINGS)
        row = Views(store, SETTINGS).result("d")
        assert row is not None
        found.add(row.quality)
        store.close()
    assert len(found) == 1
