"""Another judge is configured: what the earlier one showed stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.feedback import JudgeSettings
from tests.core.feedback.test_testimony import MEAN, SETTINGS, folded, qualities, told


def test_the_first_verdict_of_a_new_judge_leaves_what_the_old_one_showed() -> None:
    """Six in ten of the unhappy answer, one in ten of the others; the old judge has seen who does not."""
    rng = np.random.default_rng(10)
    people, old = [], []
    for said in told(rng, 3_000):
        scored = rng.random() < (0.6 if said.value < MEAN[said.model] else 0.1)
        people += [said] if scored else []
        if rng.random() < 0.3:
            beside = said.value if scored else None
            old.append(structs.replace(said, instrument="old/r-1", people=beside))
    settings = replace(SETTINGS, judge=JudgeSettings(model="new"))
    before = qualities(folded([*people, *old], settings))
    first = structs.replace(old[-1], instrument="new/r-1", people=None)
    assert qualities(folded([*people, *old, first], settings)) == pytest.approx(before, abs=1e-3)
    assert before == pytest.approx(list(MEAN.values()), abs=0.02)
