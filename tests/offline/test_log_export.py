"""From the event log of a router to a log: what statistics may use is there, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from msgspec import structs

from banditroute import Router
from banditroute.config.load import load_settings
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline import DecisionLog, read_log
from banditroute.offline.logs.export import export_log
from banditroute.store import open_store
from banditroute.types import Outcome
from tests.store.events import decision, tell

CONFIG = """
[store]
url = "sqlite:///events.db"
prompts = true

[policy]
name = "{policy}"

[[models]]
id = "small"
usd_per_request = 0.001

[[models]]
id = "large"
usd_per_request = 0.01

[[classes]]
name = "code"
"""


def configured(folder: Path, policy: str = "thompson") -> Settings:
    path = folder / "banditroute.toml"
    path.write_text(CONFIG.format(policy=policy))
    return load_settings(path)


def exported(settings: Settings, out: Path) -> tuple[DecisionLog, tuple[str, ...]]:
    """The event log as a log, beside whatever else has it open."""
    store = open_store(settings.store.url, base=settings.path.parent if settings.path else None)
    try:
        done = export_log(store, settings, out)
    finally:
        store.close()
    log = read_log(out)
    assert isinstance(log, DecisionLog)
    return log, done.notes


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_log_holds_what_the_router_decided_and_was_told(tmp_path: Path, ending: str) -> None:
    settings = configured(tmp_path)
    with Router(settings) as router:
        made = [
            router.route(request_class="code", input_tokens=10 * i + 1, unit=f"u{i % 3}") for i in range(20)
        ]
        for i, one in enumerate(made[:-1]):
            router.feedback(one.id, quality=i / 20, usd=0.001 * i, latency_ms=100 * i, output_tokens=i + 1)
        log, notes = exported(settings, tmp_path / f"log.{ending}")  # the router is still at work
    assert notes == ()
    assert log.kind == "logged"
    assert log.propensity is not None
    assert log.pmf is not None
    assert log.eligible is not None
    assert log.eligible.all()
    place = {key: row for row, key in enumerate(log.request_ids)}
    assert len(place) == 20
    for i, one in enumerate(made):
        row = place[one.id]
        assert log.models[log.action[row]] == one.model
        assert log.propensity[row] == pytest.approx(one.propensity, abs=1e-12)
        assert dict(zip(log.models, log.pmf[row], strict=True)) == pytest.approx(
            {c.model: c.propensity for c in one.candidates}, abs=1e-12
        )
        assert log.input_tokens[row] == 10 * i + 1
        assert log.unit is not None
        assert log.unit[row] == f"u{i % 3}"
        assert log.at is not None
        assert log.at[row] == pytest.approx(one.at)
        if i < 19:
            assert (log.quality[row], log.usd[row]) == pytest.approx((i / 20, 0.001 * i))
            assert (log.seconds[row], log.output_tokens[row]) == pytest.approx((0.1 * i, i + 1))
        else:
            assert np.isnan([log.quality[row], log.usd[row], log.seconds[row]]).all()


def test_tokens_without_a_bill_cost_what_the_prices_say(tmp_path: Path) -> None:
    path = tmp_path / "banditroute.toml"
    priced = CONFIG.format(policy="random").replace(
        "usd_per_request = 0.001", "usd_per_million_input = 1.0\nusd_per_million_output = 4.0"
    )
    path.write_text(priced)
    settings = load_settings(path)
    with Router(settings) as router:
        for i in range(8):
            decision = router.route(request_class="code", input_tokens=1_000, model="small" if i else "large")
            router.feedback(decision.id, quality=0.5, output_tokens=100, **({"usd": 0.02} if i == 1 else {}))
    log, _ = exported(settings, tmp_path / "log.csv")
    spent = sorted(log.usd[~np.isnan(log.usd)].tolist())
    assert spent == pytest.approx([0.0014] * 6 + [0.02])  # the large model has no token price


def test_what_the_caller_chose_has_no_propensity_and_is_left_out_of_estimates(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    with Router(settings) as router:
        router.route(request_class="code")
        router.route(request_class="code", model="large")
    log, notes = exported(settings, tmp_path / "log.parquet")
    assert notes == ("1 row of kind caller has no propensity: not drawn.",)
    assert (len(log), log.kind) == (1, "logged")
    assert log.notes == ("Left out: 1 of 2 decisions were not drawn (caller) and have no propensity.",)
    whole = read_log(tmp_path / "log.parquet", drawn_only=False)
    assert isinstance(whole, DecisionLog)
    assert (len(whole), whole.kind, whole.propensity) == (2, "observational", None)


def test_an_experiment_is_logged_over_all_its_variants(tmp_path: Path) -> None:
    settings = configured(tmp_path, "split:{control: fixed:large 0.25, treatment: random 0.75}")
    with Router(settings) as router:
        made = [router.route(request_class="code", unit=f"u{i}") for i in range(40)]
    log, _ = exported(settings, tmp_path / "log.csv")
    assert log.propensity is not None
    of_model = {"large": 0.25 + 0.75 / 2, "small": 0.75 / 2}
    assert log.propensity == pytest.approx([of_model[log.models[a]] for a in log.action])
    assert log.pmf is None
    assert log.variant is not None
    assert set(log.variant) == {"control", "treatment"}
    given = f"SELECT request_id, variant_propensity FROM '{tmp_path}/log.csv'"
    rows = duckdb.connect().execute(given).fetchall()
    assert dict(rows) == pytest.approx({one.id: one.propensity for one in made})


def test_the_outcome_of_a_fallback_is_that_of_its_first_attempt(tmp_path: Path) -> None:
    store = open_store("memory://")
    first = structs.replace(decision("first"), root_id=None, attempt=1, variant=None, marginal=None)
    second = structs.replace(decision("second"), kind="fallback", root_id="first", model="a", at=first.at + 1)
    lost = structs.replace(decision("lost"), kind="fallback", root_id="elsewhere", at=first.at + 2)
    for one in (first, second, lost):
        store.append_decisions([one]).result(10)
    tell(
        store,
        Outcome("first", "error", 1.0),
        Outcome("first", "seconds", 2.0),
        Outcome("first", "usd", 0.5),
        Outcome("second", "quality", 0.9),
        Outcome("second", "seconds", 3.0),
        Outcome("second", "usd", 0.25),
        Outcome("second", "output_tokens", 7.0),
    )
    done = export_log(store, Settings(), tmp_path / "log.jsonl")
    rows = {row["request_id"]: row for row in map(json.loads, (tmp_path / "log.jsonl").open())}
    assert (done.rows, done.drawn) == (2, 1)
    episode = rows["first"]
    assert (episode["model"], episode["propensity"], episode["attempt"]) == ("b", 2 / 3, 2)
    assert (episode["quality"], episode["output_tokens"]) == (0.9, 7.0)
    assert (episode["seconds"], episode["usd"]) == (5.0, 0.75)
    assert rows["elsewhere"]["propensity"] is None
    assert any("not in the event log" in note for note in done.notes)
    assert any("2 rows needed several attempts" in note for note in done.notes)


def test_a_fallback_without_a_score_has_none_though_its_first_attempt_failed(tmp_path: Path) -> None:
    store = open_store("memory://")
    first = structs.replace(decision("first"), root_id=None, attempt=1)
    second = structs.replace(decision("second"), kind="fallback", root_id="first")
    store.append_decisions([first, second]).result(10)
    tell(store, Outcome("first", "error", 1.0), Outcome("second", "seconds", 3.0))
    export_log(store, Settings(), tmp_path / "log.jsonl")
    (row,) = map(json.loads, (tmp_path / "log.jsonl").open())
    assert row["quality"] is None


def test_several_raters_count_as_in_learning(tmp_path: Path) -> None:
    store = open_store("memory://")
    store.append_decisions([structs.replace(decision("d1"), root_id=None, attempt=1)]).result(10)
    tell(
        store,
        Outcome("d1", "quality", 0.0, source="judge"),
        Outcome("d1", "quality", 0.2, rater="x"),
        Outcome("d1", "quality", 0.6, rater="y"),
    )
    export_log(store, Settings(), tmp_path / "log.jsonl")
    (row,) = map(json.loads, (tmp_path / "log.jsonl").open())
    assert (row["quality"], row["source"]) == (pytest.approx(0.4), "user")


def test_prompts_are_written_when_they_are_asked_for(tmp_path: Path) -> None:
    store = open_store("memory://")
    store.append_decisions([decision("d0")], texts={"d0": {"prompt": "hello"}}).result(10)
    for asked, expected in ((False, None), (True, "hello")):
        export_log(store, Settings(), tmp_path / "log.jsonl", prompts=asked)
        (row,) = map(json.loads, (tmp_path / "log.jsonl").open())
        assert row["prompt"] == expected


def test_an_empty_event_log_and_a_wrong_place_are_refused(tmp_path: Path) -> None:
    store = open_store("memory://")
    with pytest.raises(LogError, match="no decision in the event log yet"):
        export_log(store, Settings(), tmp_path / "log.csv")
    for out, sentence in (("log.xlsx", "extension"), ("nowhere/log.csv", "folder that exists")):
        with pytest.raises(LogError, match=sentence):
            export_log(store, Settings(), tmp_path / out)
    assert list(tmp_path.iterdir()) == []
