"""What commands say of their files and rows, and what pictures keep from one to the next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.commands.simulate import simulate as command
from banditroute.offline import frontier, read_log, simulate
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.plots import MODELS, model_colours
from banditroute.offline.tradeoff.plots import _whiskers

from .conftest import Row, WriteLog


def test_plots_are_announced_and_a_world_shows_its_fit(
    rows: list[Row], write: WriteLog, tmp_path: Path
) -> None:
    plot, fit, out = tmp_path / "curves.svg", tmp_path / "fit.svg", tmp_path / "found.json"
    asked = [str(write(rows)), "--policy", "fixed:small", "--seeds", "1", "--plot", str(plot)]
    done = CliRunner().invoke(command, [*asked, "--world", "200", "--plot-fit", str(fit), "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert f"Drew {plot}." in done.stderr
    assert f"Drew {fit}." in done.stderr
    assert "Quantiles of 60 logged requests against the fitted world" in fit.read_text()
    assert json.loads(out.read_text())["check_of_fit"]["held_out"] is True


def test_a_fit_without_a_world_is_refused(rows: list[Row], write: WriteLog, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(write(rows)), "--plot-fit", str(tmp_path / "fit.png")])
    assert done.exit_code == 2
    assert "add --world N" in done.stderr


def test_captions_name_the_rows_that_were_kept(rows: list[Row], write: WriteLog) -> None:
    path = write([{**row, "split": "val" if i < 3 else "test"} for i, row in enumerate(rows)])
    result = simulate(path, ["fixed:small"], where={"split": "val"}, seeds=1, weights={"usd": 1})
    assert "Only rows with split=val." in result.to_dict()["notes"]
    caption = str(result.table().caption)
    assert "Only rows with split=val." in caption
    assert caption.startswith("1 request × 3 models, 1 class, ")
    assert read_log(path).notes == ()


@pytest.mark.parametrize("k", [3, 7, 8, 21])
def test_a_model_keeps_its_colour_whatever_is_shown_beside_it(k: int) -> None:
    models = [f"model-{a:02}" for a in range(k)]
    rng = np.random.default_rng(0)
    seen: dict[int, str] = {}
    for _ in range(30):
        shown = rng.permutation(k)[:6].tolist()
        colours = model_colours(models, shown)
        assert len(set(colours)) == len(shown)
        for a, colour in zip(shown, colours, strict=True):
            assert seen.setdefault(a, colour) == colour
    if k <= len(MODELS):
        assert set(seen.values()) <= set(MODELS)


def test_of_very_many_models_those_shown_are_told_apart() -> None:
    models = [f"model-{a:02}" for a in range(64)]
    assert len(set(model_colours(models, [0, 21, 42, 63, 5, 26]))) == 6


def test_whiskers_stay_where_means_can_lie() -> None:
    """Of two seeds the t interval reaches far: below 0 USD, above quality 1."""
    usd = _whiskers([np.array([0.1, 0.9])], 20.0)
    quality = _whiskers([np.array([0.8, 0.99])], 20.0, 1.0)
    assert usd is not None
    assert quality is not None
    assert usd[0, 0] == pytest.approx(0.5)
    assert usd[1, 0] > 4.0
    assert quality[1, 0] == pytest.approx(0.105)


def test_whiskers_that_would_hide_the_points_are_left_out_and_it_is_said(
    short_log: Log, tmp_path: Path
) -> None:
    narrow = _whiskers([np.array([0.5, 0.51]), np.array([0.1, 0.9])], 1.0)
    assert narrow is not None
    assert np.isfinite(narrow[:, 0]).all()
    assert np.isnan(narrow[:, 1]).all()
    said = "left out: those wider than the points are apart"
    for seeds, left_out in ((2, True), (1, False)):
        found = frontier(
            short_log, ["thompson", "fixed:small"], seeds=seeds, keep=None, usd_weights=[1], jobs=1
        )
        found.plot(tmp_path / "frontier.svg")
        assert (said in (tmp_path / "frontier.svg").read_text()) == left_out


def test_rules_fitted_on_next_to_nothing_are_doubted(rows: list[Row], write: WriteLog) -> None:
    found = simulate(write(rows), ["per_class:fitted"], seeds=1, train="0.02", jobs=1)
    assert any("fitted on 1 request," in note for note in found.notes)
    doubt = "Rules fitted on fewer than 30 requests are mostly luck; give --train a larger part."
    assert doubt in found.notes
    assert doubt not in simulate(write(rows), ["per_class:fitted"], seeds=1, train="0.5", jobs=1).notes
