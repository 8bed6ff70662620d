"""The picture of a promise: the guarded learner's shares, quality in its class, and the floor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute.offline.worlds.findings import ScenarioFindings
from banditroute.offline.worlds.promises import promised
from banditroute.offline.worlds.reading import read_scenario
from banditroute.offline.worlds.run import simulate_scenario
from banditroute.offline.worlds.tables import sheets


@pytest.fixture(scope="module")
def guarded() -> ScenarioFindings:
    scenario = replace(read_scenario("guardrail"), requests=900, seeds=1)
    return simulate_scenario(scenario, ["thompson", "guarded, share 0.2"], seeds=1, jobs=1)


def test_the_guarded_learner_is_drawn_with_its_floor(guarded: ScenarioFindings, tmp_path: Path) -> None:
    found = promised(guarded)
    assert found is not None
    assert found[0] == "guarded, share 0.2"
    figure = guarded.plot(tmp_path / "plot.svg")  # type: ignore[attr-defined]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[1] == "Quality per request in class code, and the promised floor"
    assert titles[2] == "Share of each model under “guarded, share 0.2”"
    quality = figure.axes[1]
    baseline, floor = quality.lines[0].get_ydata(), quality.lines[1].get_ydata()
    np.testing.assert_allclose(np.asarray(baseline) - np.asarray(floor), 0.05)
    own = guarded.named("fixed:gpt-4o").paths[0]
    in_class = own.request_class == guarded.classes.index("code")
    assert np.nanmean(baseline) == pytest.approx(own.quality[in_class].mean(), abs=0.02)
    assert "floor: gpt-4o − 0.05" in {text.get_text() for text in quality.texts}


def test_a_scenario_without_a_promise_has_three_panels(guarded: ScenarioFindings) -> None:
    plain = replace(guarded, scenario=replace(guarded.scenario, players=()))
    assert promised(plain) is None
    assert len(plain.plot().axes) == 3  # type: ignore[attr-defined]


def test_a_footnote_tells_of_columns_that_are_there() -> None:
    """gpt-4o is watched, and no event is about it: nothing has moved after anything."""
    scenario = replace(read_scenario("guardrail"), requests=3_400, seeds=1, players=())
    quiet = simulate_scenario(scenario, ["thompson"], seeds=1, jobs=1)
    (shares,) = [sheet for sheet in sheets(quiet) if sheet.title.startswith("Share of")]
    assert not any("moved" in name for name in shares.columns)
    assert "Moved after" not in shares.caption
