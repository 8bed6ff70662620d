"""The instrument: whom it may judge, pairs in both orders, and the simulated judge."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.errors import ConfigError
from banditroute.judge.instrument import Bill, configured_instrument
from banditroute.judge.simulated import JudgeProfile, SimulatedJudge
from banditroute.store import Store
from banditroute.store.jobs import PENDING, SKIPPED
from banditroute.upstream.answers import SimulatedChat
from tests.judge.cases import MODELS, SETTINGS, answered, fill, settings
from tests.judge.scripted import NOON, Scripted, better, jobs_of, score, verdicts, work


def test_a_judge_does_not_score_its_own_model_unless_told_to() -> None:
    """By its id, by its group, or by its provider's name for it."""
    twin = replace(SETTINGS.models[0], id="twin", upstream_name="claude-sonnet")
    grouped = replace(SETTINGS.models[1], id="grouped", group="sonnet")
    own = replace(SETTINGS.models[-1], group="sonnet")
    models = (*SETTINGS.models[:-1], own, twin, grouped)
    named = ("gpt-4o", "claude-sonnet", "twin", "grouped")
    made = [structs.replace(answered(0)[0], model=model) for model in named]
    for own_too, judged in ((False, ["gpt-4o"]), (True, list(named))):
        under = replace(settings(own=own_too), models=models)
        instrument = configured_instrument(under)
        assert [d.model for d in made if instrument.refuses(d, under) is None] == judged


def test_the_skipped_own_answer_says_why(store: Store) -> None:
    under = settings(model=MODELS[0])
    fill(store, 1, at=NOON, under=under)
    chat = Scripted(score(1.0))
    work(store, chat, under)
    ((state, _, _, _, error),) = jobs_of(store)
    assert state == SKIPPED
    assert "own" in error
    assert chat.asked == []


def test_pairs_are_judged_in_both_orders(store: Store) -> None:
    under = settings(rubric="pairwise", reference="gpt-4o", model="judge", upstream="simulated",
                     usd_per_million_input=1.0, usd_per_million_output=1.0)  # fmt: skip
    fill(store, 1, at=NOON, under=under)
    chat = Scripted(lambda _: "The reference's own words.", better("first"), better("second"))
    work(store, chat, under)
    assert [(o.value, o.rater) for o in verdicts(store)] == [(1.0, "judge/pairwise-1")]
    answer = answered(0)[1]["response"]
    _, one, two = chat.asked
    assert one.index(answer) < one.index("The reference's own words.")
    assert two.index(answer) > two.index("The reference's own words.")
    assert jobs_of(store)[0][2] == pytest.approx(0.003)


def test_a_pair_whose_second_half_fails_is_paid_and_done_anew(store: Store) -> None:
    under = settings(rubric="pairwise", reference="gpt-4o", own=True)
    fill(store, 1, at=NOON, under=under)
    work(store, Scripted(lambda _: "words", better("first"), lambda _: "neither"), under)
    assert verdicts(store) == []
    assert jobs_of(store)[0][:3] == (PENDING, 1, pytest.approx(0.003))


def test_the_simulated_judge_errs_as_its_profile_says() -> None:
    """Slope and offset within four standard errors of least squares: false alarm below 1e-4, and seeded."""
    profile = JudgeProfile(offset=0.05, slope=0.7, model_sd=0.0, noise=0.1)
    judge = SimulatedJudge(SimulatedChat(), profile)
    instrument = configured_instrument(SETTINGS)
    truth, seen = [], []

    async def ask() -> None:
        for i in range(400):
            _, texts, quality = answered(i)
            verdict = await instrument.judge(judge, texts["prompt"], texts["response"], Bill())
            truth.append(quality)
            seen.append(verdict.value)

    asyncio.run(ask())
    slope, offset = np.polyfit(truth, seen, 1)
    residual = np.array(seen) - slope * np.array(truth) - offset
    error = residual.std() / (np.std(truth) * 20)
    assert abs(slope - 0.7) < 4 * error
    assert 0.085 < residual.std() < 0.115
    assert (
        judge.seen("a", "the same text")
        == judge.seen("a", "the same text")
        != judge.seen("b", "the same text")
    )


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ({"model": ""}, "No judge is configured"),
        ({"model": "who"}, "its spend cannot be capped"),
        ({"model": "gpt-4o", "upstream": "nowhere"}, "which upstream serves it"),
        ({"rubric": "pairwise"}, "name a configured model"),
        ({"rubric": "pairwise", "reference": "claude-sonnet"}, "with its own"),
        ({"rubric": "nothing.toml"}, "no rubric"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(judge: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        configured_instrument(settings(**judge))
