"""The sentences of a receipt."""

from __future__ import annotations

from typing import Any

import pytest

from banditroute.service.pages.reasons import reason, story, strip
from banditroute.types import Candidate, Context, Decision, Preferences, Weights

CHEAP = Candidate("cheap", 0.7, quality=0.85, usd=0.001, seconds=2.0, utility=0.83, sd=0.02)
DEAR = Candidate("dear", 0.3, quality=0.90, usd=0.005, seconds=4.0, utility=0.80, sd=0.02)


def decision(**changed: Any) -> Decision:
    fields: dict[str, Any] = {
        "id": "d1", "at": 0.0, "context": Context("code", input_tokens=1_200),
        "preferences": Preferences(Weights(1.0, 20.0, 0.0)), "candidates": (CHEAP, DEAR), "excluded": (),
        "model": "cheap", "propensity": 0.7, "policy": "thompson", "seed": 1, "draw": 0.4, "state_seq": 3,
    }  # fmt: skip
    return Decision(**(fields | changed))


def test_what_speaks_for_and_against_the_chosen_one_is_told_with_its_weight() -> None:
    told = " ".join(story(decision()))
    assert "1,200 tokens of class code (as the caller said)" in told
    assert "cheap was drawn with probability 70% from 2 models" in told
    assert "what speaks for it: cost $0.0010 against $0.0050 (+0.080)" in told
    assert "what speaks against it: quality 0.850 against 0.900 (−0.050)" in told
    assert "worth 0.030 more" in told
    assert "wait" not in told, "waiting has no weight here"


def test_a_shadow_price_counts_among_what_speaks_for_it() -> None:
    told = " ".join(story(decision(parameters={"shadow_usd": 30.0})))
    assert "(+0.200)" in told


def test_an_unlikely_draw_is_explained() -> None:
    told = " ".join(story(decision(model="dear", propensity=0.3)))
    assert "cheap was likelier (70%)" in told
    assert "worth 0.030 less" in told


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "caller"}, "The caller named cheap"),
        ({"candidates": (CHEAP,)}, "Only cheap was left"),
        ({"rule": "medical questions go to the best."}, "A rule spoke: medical questions go to the best."),
        ({"attempt": 2}, "attempt 2"),
        ({"shadow": {"model": "dear"}}, "would have taken dear"),
        ({"mode": "off"}, "the baseline"),
        (
            {
                "variant": "b",
                "variant_share": 0.25,
                "experiment": "e",
                "context": Context("code", unit="u-1"),
            },
            "Unit u-1 is in the variant b of the experiment e, which gets 25%",
        ),
        ({"context": Context("chat", confidence=0.8)}, "found from its text with confidence 80%"),
        (
            {"policy": "fixed:cheap", "propensity": 1.0, "candidates": (CHEAP, DEAR)},
            "The rule fixed:cheap takes cheap of 2 models",
        ),
    ],
)
def test_every_way_to_decide_has_its_sentence(changed: dict[str, Any], said: str) -> None:
    assert said in " ".join(story(decision(**changed)))


def test_the_strip_holds_the_draw_in_the_part_of_the_chosen_model() -> None:
    parts = strip(decision())
    assert [(part.model, round(part.start, 9), part.width) for part in parts] == [
        ("cheap", 0.0, 0.7),
        ("dear", 0.7, 0.3),
    ]
    (mine,) = [part for part in parts if part.start <= 0.4 < part.start + part.width]
    assert mine.model == "cheap"


def test_a_reason_that_nobody_foresaw_is_still_readable() -> None:
    assert reason("context_window") == "The request is too long for it"
    assert reason("over_the_moon") == "Over the moon"
