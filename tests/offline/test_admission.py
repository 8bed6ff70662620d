"""What a log lacks and what a replay passes over: said in a note, or refused where it was asked for."""

from __future__ import annotations

import ast
import importlib.util
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

import banditroute.offline
from banditroute.config.settings import RewardSettings, Rule, Settings
from banditroute.errors import LogError
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.run import simulate
from banditroute.types import Model, Weights

Row = dict[str, object]
WriteLog = Callable[..., Path]

NO_USD = "usd has no part in the reward: the log does not give it."


def test_a_default_weight_on_what_the_log_lacks_is_0_and_a_note(rows: list[Row], write: WriteLog) -> None:
    path = write([{name: value for name, value in row.items() if name != "usd"} for row in rows])
    for weights in (None, {}, {"quality": 1}):
        found = simulate(path, ["fixed:small"], weights=weights, seeds=1)
        assert found.to_dict()["weights"] == {"quality": 1.0, "usd": 0.0, "second": 0.0}
        assert found.to_dict()["notes"] == [NO_USD]
        assert NO_USD in found._repr_html_()
    for asked in ({"usd": 20.0}, Weights()):
        with pytest.raises(LogError, match=r"The weights price usd, but no row of the log has any.*usd=0"):
            simulate(path, ["fixed:small"], weights=asked, seeds=1)


def test_an_empty_column_of_scores_is_not_called_a_lacking_one(rows: list[Row], write: WriteLog) -> None:
    path = write([{**row, "quality": ""} for row in rows])
    with pytest.raises(
        LogError, match=r"price quality, but its column is empty: name another with --columns quality="
    ):
        simulate(path, ["fixed:small"], seeds=1)


def test_if_nothing_is_left_to_weigh_it_is_refused(rows: list[Row], write: WriteLog) -> None:
    path = write([{name: value for name, value in row.items() if name != "usd"} for row in rows])
    only_usd = Settings(reward=RewardSettings(weights=Weights(quality=0.0)))
    with pytest.raises(LogError, match="All weights are 0"):
        simulate(path, ["fixed:small"], seeds=1, settings=only_usd)


PRICED = Model("small", usd_per_input_token=1e-6, usd_per_output_token=1e-6)
IGNORED = {
    "hard rules": Settings(rules=(Rule("r", model="small"),)),
    "token prices": Settings(models=(PRICED,)),
    "context windows and token prices": Settings(models=(replace(PRICED, context_window=9),)),
    "hard rules, context windows and token prices": Settings(
        models=(replace(PRICED, context_window=9),), rules=(Rule("r", model="small"),)
    ),
}


@pytest.mark.parametrize("what", IGNORED)
def test_what_a_replay_passes_over_is_a_note(what: str, short_log: Log) -> None:
    result = simulate(short_log, ["fixed:small"], seeds=1, settings=IGNORED[what])
    (note,) = json.loads(json.dumps(result.to_dict()))["notes"]
    assert note.lower().startswith(f"{what} of the configuration are not applied in a replay")
    assert str(result.table().caption).endswith(note)


def test_a_configuration_with_nothing_to_pass_over_has_no_note(short_log: Log) -> None:
    settings = Settings(models=(Model("small", prior_quality=0.5), replace(PRICED, id="elsewhere")))
    assert simulate(short_log, ["fixed:small"], seeds=1, settings=settings).notes == []


@pytest.mark.parametrize("size", [0.0, 5e-324, 1e-150, 1.0, 1e9])
def test_figures_are_finite_whatever_is_accepted(size: float, log: Log) -> None:
    rng = np.random.default_rng(3)
    some = rng.uniform(size=log.usd.shape) * size
    edge = replace(
        log,
        usd=some,
        seconds=some,
        output_tokens=some,
        input_tokens=some[:, 0],
        at=np.linspace(0, 1e11, len(log)),
        features={"f": some[:, 0], "g": some[:, 1] - 0.5 * size},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for weights in (Weights(1e9, 1e9, 1e9), Weights(0.0, 1e9, 0.0), Weights()):
            result = simulate(edge, weights=weights, seeds=2, jobs=1)
            json.dumps(result.to_dict(), allow_nan=False)
            if importlib.util.find_spec("matplotlib"):
                result.plot()


def test_no_two_modules_need_each_other() -> None:
    """Imports inside functions count: a circle is one, wherever it is closed."""
    folder = Path(banditroute.offline.__file__).parent
    root = folder.parent.parent
    paths = {".".join(path.relative_to(root).with_suffix("").parts): path for path in folder.rglob("*.py")}
    modules = {name: path for name, path in paths.items() if path.stem != "__init__"}
    needs = {
        name: {
            needed
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module
            for needed in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
            if needed in modules
        }
        for name, path in modules.items()
    }
    assert len(needs) > 80
    assert list(TopologicalSorter(needs).static_order())
