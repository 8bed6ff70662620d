"""Simulation on a fitted world: every seed draws its own requests, and the result says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.simulate import simulate as command
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.run import simulate
from banditroute.offline.worlds.check import check_of_fit
from banditroute.offline.worlds.checktables import MOST_ROWS, terminal_tables, verdict
from banditroute.offline.worlds.drawn import drawn_once, simulate_drawn
from banditroute.offline.worlds.fitted import FittedWorld, fit_world
from tests.offline.conftest import make_rows, write_csv

NAMES = ["thompson", "fixed:small"]


@pytest.fixture(scope="module")
def world(log: Log) -> FittedWorld:
    return fit_world(log)


def test_every_seed_draws_requests_of_its_own(world: FittedWorld) -> None:
    """A rule that always does the same earns the same in every order of the same requests, and not here."""
    found = simulate_drawn(world, 150, NAMES, seeds=3, jobs=1, weights={"usd": 5.0})
    own = next(policy for policy in found.policies if policy.policy == "fixed:small")
    assert len(set(own.over_seeds("reward").tolist())) == 3
    alone = simulate(world.draw(150, seed=2), NAMES, seeds=1, first_seed=2, jobs=1, weights={"usd": 5.0})
    for whole, one in zip(found.policies, alone.policies, strict=True):
        assert whole.over_seeds("regret")[2] == one.over_seeds("regret")[0]
        np.testing.assert_array_equal(whole.traces[2].chosen, one.traces[0].chosen)


def test_processes_change_no_bit(world: FittedWorld) -> None:
    here, there = (
        simulate_drawn(world, 150, NAMES, seeds=2, jobs=jobs, weights={"usd": 5.0}).to_dict()
        for jobs in (1, 2)
    )
    assert here == there


def test_the_luck_of_a_seed_is_not_that_of_another(world: FittedWorld) -> None:
    """On one and the same log: what is drawn, and in which order, goes by the seed."""
    log = world.draw(150, seed=0)
    first, second = (simulate(log, ["random"], seeds=1, first_seed=seed).policies[0] for seed in (0, 1))
    assert first.over_seeds("reward") != second.over_seeds("reward")


def test_it_is_said_what_the_requests_are(world: FittedWorld, tmp_path: Path) -> None:
    path, out = write_csv(tmp_path / "log.csv", make_rows(60)), tmp_path / "found.json"
    asked = [str(path), "--world", "120", "--policy", "fixed:small", "--seeds", "2", "--jobs", "1"]
    done = CliRunner().invoke(command, [*asked, "--json", str(out)])
    assert done.exit_code == 0, done.output
    said = "drawn, anew for every seed, from a world fitted to 60 requests of the log"
    assert said in " ".join(done.output.split())
    found = json.loads(out.read_text())
    assert found["log"]["drawn_from_world_of"] == 60
    assert said in found["notes"][0]
    assert "drawn, once for all seeds" in drawn_once(world, 100).notes[0]


def test_the_check_tells_how_little_can_be_told_and_shows_what_does_not_fit(short_log: Log) -> None:
    few = check_of_fit(short_log)
    untested = sum(np.isnan(cell.p) for cell in few.compared)
    assert untested
    assert f"and {untested} more have too few answers to tell" in verdict(few)
    assert not few.flagged
    assert len(terminal_tables(few).renderables) == 3  # no cells
    cells = tuple(replace(cell, flagged=True) for cell in few.cells)
    flagged = replace(few, cells=cells * MOST_ROWS)
    assert len(terminal_tables(flagged).renderables) == 5
