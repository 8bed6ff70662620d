"""`/metrics` over real HTTP: what is counted, under which names, and that nobody can add to the labels."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.router import Router
from banditroute.routing.tally import Tally, catch_up
from banditroute.service.traffic import BOUNDS, Route, Traffic
from banditroute.service.traffic_metrics import Results
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving, until

EXPERIMENT = Experiment(
    "trial",
    (
        ExperimentVariant("control", "fixed:large", 0.5),
        ExperimentVariant("treatment", "fixed:small", 0.5),
    ),
)
OWN = replace(SETTINGS, experiments=(EXPERIMENT,))


@pytest.fixture(name="store")
def _store() -> Iterator[Store]:
    store = open_store("memory://")
    yield store
    store.close()


@pytest.fixture(name="where")
def _where(store: Store) -> Iterator[str]:
    with serving(OWN, store) as where:
        yield where


def page(where: str) -> str:
    with urllib.request.urlopen(f"http://{where}/metrics") as answer:
        return str(answer.read().decode())


def sample(where: str, name: str, **labels: str) -> float:
    """The value of one sample; 0 where there is none, as a counter has it."""
    found = [
        one.value
        for family in families(page(where))
        for one in family.samples
        if one.name == name and one.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else 0.0


def routed(where: str, **body: object) -> dict[str, object]:
    status, reply = ask(where, "POST", "/v1/route", {"input_tokens": 100, **body})
    assert status == 200
    return dict(reply)


def test_requests_are_counted_by_model_class_and_variant(where: str) -> None:
    replies = [routed(where, request_class="code", unit=f"user-{i}") for i in range(12)]
    routed(where, request_class="made-up-by-a-caller", model="large")
    routed(where, request_class="code", dry_run=True)
    for model in {reply["model"] for reply in replies}:
        n = sum(reply["model"] == model for reply in replies)
        found = sample(where, "banditroute_routed_requests_total", model=str(model), request_class="code")
        assert found == n
    other = sample(where, "banditroute_routed_requests_total", model="large", request_class="other")
    assert other == 1.0
    for variant in ("control", "treatment"):
        n = sum(reply["variant"] == variant for reply in replies)
        found = sample(where, "banditroute_experiment_decisions_total", experiment="trial", variant=variant)
        assert found == n
    assert sample(where, "banditroute_routed_requests_by_kind_total", kind="caller") == 1.0


def test_answers_are_counted_by_route_and_status(where: str) -> None:
    decision = routed(where)
    for _ in range(2):
        ask(where, "GET", f"/v1/decisions/{decision['decision_id']}")
    assert ask(where, "POST", "/v1/route", {"no_such_field": 1})[0] == 422
    assert ask(where, "GET", "/nowhere/at/all")[0] == 404
    answers = "banditroute_http_requests_total"
    receipts = {"method": "GET", "route": "/v1/decisions/{decision_id}"}
    assert sample(where, answers, **receipts, status="200") == 2.0
    assert sample(where, answers, method="POST", route="/v1/route", status="200") == 1.0
    assert sample(where, answers, method="POST", route="/v1/route", status="422") == 1.0
    assert sample(where, answers, method="GET", route="other", status="404") == 1.0
    timed = "banditroute_http_request_duration_seconds"
    assert sample(where, f"{timed}_count", **receipts) == 2.0
    assert sample(where, f"{timed}_bucket", **receipts, le="+Inf") == 2.0
    assert 0.0 < sample(where, f"{timed}_sum", **receipts) < 20.0


def test_feedback_is_counted_by_factor_and_source(where: str) -> None:
    first = routed(where)["decision_id"]
    told = {"decision_id": first, "quality": "up", "latency_ms": 250, "idempotency_key": "one"}
    assert ask(where, "POST", "/v1/feedback", told)[0] == 200
    assert ask(where, "POST", "/v1/feedback", told)[1]["duplicates"] > 0
    assert (
        ask(where, "POST", "/v1/feedback", {"decision_id": first, "quality": 0.5, "source": "metric"})[0]
        == 200
    )
    assert ask(where, "POST", "/v1/feedback", {"decision_id": first, "retract": ["latency_ms"]})[0] == 200
    assert ask(where, "POST", "/v1/feedback", {"decision_id": "nobody", "quality": 1})[0] == 404
    assert ask(where, "POST", "/v1/feedback", b"no json")[0] == 400
    facts = "banditroute_feedback_facts_total"
    assert sample(where, facts, factor="quality", source="user") == 1.0
    assert sample(where, facts, factor="quality", source="metric") == 1.0
    assert sample(where, facts, factor="seconds", source="user") == 1.0
    assert sample(where, "banditroute_feedback_retractions_total") == 1.0
    ends = {
        end: sample(where, "banditroute_feedback_lists_total", outcome=end)
        for end in ("taken", "repeated", "refused")
    }
    assert ends == {"taken": 3.0, "repeated": 1.0, "refused": 2.0}


def test_usd_and_tokens_are_those_of_the_read_model_and_never_fall(where: str) -> None:
    labels = {"model": "large", "request_class": "code"}
    id = routed(where, request_class="code", model="large")["decision_id"]
    ask(where, "POST", "/v1/feedback", {"decision_id": id, "usd": 0.25, "output_tokens": 40, "error": True})
    until(lambda: sample(where, "banditroute_spent_usd_total", **labels) == 0.25)
    assert sample(where, "banditroute_tokens_total", **labels, direction="output") == 40.0
    assert sample(where, "banditroute_tokens_total", **labels, direction="input") == 100.0
    assert sample(where, "banditroute_failed_requests_total", **labels) == 1.0
    ask(where, "POST", "/v1/feedback", {"decision_id": id, "usd": 0.05, "quality": 0.75})
    until(lambda: sample(where, "banditroute_quality_sum", **labels) == 0.75)
    assert sample(where, "banditroute_quality_count", **labels) == 1.0
    assert sample(where, "banditroute_spent_usd_total", **labels) == 0.25
    until(lambda: sample(where, "banditroute_untallied_decisions") == 0.0)


def test_what_was_logged_before_the_start_is_not_counted_again(store: Store) -> None:
    """Nor where the read model takes it in only afterwards, as after an upgrade."""
    router = Router(SETTINGS, store)

    def tell(usd: float) -> None:
        router.feedback(router.route(request_class="code", model="large").id, usd=usd)

    tell(1.0)
    results = Results(store, SETTINGS, Tally(store, SETTINGS))
    assert spent(results) == {}
    catch_up(store, SETTINGS)
    assert spent(results) == {("large", "code"): 0.0}
    tell(0.5)
    catch_up(store, SETTINGS)
    assert spent(results) == {("large", "code"): 0.5}
    assert spent(Results(store, SETTINGS, Tally(store, SETTINGS))) == {("large", "code"): 0.0}
    router.close()


def spent(results: Results) -> dict[tuple[str, str], float]:
    """USD by model and class."""
    (family,) = [family for family in results.collect() if family.name == "banditroute_spent_usd"]
    return {(one.labels["model"], one.labels["request_class"]): one.value for one in family.samples}


def test_the_store_and_the_process_are_told_of(where: str) -> None:
    for name in ("store_waiting_writes", "store_failing", "folding_failing", "tally_failing"):
        assert f"\nbanditroute_{name} 0.0\n" in page(where)
    assert sample(where, "process_start_time_seconds") > 1e9
    assert "\npython_info{" in page(where)
    assert 'banditroute_build_info{policy="thompson"' in page(where)


def test_names_say_what_is_measured_and_in_which_unit(where: str) -> None:
    routed(where)
    for family in families(page(where)):
        if not family.name.startswith("banditroute_"):
            continue
        assert family.documentation.endswith("."), family.name
        for one in family.samples:
            assert ("_total" in one.name) == (family.type == "counter"), one.name
        assert "_ms" not in family.name


def test_callers_cannot_make_up_series(where: str) -> None:
    routed(where)
    series = lambda: sum(len(f.samples) for f in families(page(where)) if f.name.startswith("banditroute_"))  # noqa: E731
    ask(where, "GET", "/nowhere")
    routed(where, request_class="x")
    ask(where, "PROPFIND", "/nowhere")
    page(where)
    before = series()
    for i, method in enumerate(
        3 * ["GET", "COPY", "LOCK", "PURGE", "REPORT", "SEARCH", "TRACE", "SUBSCRIBE"]
    ):
        ask(where, method, f"/nowhere/{i}")
        routed(where, request_class=f"x{i}", tags={"a": str(i)}, unit=f"u{i}")
    models = len(OWN.models) * 5  # of a class, and what each was told of
    assert series() <= before + models + 20


def test_a_time_falls_into_the_bin_below_whose_bound_it_is() -> None:
    route = Route()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, 1e9):
        route.answered(200, seconds)
    assert route.bins[0] == 2
    assert route.bins[1] == 1
    assert route.bins[-1] == 1
    assert route.statuses == {200: 4}


def test_a_strange_method_is_other() -> None:
    traffic = Traffic(SETTINGS)
    assert traffic.route("BREW", "/x") is traffic.route("STEEP", "/x")
    assert traffic.route("GET", "/x") is not traffic.route("POST", "/x")
