"""Rules that go by price or prior, on logs and configurations that do not tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from banditroute.config.load import load_settings
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline import evaluate, simulate
from banditroute.offline.logs.reading import read_log
from banditroute.offline.replay.catalogue import log_settings
from banditroute.policies import get_policy
from banditroute.policies.grounds import groundless
from banditroute.service.ready import start_warnings
from banditroute.store import open_store
from banditroute.types import Model, Weights

from .conftest import Row, WriteLog
from .decisions import fixed_log
from .test_evaluate_refusals import rows_of

QUALITY = {"usd": 0.0}
PRICES = {"small": 1.0, "medium": 2.0, "large": 3.0}
CONFIG = """
[store]
url = "memory://"
[policy]
name = "{}"
baseline = "fixed:own-b"
[[upstreams]]
name = "simulated"
dialect = "simulated"
[[models]]
id = "own-b"
upstream = "simulated"
[[models]]
id = "own-a"
upstream = "simulated"
"""


def _played(log: Path, *policies: str) -> dict[str, dict[str, float]]:
    """Shares of the models by policy."""
    found = simulate(log, policies or None, weights=QUALITY, seeds=1, jobs=1).to_dict()
    return {row["policy"]: row["share"] for row in found["policies"]}


def test_without_usd_rules_of_price_are_left_out_or_refused(rows: list[Row], write: WriteLog) -> None:
    log = write([{name: value for name, value in row.items() if name != "usd"} for row in rows])
    found = simulate(log, weights=QUALITY, seeds=1, jobs=1)
    assert not {"cheapest", "best_prior", "complexity"} & {one.policy for one in found.policies}
    assert "cheapest is left out: it goes by price, and none is known of large, medium, small." in found.notes
    assert any("best_prior is left out" in note and "nothing tells" in note for note in found.notes)
    for name in ("cheapest", "best_prior", "complexity", "cascade", "split:{a: cheapest 0.5, b: random 0.5}"):
        with pytest.raises(
            LogError, match=r"cannot be played: .*(none is known of|nothing tells).*--columns usd="
        ):
            _played(log, name)
    known = {"large": 0.7, "medium": 0.9, "small": 0.8}
    declared = Settings(models=tuple(Model(name, prior_quality=q) for name, q in known.items()))
    best = simulate(log, ["best_prior"], weights=QUALITY, seeds=1, settings=declared, jobs=1)
    assert best.to_dict()["policies"][0]["share"]["medium"] == 1.0


def test_a_few_rows_without_usd_leave_the_mean_of_the_others(rows: list[Row], write: WriteLog) -> None:
    log = write([{**row, "usd": "" if i in (2, 7, 40) else row["usd"]} for i, row in enumerate(rows)])
    usd = {
        model.id: model.usd_per_request for model in log_settings(read_log(log), Settings(), Weights()).models
    }  # type: ignore[arg-type]
    small = [
        float(str(row["usd"]))
        for i, row in enumerate(rows)
        if row["model"] == "small" and i not in (2, 7, 40)
    ]
    assert usd["small"] == pytest.approx(sum(small) / len(small), rel=1e-12)
    found = simulate(log, weights=QUALITY, seeds=1, jobs=1)
    played = {row["policy"]: row["share"] for row in found.to_dict()["policies"]}
    assert played["cheapest"]["small"] == 1.0
    assert played["best_prior"]["large"] == 1.0
    assert "cheapest goes by each model's mean USD over the answers that have one." in found.notes


def test_a_model_that_never_cost_anything_known_is_named(rows: list[Row], write: WriteLog) -> None:
    log = write([{**row, "usd": "" if row["model"] == "small" else row["usd"]} for row in rows])
    with pytest.raises(
        LogError, match="cheapest cannot be played: it goes by price, and none is known of small"
    ):
        _played(log, "cheapest")


def test_evaluate_refuses_them_in_its_table(write: WriteLog) -> None:
    log = write([{k: v for k, v in row.items() if k != "usd"} for row in rows_of(fixed_log(800, 0))])
    found = evaluate(log, ["cheapest", "best_prior", "random"], weights=QUALITY)
    refused = {one.policy: one.refused for one in found.policies}
    assert "none is known of" in (refused["cheapest"] or "")
    assert "nothing tells" in (refused["best_prior"] or "")
    assert refused["random"] is None
    assert not {"cheapest", "best_prior"} & {one.policy for one in evaluate(log, weights=QUALITY).policies}


@pytest.mark.parametrize(("name", "warned"), [("cheapest", True), ("budget", True), ("thompson", False)])
def test_the_service_says_so_at_start(name: str, warned: bool, tmp_path: Path) -> None:
    (tmp_path / "banditroute.toml").write_text(CONFIG.format(name))
    settings = load_settings(tmp_path / "banditroute.toml", {})
    store = open_store("memory://")
    found = [line for line in start_warnings(settings, store) if "in [policy]" in line]
    store.close()
    assert len(found) == warned
    assert all(
        f"name in [policy], {name}: it goes by price, and none is known of own-b, own-a" in f for f in found
    )


def test_what_each_rule_needs() -> None:
    bare = (Model("a"), Model("b"))
    priced = (Model("a", usd_per_request=1.0), Model("b", usd_per_request=2.0))
    rated = (Model("a", prior_quality=0.9, tier="premium"), Model("b", prior_quality=0.8, tier="budget"))
    needs = {
        "cheapest": {"priced"},
        "budget": {"priced"},
        "best_prior": {"priced", "rated"},
        "complexity": {"priced", "rated"},
        "complexity:price": {"priced"},
        "cascade": {"priced"},
        "cascade:{models: a > b}": {"bare", "priced", "rated"},
        "fixed:a": {"bare", "priced", "rated"},
        "thompson": {"bare", "priced", "rated"},
    }
    pools = {"bare": bare, "priced": priced, "rated": rated}
    for name, fine in needs.items():
        policies = {key: get_policy(name, Settings(models=models)) for key, models in pools.items()}
        assert {key for key in pools if groundless(policies[key], pools[key]) is None} == fine, name


def test_rules_that_read_prompts_are_refused_where_there_are_none(
    rows: list[Row], write: WriteLog, tmp_path: Path
) -> None:
    by_length = tmp_path / "length.toml"
    by_length.write_text('choose = "cheapest"\n[[rules]]\nreason = "r"\nmin_tokens = 9\ntier = "premium"\n')
    bare, empty = write(rows), write([{**row, "prompt": ""} for row in rows], "empty.csv")
    told = write([{**row, "prompt": f"Is {row['request_id']} a number?"} for row in rows], "told.csv")
    for name in ("complexity", "complexity:price", "rules", "split:{a: rules 0.5, b: random 0.5}"):
        for log in (bare, empty):
            with pytest.raises(LogError, match=r"cannot be played: .*prompts.*--columns prompt=COLUMN\."):
                _played(log, name)
        assert _played(told, name)
    assert _played(bare, f"rules:{by_length}")[f"rules:{by_length}"]["small"] == 1.0


def test_evaluate_refuses_those_that_read_prompts_in_its_table(write: WriteLog) -> None:
    rows = [{**row, "usd": 0.01} for row in rows_of(fixed_log(800, 0))]
    asked = ["complexity:price", "rules", "random"]
    priced = Settings(models=tuple(Model(n, usd_per_request=u) for n, u in PRICES.items()))
    for log, reads in (
        (write(rows), False),
        (write([{**row, "prompt": "Is it true?"} for row in rows], "told.csv"), True),
    ):
        found = evaluate(log, asked, weights=QUALITY, settings=priced)
        refused = {one.policy: one.refused for one in found.policies if one.policy in asked}
        assert refused.pop("random") is None
        assert {"the log has none" in (why or "") for why in refused.values()} == {not reads}
