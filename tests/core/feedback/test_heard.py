"""What monitors hear: who said what first, in order, however the log is cut, however many speak."""

from __future__ import annotations

import itertools
import random

import pytest

from banditroute.core.feedback.heard import MOST_VOICES, Heard, first_heard
from banditroute.types import Context, Factor, Occasion, Outcome, Source


def occasion(name: str = "d", principal: str = "") -> Occasion:
    return Occasion(name, 0.0, Context("code"), "a", principal=principal)


def heard(*outcomes: Outcome, after: int = 0, principal: str = "") -> list[Heard]:
    return first_heard([(occasion("d", principal), outcomes)], after_seq=after, error_quality=0.1)


def test_each_speaker_is_heard_once_about_an_answer() -> None:
    told = [
        Outcome("d", "quality", 0.2, seq=1, principal="mallory"),
        Outcome("d", "quality", 0.9, seq=2, principal="alice"),
        Outcome("d", "quality", 0.8, seq=3, principal="mallory", rater="x"),
        Outcome("d", "error", 1.0, seq=4, rater="bob"),
    ]
    said = [(h.speaker, h.value, h.earlier) for h in heard(*told)]
    assert said == [
        ("mallory", 0.2, ()),
        ("alice", 0.9, (("mallory", 1),)),
        ("bob", 0.1, (("mallory", 1), ("alice", 2))),
    ]


def test_very_many_speakers_about_one_answer_are_not_all_heard() -> None:
    told = [Outcome("d", "quality", 0.5, seq=i, rater=f"r{i}") for i in range(1, 5_000)]
    assert len(heard(*told)) == MOST_VOICES


def test_who_asked_for_a_decision_corrects_what_others_billed() -> None:
    first, better = heard(
        Outcome("d", "usd", 1e9, seq=1, principal="mallory"),
        Outcome("d", "usd", 0.004, "metric", seq=2, principal="app"),
        principal="app",
    )
    assert (first.topic, first.value) == ("bill", 1e9)
    assert (better.topic, better.value, better.was) == ("correction", 0.004, 1e9)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_is_heard_however_the_log_is_cut(seed: int) -> None:
    rng = random.Random(seed)
    factors: tuple[Factor, ...] = ("quality", "usd", "output_tokens", "seconds", "error")
    sources: tuple[Source, ...] = ("user", "metric", "judge")
    events = [
        Outcome(
            f"d{rng.randrange(3)}", rng.choice(factors), rng.choice([None, 0.0, 0.5, 1.0]),
            rng.choice(sources), seq=i, rater=rng.choice(["", "r"]), principal=rng.choice(["", "app", "bot"]),
        )
        for i in range(1, 60)
    ]  # fmt: skip

    def page(after: int, upto: int) -> list[Heard]:
        touched = {e.decision_id for e in events if after < e.seq <= upto}
        records = [
            (occasion(name, "app"), [e for e in events if e.decision_id == name and e.seq <= upto])
            for name in sorted(touched)
        ]
        return first_heard(records, after_seq=after, error_quality=0.1)

    whole = page(0, 59)
    cuts = [0, *sorted(rng.sample(range(1, 59), 8)), 59]
    parts = [h for first, last in itertools.pairwise(cuts) for h in page(first, last)]
    assert parts == whole
    assert len(whole) > 5
