"""The scenarios that ship: each runs from one command, and what they are there to show is so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.simulate import simulate as command
from banditroute.errors import ConfigError
from banditroute.offline.worlds.reading import read_scenario, shipped
from banditroute.offline.worlds.result import ScenarioResult
from banditroute.offline.worlds.run import simulate_scenario
from banditroute.offline.worlds.scenario import Scenario


def _shrunk(scenario: Scenario, by: int = 20) -> Scenario:
    """The same scenario in fewer requests, with less history."""
    return replace(
        scenario,
        requests=scenario.requests // by,
        seeds=2,
        per_day=scenario.per_day / by,
        players=tuple(replace(own, history=own.history // 4) for own in scenario.players),
        models=tuple(replace(own, arrives=own.arrives // by) for own in scenario.models),
        events=tuple(
            replace(own, at=own.at // by, until=None if own.until is None else own.until // by)
            for own in scenario.events
        ),
        feedback=replace(scenario.feedback, bias_from=scenario.feedback.bias_from // by),
        principals=replace(scenario.principals, lies_from=scenario.principals.lies_from // by),
    )


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_scenario_plays_and_shows_itself(name: str, tmp_path: Path) -> None:
    scenario = _shrunk(read_scenario(name))
    result = simulate_scenario(scenario, jobs=1)
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert found["scenario"]["name"] == name
    assert found["phases"][0]["first"] == 0
    assert found["phases"][-1]["last"] == scenario.requests
    oracle = result.named("per_class_best")
    assert not oracle.attainable
    assert np.array_equal(oracle.over_seeds("regret"), [0.0, 0.0])
    for row in found["policies"]:
        assert sum(row["share"].values()) == pytest.approx(1.0)
        parts = sum(part["regret"]["mean"] for part in row["phases"])
        assert parts == pytest.approx(row["regret"]["mean"], abs=1e-6)
    assert result.played[0].learns
    path = tmp_path / "plot.svg"
    result.plot(path)
    assert path.stat().st_size > 10_000
    assert result.scenario.title in result._repr_html_()


@pytest.mark.full
def test_no_figure_depends_on_the_processes() -> None:
    scenario = _shrunk(read_scenario("outage"))
    assert simulate_scenario(scenario, jobs=1).to_dict() == simulate_scenario(scenario, jobs=2).to_dict()


def _played(name: str, seeds: int) -> ScenarioResult:
    return simulate_scenario(name, ["thompson"], seeds=seeds, jobs=1)


def test_traffic_leaves_a_model_that_gets_worse() -> None:
    """In each of three seeds; in 40 the share at the end was at most 0.044, from 0.235 or more before."""
    result = _played("regression", 3)
    thompson, watched = result.named("thompson"), result.watched
    before, after = result.phases
    assert watched is not None
    assert thompson.share(watched, before.last - 1_000, before.last).mean() > 0.15
    assert (thompson.share(watched, after.last - 300, after.last) < 0.15).all()
    assert result.named("per_class_best").share(watched, after.first, after.last).max() == 0.0
    moved = result.recovery(thompson, after)
    assert moved is not None
    assert moved < 1_500


def test_a_new_model_that_is_best_gets_its_traffic() -> None:
    """Half or more of the last 100 requests within 300 of its arrival (40 seeds: least 0.51, mean 0.81)."""
    result = _played("new-model", 5)
    thompson, watched = result.named("thompson"), result.watched
    arrival = result.phases[1].first
    assert watched is not None
    assert (result.named("per_class_best").share(watched, arrival, None) == 1.0).all()
    assert (thompson.share(watched, 0, arrival) == 0.0).all()
    assert (thompson.share(watched, arrival + 200, arrival + 300) >= 0.5).all()


def test_a_price_is_read_and_not_learned() -> None:
    """Within 100 requests of the cut the share is what it stays at."""
    result = _played("price-cut", 3)
    thompson, watched = result.named("thompson"), result.watched
    cut = result.phases[1].first
    assert watched is not None
    soon = thompson.share(watched, cut, cut + 100).mean()
    assert soon > thompson.share(watched, cut - 300, cut).mean() + 0.2
    assert soon == pytest.approx(thompson.share(watched, cut, None).mean(), abs=0.15)


def test_the_command_plays_a_scenario_by_name(tmp_path: Path) -> None:
    figures, picture = tmp_path / "found.json", tmp_path / "picture.png"
    given = ["price-rise", "--policy", "greedy", "--seeds", "1", "--jobs", "1"]
    done = CliRunner().invoke(command, [*given, "--json", str(figures), "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    assert "The price of a cheap model rises" in done.output
    assert "Share of deepseek-v3" in done.output
    found = json.loads(figures.read_text())
    assert found["seeds"] == 1
    assert found["policies"][0]["policy"] == "greedy"
    assert found["regret_against"] == "per_class_best"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_about_logs_is_refused_for_a_scenario() -> None:
    done = CliRunner().invoke(command, ["price-rise", "--half-life", "quality=5"])
    assert done.exit_code == 2
    assert "half_life_days into a copy of its file" in " ".join(done.output.split())


CASCADE = (
    "cascade:{models: gpt-4o-mini > gpt-4o, threshold: 0.7, verify: {error: 0.1, usd: 0.0002, seconds: 0.4}}"
)


@pytest.mark.parametrize("policy", ["rules", "complexity", "budget:{quality: 0.8, usd_per_day: 50}", CASCADE])
def test_a_policy_that_needs_more_than_a_scenario_has_is_refused(policy: str) -> None:
    with pytest.raises(ConfigError, match="which a scenario does not"):
        simulate_scenario("price-cut", [policy], seeds=1)


def test_a_missing_scenario_is_refused() -> None:
    done = CliRunner().invoke(command, ["nothing.toml"])
    assert isinstance(done.exception, ConfigError)
    assert "There is no scenario nothing.toml" in str(done.exception)
