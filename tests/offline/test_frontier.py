"""The frontier: the range of weights, the hull, and the answer to "keep 99% of the quality"."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rich.console import Console

from banditroute.commands.simulate import simulate as command
from banditroute.errors import LogError
from banditroute.offline import frontier
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.fitted_rules import PER_CLASS, fitted_rules
from banditroute.offline.simulation.parts import divide, take
from banditroute.offline.simulation.run import simulate
from banditroute.offline.tradeoff.findings import Keep, Point, hull
from banditroute.offline.tradeoff.result import FrontierResult
from banditroute.offline.tradeoff.run import usd_grid
from banditroute.offline.tradeoff.tables import sentences
from banditroute.types import Weights


@pytest.fixture(scope="module")
def result(log: Log) -> FrontierResult:
    """Thompson, the fitted rule and the models of 210 requests, three seeds, five weights."""
    weights = [0.0, 1.0, 10.0, 100.0, 1_000.0]
    return frontier(log, keep="97%:large", usd_weights=weights, seeds=3, jobs=1)


def test_the_weights_reach_from_no_matter_to_nothing_else(log: Log) -> None:
    grid = usd_grid(log)
    prices = np.sort(log.usd.mean(axis=0))
    assert grid[0] == 0.0
    assert grid == sorted(set(grid))
    assert grid[1] * (prices[2] - prices[0]) == pytest.approx(0.001, rel=0.01)
    assert grid[-1] * (prices[1] - prices[0]) == pytest.approx(1.0, rel=0.01)
    steps = np.diff(np.log(grid[1:]))
    assert steps.max() / steps.min() == pytest.approx(1.0, abs=0.02)
    assert usd_grid(log, quality=2.0)[-1] == pytest.approx(2 * grid[-1], rel=0.01)


def test_the_ends_are_the_dear_and_the_cheap(result: FrontierResult) -> None:
    for policy in ("thompson", PER_CLASS):
        points = result.curve(policy)
        assert points[-1].share[result.models.index("small")] > 0.8
        assert points[0].usd.mean() > 2 * points[-1].usd.mean()
        assert points[0].quality.mean() > points[-1].quality.mean()


def test_a_point_is_what_simulate_finds_at_its_weight(result: FrontierResult, log: Log) -> None:
    parts = divide(log, 0.3)
    alone = simulate(parts.evaluation, ["thompson"], weights={"usd": 10.0}, seeds=3, jobs=1).policies[0]
    point = next(point for point in result.curve("thompson") if point.usd_weight == 10.0)
    assert point.quality.tolist() == alone.over_seeds("quality").tolist()
    assert point.usd.tolist() == alone.over_seeds("usd").tolist()
    chosen = simulate(log, [PER_CLASS], weights={"usd": 10.0}, seeds=1, train=0.3, jobs=1).policies[0]
    fitted = next(point for point in result.curve(PER_CLASS) if point.usd_weight == 10.0)
    assert fitted.usd[0] == chosen.over_seeds("usd")[0]
    assert fitted.remark == f"on {len(parts.training)} requests"
    fixed = result.curve("fixed:medium")
    assert [(p.usd_weight, p.quality.mean()) for p in fixed] == [
        (None, pytest.approx(parts.evaluation.quality[:, log.models.index("medium")].mean()))
    ]


def test_the_figures_do_not_depend_on_the_processes(result: FrontierResult, log: Log) -> None:
    weights = [0.0, 1.0, 10.0, 100.0, 1_000.0]
    again = frontier(log, keep="97%:large", usd_weights=weights, seeds=3, jobs=2)
    assert again.to_dict() == result.to_dict()


def test_the_answer_is_the_cheapest_point_that_surely_keeps_it(result: FrontierResult, log: Log) -> None:
    evaluation = divide(log, 0.3).evaluation
    large = evaluation.quality[:, log.models.index("large")].mean()
    keep = result.keep
    assert keep is not None
    assert keep.target == pytest.approx(0.97 * large)
    point = result.answer("thompson")
    assert point is not None
    assert all(
        other.usd.mean() >= point.usd.mean()
        for other in result.curve("thompson")
        if other.reaches(keep.target)
    )
    found = next(row for row in result.to_dict()["keep"]["answers"] if row["policy"] == "thompson")
    assert found["reached"]
    assert found["weights"] == {"quality": 1.0, "second": 0.0, "usd": point.usd_weight}
    assert found["quality"]["low"] >= keep.target
    saving = 1 - point.usd / evaluation.usd[:, log.models.index("large")].mean()
    assert found["saving"]["mean"] == pytest.approx(saving.mean())
    assert found["saving"]["low"] < found["saving"]["mean"] < found["saving"]["high"]
    said = next(sentence for sentence in sentences(result) if sentence.startswith("thompson"))
    assert f"keeps 97% of large's quality ({found['quality']['mean']:.4f} of {large:.4f})" in said
    assert f"quality=1, usd={point.usd_weight:g}: {saving.mean():.1%} less USD (95% over seeds:" in said


def test_the_weights_of_the_answer_give_what_was_promised(result: FrontierResult, log: Log) -> None:
    point = result.answer(PER_CLASS)
    assert point is not None
    assert point.usd_weight is not None
    parts = divide(log, 0.3)
    rule = fitted_rules(parts.training, Weights(1.0, point.usd_weight), 0.9)[PER_CLASS].rule
    models = [rule.models[log.classes[g]] for g in parts.evaluation.class_index]  # type: ignore[attr-defined]
    chosen = [log.models.index(model) for model in models]
    assert parts.evaluation.quality[np.arange(210), chosen].mean() == pytest.approx(point.quality.mean())


def test_what_cannot_be_kept_is_said(log: Log) -> None:
    capped = replace(log, quality=np.minimum(log.quality, [[1.0, 0.5, 0.4]]))  # large, medium, small
    found = frontier(
        capped, ["thompson", "fixed:small"], keep="100%:large", usd_weights=[50.0, 500.0], seeds=2, jobs=1
    )
    answer = found.to_dict()["keep"]["answers"][0]
    assert (answer["policy"], answer["reached"]) == ("thompson", False)
    assert answer["best"]["quality"]["mean"] == max(p.quality.mean() for p in found.curve("thompson"))
    assert any("does not surely keep 100% of large's quality" in said for said in sentences(found))


def point(usd: float, quality: list[float], weight: float | None = 1.0, policy: str = "p") -> Point:
    n = len(quality)
    return Point(policy, weight, np.array(quality), np.full(n, usd), np.full(n, np.nan), np.array([1.0]))


def test_luck_does_not_count_as_kept() -> None:
    assert point(1.0, [0.90, 0.92]).quality.mean() > 0.905
    assert not point(1.0, [0.90, 0.92]).reaches(0.905)
    assert point(1.0, [0.91, 0.91]).reaches(0.91)
    assert point(1.0, [0.91]).reaches(0.905)
    keep = Keep(0.99, "m", 0.9, 2.0)
    assert keep.saving(point(0.5, [0.9])).tolist() == [0.75]
    assert keep.saving(point(3.0, [0.9])).tolist() == [-0.5]


def test_the_hull_by_hand() -> None:
    usd = [1.0, 2.0, 3.0, 4.0, 4.0, 1.0, 5.0]
    quality = [0.5, 0.6, 0.8, 0.81, 0.79, 0.4, 0.7]
    assert hull(usd, quality) == (0, 2, 3)


@given(st.lists(st.tuples(st.floats(1e-6, 10.0), st.floats(0.0, 1.0)), min_size=1, max_size=30))
@hypothesis_settings(hypothesis_settings.get_profile("ci"), max_examples=200)
def test_nothing_lies_above_the_hull(points: list[tuple[float, float]]) -> None:
    usd, quality = [p[0] for p in points], [p[1] for p in points]
    best = hull(usd, quality)
    x, y = [usd[i] for i in best], [quality[i] for i in best]
    assert all(a < b for a, b in itertools.pairwise(x))
    assert all(a < b for a, b in itertools.pairwise(y))
    assert max(quality) == y[-1]
    assert min(usd) == x[0]
    assert (np.interp(usd, x, y) >= np.array(quality) - 1e-9).all()
    slopes = np.diff(y) / np.diff(x)
    assert (np.diff(slopes) <= 1e-9 * np.abs(slopes[:-1])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": "most"}, "write 99%, or 99%:MODEL"),
        ({"keep": "120%"}, "write 99%, or 99%:MODEL"),
        ({"keep": "0"}, "write 99%, or 99%:MODEL"),
        ({"keep": "99%:huge"}, "--keep names the model huge, which the log has not"),
        ({"weights": {"usd": 3.0}}, "leave usd out of --weights"),
        ({"weights": {"quality": 0.0}}, "give it a weight above 0"),
        ({"weights": {"second": 1.0}}, "no row of the log has any"),
        ({"usd_weights": []}, "usd_weights is empty"),
        ({"usd_weights": [-1.0]}, "is not a number from 0"),
        ({"seeds": 0}, "number of seeds"),
        ({"train": 1.5}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(log: Log, options: dict[str, object], message: str) -> None:
    with pytest.raises(LogError, match=message):
        frontier(log, **options)  # type: ignore[arg-type]


def test_a_log_without_prices_has_no_frontier(log: Log) -> None:
    with pytest.raises(LogError, match="The weights price usd"):
        frontier(replace(log, usd=np.full_like(log.usd, np.nan)))
    with pytest.raises(LogError, match="Every model of the log costs the same"):
        frontier(replace(log, usd=np.ones_like(log.usd)))
    free = log.usd * [[1.0, 1.0, 0.0]]
    with pytest.raises(LogError, match="small costs nothing in this log"):
        frontier(replace(log, usd=free), keep="90%:small")
    found = frontier(
        replace(log, usd=free), ["fixed:small", "fixed:large"], usd_weights=[1.0], seeds=1, jobs=1
    )
    assert found.plot().axes[0].get_xscale() == "linear"  # a logarithm has no place for what is free


def test_rules_and_cascades_are_points(log: Log) -> None:
    specs = ["cascade:{models: small > large, threshold: 0.8}", "budget:{quality: 0.8}", "random"]
    found = frontier(log, specs, seeds=2, keep=None, jobs=1)
    assert [(p.policy, p.usd_weight) for p in found.points] == [(spec, None) for spec in specs]
    assert found.keep is None
    assert found.to_dict()["keep"] is None
    cascade = simulate(divide(log, 0.3).evaluation, [specs[0]], seeds=2).policies[0]
    assert found.points[0].usd.tolist() == cascade.over_seeds("usd").tolist()


def shown(result: FrontierResult) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as text:
        console.print(result.table())
    return text.get()


def test_it_shows_itself(result: FrontierResult, tmp_path: Path) -> None:
    text = shown(result)
    assert all(f"fixed:{model}" in text for model in result.models)
    assert "thompson keeps 97% of large's quality" in " ".join(text.split())
    assert "Of the rules that need no weights" in text or all(
        result.answer(f"fixed:{m}") is None for m in ("small", "medium")
    )
    html = result._repr_html_()
    assert html.count("<tr") == len(result.points) + 1
    figure = result.plot(tmp_path / "frontier.svg")
    drawn = (tmp_path / "frontier.svg").stat().st_size
    assert drawn > 10_000
    (axes,) = figure.axes
    labels = {note.get_text() for note in axes.texts}
    assert {"thompson", "fixed:large", "fixed:medium", "fixed:small"} <= labels
    answer = result.answer("thompson")
    assert answer is not None
    assert f"usd={answer.usd_weight:g}" in labels
    boxes = [note.get_window_extent() for note in axes.texts if note.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_one_seed_has_no_intervals(log: Log, tmp_path: Path) -> None:
    found = frontier(take(log, np.arange(len(log)) < 60), usd_weights=[0.0, 100.0], seeds=1, jobs=1)
    assert found.to_dict()["points"][0]["usd"]["low"] is None
    found.plot(tmp_path / "one.png")


def test_the_command(log: Log, tmp_path: Path, write_log_again: Path) -> None:
    out = tmp_path / "frontier.json"
    arguments = [str(write_log_again), "--frontier", "--keep", "95%:large", "--seeds", "2", "--jobs", "1"]
    done = CliRunner().invoke(command, [*arguments, "--json", str(out), "--plot", str(tmp_path / "f.png")])
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert found["keep"]["model"] == "large"
    assert found["log"]["trained_on"] == 18
    assert {row["policy"] for row in found["points"]} >= {"thompson", PER_CLASS, "fixed:small"}
    assert (tmp_path / "f.png").stat().st_size > 10_000
    for extra in (["--feedback-rate", "0.5"], ["--half-life", "quality=500"]):
        refused = CliRunner().invoke(command, [*arguments, *extra])
        assert (refused.exit_code, f"leave {extra[0]} out" in refused.output) == (2, True)
    alone = CliRunner().invoke(command, [str(write_log_again), "--keep", "95%"])
    assert (alone.exit_code, "add --frontier" in alone.output) == (2, True)


@pytest.fixture
def write_log_again(write: object, rows: list[dict[str, object]]) -> Path:
    """Sixty requests as a file."""
    return write(rows)  # type: ignore[operator, no-any-return]


def _said(*points: Point, target: float = 0.9) -> list[str]:
    keep, weights = Keep(1.0, "m", target, 2.0), Weights(1.0, 1.0)
    return sentences(FrontierResult({}, ("m",), weights, len(points[0].quality), points, keep))


def test_a_mean_that_reaches_it_by_luck_is_told_with_what_is_lacking() -> None:
    (said,) = _said(point(1.0, [0.91, 0.93]))
    # A t interval of 1 degree of freedom: 0.92 - 12.7062 * 0.01
    assert said.endswith(
        "its best is 0.9200, with usd=1, but 2 seeds leave a 95% interval that begins at 0.7929; more seeds "
        "(--seeds 10) make it narrower."
    )
    assert "--seeds 24" in _said(point(1.0, [0.85, 0.96] * 6))[0]
    (short,) = _said(point(1.0, [0.81, 0.83]))
    assert short.endswith("its best is 0.8200, with usd=1.")


def test_a_fitted_rule_that_is_the_model_itself_is_no_answer() -> None:
    (same,) = _said(point(2.0, [0.9, 0.9], policy=PER_CLASS))
    assert same == f"{PER_CLASS} saves nothing where it keeps 100% of m's quality."
    (less,) = _said(point(1.0, [0.9, 0.9], policy=PER_CLASS))
    assert less.endswith("50.0% less USD.")
