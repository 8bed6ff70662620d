"""What a scenario says of itself, and whose choices its picture shows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from banditroute.errors import ConfigError
from banditroute.offline.verbatim import verbatim_console
from banditroute.offline.worlds.reading import read_scenario
from banditroute.offline.worlds.run import simulate_scenario
from banditroute.offline.worlds.tables import paragraphs, terminal_tables

OWN = """
title = "T"
says = '''
One sentence that the file breaks
where a line is full.

Another paragraph.
'''
requests = 300
seeds = 1
share_of = "{}"
policies = ["random"]
[[learners]]
name = "first"
policy = "greedy"
[[learners]]
name = "second"
policy = "greedy:0.5"
"""


@pytest.mark.parametrize(
    ("named", "policies", "drawn"), [("second", None, "second"), ("second", "greedy", "greedy")]
)
def test_the_picture_shows_whom_the_scenario_is_about(
    named: str, policies: str | None, drawn: str, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(OWN.format(named))
    result = simulate_scenario(tmp_path / "own.toml", policies, jobs=1)
    result.plot(tmp_path / "own.svg")
    assert f"Share of each model under “{drawn}”" in (tmp_path / "own.svg").read_text()
    page = io.StringIO()
    verbatim_console(page, width=400).print(terminal_tables(result))
    assert page.getvalue().splitlines()[:3] == [
        "One sentence that the file breaks where a line is full.",
        "",
        "Another paragraph.",
    ]


def test_whose_picture_it_is_must_play(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.format("secnd"))
    with pytest.raises(ConfigError, match='nobody who plays is called "secnd"; did you mean "second"'):
        read_scenario(tmp_path / "own.toml")
    assert read_scenario("regression").share_of == "thompson, watches for changes"


def test_paragraphs_are_broken_by_whoever_prints_them() -> None:
    assert paragraphs("\n a\n b\n\n  \nc \n") == ["a b", "c"]
    assert paragraphs("") == []
