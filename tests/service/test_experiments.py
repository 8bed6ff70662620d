"""`GET /v1/experiments` and one experiment's report on a running service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from msgspec import structs

from banditroute.reports.ab_live import ab_of_views
from banditroute.routing.tally import catch_up
from banditroute.service.experiments import ExperimentReports
from banditroute.store import Store, open_store
from banditroute.store.views import Views
from tests.reports.test_live import decision
from tests.reports.weeks import three_weeks
from tests.router.experiments import CHEAP, LEARNED
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving

EVERYBODY = replace(LEARNED, units=(0.0, 1.0), holdout=0.0, margin=0.02)
WAITING = replace(CHEAP, running=False)
TWO = replace(SETTINGS, experiments=(EVERYBODY, WAITING))
NAME = EVERYBODY.name


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    """A service with 80 requests of as many units, of which all were scored."""
    with serving(TWO, store) as address:
        for i in range(80):
            body = {"request_class": "code", "input_tokens": 500 + i, "unit": f"user-{i}"}
            _, made = ask(address, "POST", "/v1/route", body)
            told = {"decision_id": made["decision_id"], "quality": 0.5 + i / 200, "output_tokens": 100}
            assert ask(address, "POST", "/v1/feedback", told)[0] == 200
        yield address


def test_the_list_says_how_each_stands(where: str) -> None:
    status, listed = ask(where, "GET", "/v1/experiments")
    assert status == 200
    running, stopped = listed["data"]
    assert (running["name"], running["running"], running["status"]) == (NAME, True, "running")
    assert (stopped["name"], stopped["running"], stopped["status"]) == (CHEAP.name, False, "stopped")
    assert [(one["name"], one["policy"], one["share"]) for one in running["variants"]] == [
        ("control", "fixed:large", 0.4),
        ("treatment", "thompson", 0.6),
    ]
    assert (running["units"], running["requests"]) == (80, 80)
    assert sum(one["units"] for one in running["variants"]) == 80
    assert (stopped["requests"], stopped["decision"]) == (0, "no_data")
    assert stopped["verdict"].startswith("Nothing to compare yet")
    assert (running["margin"], running["range"], running["entered"]) == (0.02, [0.0, 1.0], 1.0)


def test_the_report_is_that_of_the_event_log(where: str, store: Store) -> None:
    status, report = ask(where, "GET", f"/v1/experiments/{NAME}")
    assert status == 200
    catch_up(store, TWO)
    alone = ab_of_views(Views(store, TWO), TWO, NAME)
    assert report["verdict"] == alone.verdict
    assert [one["requests"] for one in report["variants"]] == [one.requests for one in alone.variants]
    assert {one["metric"] for one in report["effects"]} >= {"quality", "usd", "error"}
    quality = next(one for one in report["effects"] if one["metric"] == "quality")
    assert set(quality["looks"] or {}) <= {"requests", "units", "value", "low", "high"}
    assert (report["control"], report["margin"]) == ("control", 0.02)


def test_an_experiment_that_there_is_not_is_refused_with_those_that_there_are(where: str) -> None:
    status, refusal = ask(where, "GET", "/v1/experiments/learned-vs-premum")
    assert status == 404
    assert refusal["error"]["code"] == "unknown_experiment"
    assert f"did you mean `{NAME}`?" in refusal["error"]["message"]
    refusal = ask(where, "GET", "/v1/experiments/zzz")[1]
    assert f"`{NAME}`" in refusal["error"]["message"]
    assert f"`{CHEAP.name}`" in refusal["error"]["message"]


def test_both_are_documented(where: str) -> None:
    document = ask(where, "GET", "/openapi.json")[1]
    for path, kind in (
        ("/v1/experiments", "ExperimentsReply"),
        ("/v1/experiments/{name}", "ABReport"),
    ):
        answers = document["paths"][path]["get"]["responses"]
        assert answers["200"]["content"]["application/json"]["schema"]["$ref"].endswith(f"/{kind}")
        assert kind in document["components"]["schemas"]


def test_a_report_knows_what_was_told_a_moment_ago() -> None:
    """Also before anybody has tallied the log."""
    log, _ = three_weeks(60)
    store, names = open_store("memory://"), log.request_ids.tolist()
    made = [
        structs.replace(decision(name, log, i), experiment=NAME, variant="control", variant_share=0.4)
        for i, name in enumerate(names)
    ]
    store.append_decisions(made).result()
    reports = ExperimentReports(TWO, store, Views(store, TWO))
    assert reports.report(NAME).requests == len(names)
    assert reports.listed().data[0].requests == len(names)
    store.close()
