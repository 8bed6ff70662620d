"""The dashboard and the rules for Prometheus ask for what the service exports, and the guide tells of it."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.config.feedback import BudgetSettings, Guardrail, JudgeSettings, TrustSettings
from banditroute.config.settings import Settings, Upstream
from banditroute.config.telemetry import TelemetrySettings
from tests.router.setting import MODELS, SETTINGS
from tests.service.live import ask, serving, until

DOCS = Path(__file__).parents[2] / "docs"
BOARD = DOCS / "grafana" / "banditroute.json"
NAME = r"\b(?:banditroute|process|python)_\w+"
EVERYTHING = replace(
    SETTINGS,
    upstreams=(Upstream("simulated", dialect="simulated"),),
    models=tuple(replace(model, provider="simulated") for model in MODELS),
    guardrails=(Guardrail("code", "large"),),
    budget=BudgetSettings(usd_per_day=1.0, seconds_per_request=5.0),
    trust=TrustSettings(quarantine=True),
    judge=JudgeSettings(model="large", worker=False),
    experiments=(
        Experiment("trial", (ExperimentVariant("a", "thompson", 0.5), ExperimentVariant("b", "random", 0.5))),
    ),
    telemetry=TelemetrySettings("http://127.0.0.1:9", timeout_seconds=0.1),
)
CHANGED = {"banditroute_alarms_total": {"kind"}}
"""What has no series before the first alarm."""


def page(where: str) -> str:
    with urllib.request.urlopen(f"http://{where}/metrics") as answer:
        return str(answer.read().decode())


@pytest.fixture(name="exported", scope="module")
def _exported() -> dict[str, set[str]]:
    """The names of all samples of a service that has everything, each with its labels."""
    with serving(EVERYTHING) as where:
        for rater in ("ann", "bob"):
            _, decision = ask(where, "POST", "/v1/route", {"request_class": "code", "unit": rater})
            told = {"decision_id": decision["decision_id"], "quality": 1, "rater": rater, "usd": 0.1}
            _, receipt = ask(where, "POST", "/v1/feedback", {**told, "latency_ms": 5, "error": False})
        ask(where, "GET", f"/v1/state?min_seq={receipt['event_seq']}")
        until(lambda: 'banditroute_quality_count{model="' in page(where))
        found: dict[str, set[str]] = {}
        for family in families(page(where)):
            for one in family.samples:
                found.setdefault(one.name, set()).update(one.labels)
    return found | CHANGED


def panels() -> list[dict[str, Any]]:
    board = json.loads(BOARD.read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Every metric of an expression, with the labels that it is chosen by."""
    for name, chosen in re.findall(rf"({NAME})(\{{[^}}]*\}})?", expression):
        yield name, set(re.findall(r"(\w+)\s*[=!]", chosen))


def expressions() -> list[str]:
    rules = (DOCS / "grafana" / "alerts.yml").read_text()
    alerts = re.findall(r"expr: (?:>-\n)?(.*?)\n +(?:for|annotations):", rules, re.DOTALL)
    assert len(alerts) == rules.count("- alert:")
    return [target["expr"] for panel in panels() for target in panel["targets"]] + alerts


def test_every_metric_that_is_asked_for_is_exported_with_those_labels(exported: dict[str, set[str]]) -> None:
    wanted = [one for expression in expressions() for one in asked(expression)]
    assert len(wanted) > 40
    for name, labels in wanted:
        assert name in exported, name
        assert labels - {"instance", "job"} <= exported[name], name


def test_labels_that_are_grouped_by_or_shown_are_there(exported: dict[str, set[str]]) -> None:
    for panel in panels():
        for target in panel["targets"]:
            known = {
                "instance",
                "job",
                *(label for name, _ in asked(target["expr"]) for label in exported[name]),
            }
            grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
            used = {label.strip() for group in grouped for label in group.split(",")}
            used |= set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert used <= known, panel["title"]


def test_every_panel_has_a_title_a_unit_a_sentence_and_a_place_of_its_own() -> None:
    places = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
    assert len(places) == len(panels())
    board = json.loads(BOARD.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_braces_and_quotes_of_every_expression_close() -> None:
    for expression in expressions():
        for one, other in ("()", "{}", "[]"):
            assert expression.count(one) == expression.count(other), expression
        assert expression.count('"') % 2 == 0


def test_the_guide_tells_of_every_metric_and_of_no_other(exported: dict[str, set[str]]) -> None:
    guide = (DOCS / "metrics.md").read_text()
    told = {name for name in re.findall(NAME, guide) if name.startswith("banditroute_")}
    bare = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exported}
    assert told == {name for name in bare if name.startswith("banditroute_")}


def test_everything_is_set_that_may_be_left_out() -> None:
    left_out = Settings()
    for section in ("guardrails", "budget", "judge", "experiments", "telemetry"):
        assert getattr(EVERYTHING, section) != getattr(left_out, section)
