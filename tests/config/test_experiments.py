"""Experiments as a file writes them, and what `check` makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute.cli import cli
from banditroute.config.experiments import Experiment, ExperimentVariant, RampStep
from banditroute.config.load import load, load_settings
from banditroute.errors import ConfigError

FILE = """
[store]
url = "sqlite:///events.db"

[[models]]
id = "small"
usd_per_request = 0.001

[[models]]
id = "large"
usd_per_request = 0.01

[[classes]]
name = "code"
"""

ONE = """
[[experiments]]
name = "learned-vs-premium"
salt = "autumn"
units = [0.0, 0.5]
holdout = 0.1
classes = ["code"]
start = 2026-12-01T00:00:00Z
stop = 2026-12-15T01:00:00+01:00
ramp = [{at = 2026-12-01T00:00:00Z, share = 0.1}, {at = 2026-12-03T00:00:00Z, share = 1.0}]
control = "control"
metric = "quality"
margin = 0.02
max_usd = 0.05
max_seconds = 30.0
variants = [
  {name = "treatment", policy = "thompson", share = 0.75},
  {name = "control", policy = "fixed:large", share = 0.25},
]
"""

DECEMBER = 1_796_083_200.0
"""2026-12-01T00:00:00Z."""

PLAIN = """
[[experiments]]
name = "{name}"
variants = [{{name = "a", policy = "cheapest", share = 0.5}},
  {{name = "b", policy = "thompson", share = 0.5}}]
{more}
"""


def _written(tmp_path: Path, *parts: str) -> Path:
    path = tmp_path / "banditroute.toml"
    path.write_text("\n".join((FILE, *parts)), encoding="utf-8")
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    (read,) = load_settings(_written(tmp_path, ONE), {}).experiments
    assert read == Experiment(
        "learned-vs-premium",
        (ExperimentVariant("treatment", "thompson", 0.75), ExperimentVariant("control", "fixed:large", 0.25)),
        "autumn",
        (0.0, 0.5),
        0.1,
        ("code",),
        DECEMBER,
        DECEMBER + 14 * 86_400,
        (RampStep(DECEMBER, 0.1), RampStep(DECEMBER + 2 * 86_400, 1.0)),
        True,
        "control",
        "quality",
        0.02,
        0.05,
        30.0,
    )
    assert read.entered(DECEMBER - 1.0) == 0.0
    assert read.entered(DECEMBER) == pytest.approx(0.09)
    assert read.entered(DECEMBER + 3 * 86_400) == pytest.approx(0.9)
    assert read.entered(DECEMBER + 14 * 86_400) == 0.0


def test_what_is_left_out(tmp_path: Path) -> None:
    (read,) = load_settings(_written(tmp_path, PLAIN.format(name="x", more="")), {}).experiments
    assert (read.salt, read.control, read.units, read.entered(0.0)) == ("x", "a", (0.0, 1.0), 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("units = [0.0, 0.5]", "units = [0.5, 1.0]"),
        ('classes = ["code"]', 'classes = ["other"]'),
        ("stop = 2026-12-01T00:00:00Z", "start = 2026-12-01T00:00:00Z"),
        ("stop = 2026-12-01T00:00:00Z", "ramp = [{at = 2026-12-01T00:00:00Z, share = 0.5}]"),
    ],
)
def test_two_go_together_where_ranges_classes_or_times_do_not_meet(
    one: str, other: str, tmp_path: Path
) -> None:
    both = PLAIN.format(name="x", more=one), PLAIN.format(name="y", more=other)
    assert len(load_settings(_written(tmp_path, *both), {}).experiments) == 2
    with pytest.raises(ConfigError, match='"y" could take units that "x" has'):
        load_settings(_written(tmp_path, both[0], PLAIN.format(name="y", more=one)), {})


def test_check_says_what_an_experiment_does(tmp_path: Path) -> None:
    path = _written(tmp_path, ONE)
    done = CliRunner().invoke(cli, ["check", "--config", str(path)])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    for part in (
        "learned-vs-premium: of the units (0 to 0.5) in code",
        "the last 10% of them held out",
        "25% control (fixed:large)",
        "2026-12-03 00:00 UTC",
        "with a margin of 0.02",
    ):
        assert part in told
    done = CliRunner().invoke(cli, ["check", "--json", "--config", str(path)])
    (listed,) = json.loads(done.stdout)["sections"]["experiments"]["values"]
    assert (listed["name"], listed["start"]) == ("learned-vs-premium", DECEMBER)


def test_a_policy_that_cannot_be_had_is_told_with_its_line(tmp_path: Path) -> None:
    path = _written(tmp_path, ONE.replace("fixed:large", "fixed:larg"))
    done = CliRunner().invoke(cli, ["check", "--config", str(path)], catch_exceptions=True)
    line = path.read_text().splitlines().index("variants = [") + 1
    assert isinstance(done.exception, ConfigError)
    assert f"{path}:{line}: policy of a variant" in str(done.exception)
    assert 'did you mean "large"?' in str(done.exception)


def test_another_mode_is_warned_of(tmp_path: Path) -> None:
    path = _written(tmp_path, ONE)
    (warning,) = load(path, {"BANDITROUTE_POLICY__MODE": "off"}).warnings
    assert warning.startswith("the mode is off, so no experiment applies")
    assert load(path, {}).warnings == ()
