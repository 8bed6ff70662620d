"""The live event log: kept up to date by its tail, and of one mind with the log that holds the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.export import export_log
from banditroute.offline.logs.reading import read_log
from banditroute.reports.decisions import savings_of_log
from banditroute.reports.findings import SavingsReport
from banditroute.reports.ledger import live_cells
from banditroute.reports.live import LiveSavings
from banditroute.reports.savings import Asked, NothingToBill
from banditroute.routing.tally import step
from banditroute.store import Store, open_store
from banditroute.store.views import Views
from banditroute.types import Candidate, Context, Decision, Outcome, Preferences
from tests.reports.logs import DAY, SETTINGS, drawn

ASKED = Asked(baseline="large")


def decision(name: str, log: DecisionLog, i: int) -> Decision:
    assert log.at is not None
    context = Context(
        log.classes[log.class_index[i]], input_tokens=int(log.input_tokens[i]), unit=f"u{i % 40}"
    )
    model = log.models[log.action[i]]
    both = tuple(Candidate(name, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0) for name in log.models)
    return Decision(name, float(log.at[i]), context, Preferences(), both, (), model, 0.5, "random", 0, 0.0, 0)


def outcomes(name: str, log: DecisionLog, i: int) -> list[Outcome]:
    return [
        Outcome(name, "output_tokens", float(log.output_tokens[i])),
        Outcome(name, "quality", float(log.quality[i])),
    ]


@pytest.fixture(scope="module")
def log() -> DecisionLog:
    """A log as an export would give it: ids of decisions, units, whole tokens."""
    base = drawn(5, n=400)
    n = len(base)
    return replace(
        base,
        request_ids=np.array([f"d{i:05d}" for i in range(n)]),
        input_tokens=np.floor(base.input_tokens),
        unit=[f"u{i % 40}" for i in range(n)],
    )


@pytest.fixture
def store(log: DecisionLog) -> Iterator[Store]:
    """The same requests in an event log, their outcomes told in another order, some of them revised."""
    store = open_store("memory://")
    names = log.request_ids.tolist()
    store.append_decisions([decision(name, log, i) for i, name in enumerate(names)]).result()
    told = [outcome for i, name in enumerate(names) for outcome in outcomes(name, log, i)]
    random.Random(3).shuffle(told)
    for start in range(0, len(told), 50):
        part = told[start : start + 50]
        store.append_outcomes([structs.replace(outcome, value=0.5) for outcome in part[:9]]).result()
        store.append_outcomes(part).result()
    yield store
    store.close()


def same(one: SavingsReport, other: SavingsReport) -> None:
    """Equal to 1e-9, figure by figure; the notes aside."""
    flat = [
        dict(_flat(msgspec.to_builtins(structs.replace(report, assumptions=())))) for report in (one, other)
    ]
    assert flat[0].keys() == flat[1].keys()
    for key, value in flat[0].items():
        if isinstance(value, float):
            assert flat[1][key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
        else:
            assert flat[1][key] == value, key


def _flat(tree: object, path: str = "") -> Iterator[tuple[str, object]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        yield path, tree
    else:
        for key, value in items:
            yield from _flat(value, f"{path}/{key}")


def test_the_event_log_and_its_export_give_the_same_figures(log: DecisionLog, store: Store) -> None:
    same(LiveSavings(SETTINGS, store).report(asked=ASKED), savings_of_log(log, SETTINGS, ASKED))


def tally(store: Store) -> None:
    while step(store, SETTINGS, 37):
        pass


def test_following_the_tail_gives_what_reading_at_once_gives(log: DecisionLog) -> None:
    """Decisions and outcomes that come little by little, read in small pages after each."""
    growing, whole = open_store("memory://"), open_store("memory://")
    names = log.request_ids.tolist()
    for start in range(0, len(names), 90):
        part = range(start, min(start + 90, len(names)))
        made = [decision(names[i], log, i) for i in part]
        growing.append_decisions(made).result()
        whole.append_decisions(made).result()
        tally(growing)
        for i in part:
            told = [Outcome(names[i], "quality", 0.5), *outcomes(names[i], log, i)]
            told.append(Outcome(names[i // 2], "usd", float(i)))
            growing.append_outcomes(told).result()
            whole.append_outcomes(told).result()
        tally(growing)
    tally(whole)
    first, other = (live_cells(Views(store, SETTINGS), SETTINGS) for store in (growing, whole))
    assert np.allclose(first.table(), other.table(), rtol=1e-12, atol=1e-9)
    reports = [LiveSavings(SETTINGS, store).report(asked=ASKED) for store in (growing, whole)]
    same(*reports)


def test_retracted_facts_leave_the_bill(log: DecisionLog, store: Store) -> None:
    live = LiveSavings(SETTINGS, store)
    before = live.report(asked=ASKED)
    store.append_outcomes([Outcome("d00000", "output_tokens", None)]).result()
    after = live.report(asked=ASKED)
    assert (before.metered, after.metered) == (len(log), len(log) - 1)
    prices = SETTINGS.models[0 if log.models[log.action[0]] == "small" else 1]
    cost = (
        log.input_tokens[0] * prices.usd_per_input_token + log.output_tokens[0] * prices.usd_per_output_token
    )
    assert after.actual.usd.mean == pytest.approx(before.actual.usd.mean - cost)


def test_the_last_days_alone(log: DecisionLog, store: Store) -> None:
    assert log.at is not None
    now = float(log.at[-1])
    report = LiveSavings(SETTINGS, store).report(3, ASKED, now=now)
    first = np.floor(now / DAY) - 2
    assert report.requests == int((np.floor(log.at / DAY) >= first).sum())
    with pytest.raises(NothingToBill, match="in these days"):
        LiveSavings(SETTINGS, store).report(3, ASKED, now=now + 30 * DAY)


def test_an_empty_event_log_has_nothing_to_bill() -> None:
    with pytest.raises(NothingToBill, match="There is no decision yet"):
        LiveSavings(SETTINGS, open_store("memory://")).report()


def test_decisions_without_feedback_are_requests_without_a_bill(log: DecisionLog, store: Store) -> None:
    store.append_decisions([decision("silent", log, 0)]).result()
    report = LiveSavings(SETTINGS, store).report(asked=ASKED)
    assert (report.requests, report.metered) == (len(log) + 1, len(log))


def test_a_real_export_gives_the_same_figures(store: Store, log: DecisionLog, tmp_path: Path) -> None:
    store.append_decisions([decision("silent", log, 3)]).result()
    path = tmp_path / "log.parquet"
    export_log(store, SETTINGS, path)
    read = read_log(path, drawn_only=False)
    assert isinstance(read, DecisionLog)
    same(LiveSavings(SETTINGS, store).report(asked=ASKED), savings_of_log(read, SETTINGS, ASKED))


def test_models_that_left_the_configuration_stay_in_the_bill(store: Store) -> None:
    fewer = Settings(models=SETTINGS.models[:1], classes=SETTINGS.classes)
    tally(store)
    assert live_cells(Views(store, fewer), fewer).models == ("small", "large")


def test_a_price_that_came_later_bills_what_was_there_before(log: DecisionLog, store: Store) -> None:
    """Prices are the configuration's: nothing of them is in the sums."""
    free = replace(
        SETTINGS,
        models=tuple(
            replace(own, usd_per_input_token=None, usd_per_output_token=None) for own in SETTINGS.models
        ),
    )
    with pytest.raises(NothingToBill, match="Nothing is known"):
        LiveSavings(free, store).report(asked=ASKED)
    same(LiveSavings(SETTINGS, store).report(asked=ASKED), savings_of_log(log, SETTINGS, ASKED))
