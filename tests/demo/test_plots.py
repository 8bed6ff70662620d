"""The picture of a demo: drawn where asked, and the same for the same choices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from banditroute.demo.outputs import CannotWrite, check_outputs
from banditroute.demo.plots import draw
from banditroute.demo.scores import Choices, Scoreboard
from banditroute.types import Weights
from banditroute.upstream.simulated import SimulatedWorld


def test_the_picture_names_the_policies_and_is_reproducible(tmp_path: Path) -> None:
    world = SimulatedWorld(seed=4)
    board = Scoreboard(tuple(model.id for model in world.models), world.outcomes(300), Weights())
    base = Choices("fixed:deepseek-v3", np.zeros(300, dtype=np.int64))
    learned = Choices("thompson", np.arange(300) % 6, learns=True)
    others = [base, board.per_class_best(world.requests(300).request_class)]
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        draw(board, learned, others, base, path)
    text = first.read_text()
    assert text == second.read_text()
    for name in ("thompson, learning", "per_class_best (hindsight)", "fixed:deepseek-v3", "claude-sonnet"):
        assert name in text
    assert len(text) < 400_000


def test_places_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"\.svg"):
        check_outputs(None, tmp_path / "picture.docx")
    with pytest.raises(CannotWrite, match="no folder"):
        check_outputs(str(tmp_path / "missing" / "demo.json"), None)
    with pytest.raises(CannotWrite, match="cannot be written"):
        check_outputs(str(tmp_path), None)
    check_outputs("-", tmp_path / "picture.svg")
    assert list(tmp_path.iterdir()) == []
