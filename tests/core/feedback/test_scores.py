"""Who is heard about one answer: people before metrics before judges, several people as more than one."""

from __future__ import annotations

import pytest

from banditroute.core.feedback.scores import Score, scores
from banditroute.types import Outcome


def said(*told: tuple[str, str, float], failed: bool = False, principal: str = "") -> tuple[Score, ...]:
    facts = [
        Outcome("d", "quality", value, source, seq=i, rater=rater, principal=principal)  # type: ignore[arg-type]
        for i, (source, rater, value) in enumerate(told)
    ]
    error = Outcome("d", "error", 1.0, "user", rater="bot", principal=principal) if failed else None
    return scores(facts, failed=error, error_quality=0.1, correlation=0.5)


def test_nobody_scored_it() -> None:
    assert said() == ()
    assert said(failed=True) == (Score(0.1, 1.0, "bot"),)  # who said so answers for it


def test_a_person_stands_in_place_of_the_judge_who_is_measured_by_it() -> None:
    direct, pair = said(("judge", "j/1", 0.4), ("user", "ann", 0.9))
    assert direct == Score(0.9, 1.0, "ann")
    assert pair == Score(0.4, 1.0, "ann", "j/1", people=0.9)


def test_a_metric_outranks_a_judge_and_is_no_measure_of_it() -> None:
    assert said(("judge", "j/1", 0.4), ("metric", "", 1.0)) == (Score(1.0),)


def test_two_judges_of_one_answer_are_one_answer() -> None:
    one, other = said(("judge", "a/1", 0.4), ("judge", "b/1", 0.6))
    assert (one.instrument, one.weight, other.instrument, other.weight) == ("a/1", 0.5, "b/1", 0.5)


def test_each_person_measures_a_judge_in_his_own_name() -> None:
    *direct, one, other = said(("judge", "j/1", 0.4), ("user", "ann", 0.9), ("user", "bob", 0.5))
    assert [score.speaker for score in direct] == ["ann", "bob"]
    assert (one.speaker, one.people, other.speaker, other.people) == ("ann", 0.9, "bob", 0.5)
    assert one.weight == other.weight == 0.5  # together one answer


def test_a_judge_is_nobody_else_s() -> None:
    """Under the name of the service's instrument, another principal is another instrument."""
    (own,) = said(("judge", "j/1", 0.4), principal="judge")
    (forged,) = said(("judge", "j/1", 0.4), principal="mallory")
    assert (own.instrument, forged.instrument) == ("j/1", "j/1 (mallory)")


def test_a_failed_call_that_a_judge_scored_has_its_score() -> None:
    (only,) = said(("judge", "j/1", 0.4), failed=True)
    assert only.instrument == "j/1"


@pytest.mark.parametrize(("people", "weight"), [(1, 1.0), (2, 4 / 3), (3, 1.5), (9, 1.8)])
def test_several_people_weigh_by_what_they_know_apart(people: int, weight: float) -> None:
    """With errors correlated by ½, n people are worth n/(1 + (n − 1)/2) of one, never more than two; each of
    them answers for his part."""
    apart = said(*(("user", f"p{i}", i / 10) for i in range(people)))
    assert [score.speaker for score in apart] == [f"p{i}" for i in range(people)]
    total = sum(score.weight for score in apart)
    assert total == pytest.approx(weight)
    assert sum(s.weight * s.value for s in apart) / total == pytest.approx((people - 1) / 20)


def test_scores_of_one_principal_are_its_own_whoever_rates_for_it() -> None:
    (together,) = said(("user", "ann", 0.4), ("user", "bob", 0.6), principal="app")
    assert together.speaker == "app"
    assert together.weight == pytest.approx(4 / 3)
    assert [score.speaker for score in said(("user", "ann", 0.4), ("user", "bob", 0.6))] == ["ann", "bob"]
