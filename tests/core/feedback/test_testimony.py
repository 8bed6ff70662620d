"""What stands beside the sums reaches the fit: through `learn`, and back through a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.feedback import AlertSettings, TrustSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.feedback.account import account
from banditroute.core.feedback.instruments import MOST_JUDGES, OTHERS
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.core.summary import summary
from banditroute.policies import get_policy
from banditroute.types import Context, Decision, Model, Observation, Preferences, Weights

MEAN = {"a": 0.85, "b": 0.75, "c": 0.6}
SETTINGS = Settings(
    models=tuple(Model(name) for name in MEAN),
    classes=(RequestClass("chat"),),
    alerts=AlertSettings(changes=True),
)


def told(
    rng: np.random.Generator,
    n: int,
    *,
    at: float = 0.0,
    by: str = "",
    bias: float = 0.0,
    mean: dict[str, float] = MEAN,
) -> list[Observation]:
    """N scores of models in turn, one a minute."""
    names = list(mean)
    return [
        Observation(
            Context("chat"), names[i % 3], "quality",
            float(np.clip(mean[names[i % 3]] + bias + 0.1 * rng.normal(), 0.0, 1.0)), at + 60.0 * i,
            speaker=by,
        )
        for i in range(n)
    ]  # fmt: skip


def folded(news: Sequence[Observation], settings: Settings = SETTINGS, *, pages: int = 1) -> State:
    state = initial_state(settings)
    end = max(o.decided_at for o in news)
    for i, page in enumerate(np.array_split(np.arange(len(news)), pages)):
        state = learn(state, [news[j] for j in page], seq=i + 1, at=end)
    return state


def qualities(state: State) -> Floats:
    rows = [row for row in summary(state) if row.request_class == "chat"]
    return np.array([row.quality.mean for row in rows if row.quality is not None])


def test_a_liar_among_twenty_moves_nothing() -> None:
    """He says 0 of the best and 1 of the worst model, three times as often as anybody else."""
    rng = np.random.default_rng(0)
    news = [o for s in range(20) for o in told(rng, 60, by=f"user-{s}")]
    lies = [
        Observation(Context("chat"), name, "quality", value, 60.0 * i, speaker="liar")
        for i in range(90)
        for name, value in (("a", 0.0), ("c", 1.0))
    ]
    honest, deceived = folded(news), folded([*news, *lies])
    gullible = folded([*news, *(replace_speaker(o) for o in lies)])
    truth = np.array(list(MEAN.values()))
    assert np.abs(qualities(deceived) - qualities(honest)).max() < 0.01
    assert np.abs(qualities(gullible) - truth).max() > 0.05
    known = account(deceived).speakers
    assert known is not None
    assert known.quarantined == ["liar"]
    assert known.known == 21


def replace_speaker(o: Observation) -> Observation:
    return Observation(o.context, o.model, o.factor, o.value, o.decided_at)


def test_a_judge_with_favourites_is_seen_through_once_people_score_some_of_its_answers() -> None:
    rng = np.random.default_rng(1)
    favours = {"a": -0.15, "b": 0.0, "c": 0.2}
    judged = [
        Observation(
            o.context,
            o.model,
            "quality",
            min(1.0, o.value + favours[o.model]),
            o.decided_at,
            instrument="j/1",
        )
        for o in told(rng, 900)
    ]
    scored = told(rng, 120)
    pairs = [
        Observation(
            o.context, o.model, "quality", min(1.0, o.value + favours[o.model]), o.decided_at,
            instrument="j/1", people=o.value,
        )
        for o in scored
    ]  # fmt: skip
    truth = np.array(list(MEAN.values()))
    state = folded([*judged, *scored, *pairs])
    naive = np.array([np.mean([o.value for o in judged if o.model == name]) for name in MEAN])
    assert np.abs(naive - truth).max() > 0.12
    assert np.abs(qualities(state) - truth).max() < 0.04
    (judge,) = account(state).judges
    assert judge.pairs == pytest.approx(120)
    spread = {r.model: r.value for r in judge.rectifiers}
    assert spread["c"] - spread["a"] > 0.2


def test_a_model_that_changed_is_learned_anew_and_the_others_are_not() -> None:
    rng = np.random.default_rng(2)
    before = told(rng, 1_500)
    after = told(rng, 300, at=1_500 * 60.0, mean={**MEAN, "a": 0.45})
    state = folded([*before, *after], pages=12)
    blind = folded([*before, *after], replace(SETTINGS, alerts=AlertSettings()))
    (change,) = account(state).changes
    assert (change.kind, change.subject, change.factor) == ("model", "a", "quality")
    assert change.low < -0.4 < change.high
    assert abs(qualities(state)[0] - 0.45) < 0.05
    assert qualities(blind)[0] > 0.7
    np.testing.assert_allclose(qualities(state)[1:], qualities(blind)[1:], atol=0.01)


def test_everything_beside_the_sums_is_kept_and_does_not_depend_on_pages() -> None:
    rng = np.random.default_rng(3)
    news = [
        *told(rng, 200, by="ann"), *told(rng, 200, by="bob"), *told(rng, 200, by="eve", bias=-0.4),
        *(
            Observation(o.context, o.model, "quality", o.value, o.decided_at, instrument="j/1", people=people)
            for o in told(rng, 200)
            for people in (None, 0.7)
        ),
    ]  # fmt: skip
    once, parts = folded(news), folded(news[::-1], pages=7)
    assert state_distance(once, parts) < 1e-9
    again = load_state(dump_state(once), SETTINGS)
    assert state_distance(once, again) == 0.0
    np.testing.assert_array_equal(qualities(again), qualities(once))
    np.testing.assert_allclose(qualities(parts), qualities(once), atol=1e-9)
    taken = [
        Observation(o.context, o.model, o.factor, o.value, o.decided_at, -o.weight, speaker=o.speaker,
                    instrument=o.instrument, people=o.people)
        for o in news
    ]  # fmt: skip
    nothing = learn(once, taken, seq=9, at=once.at)
    sums, judge = nothing.stats[0], nothing.testimony.instruments["j/1"]
    assert sums is not None
    for left in (sums.xx, sums.xy, sums.cells, judge.judged.xx, judge.pairs):
        assert np.abs(left).max() < 1e-9
    assert nothing.testimony.speakers is not None
    assert len(nothing.testimony.speakers.key) == 0


def test_trust_can_be_switched_off() -> None:
    rng = np.random.default_rng(5)
    news = [o for s in range(5) for o in told(rng, 60, by=f"u{s}", bias=0.05 * (s - 2))]
    loose = replace(SETTINGS, trust=TrustSettings(max_share=1.0, quarantine=False, nonresponse=False))
    assert np.abs(qualities(folded(news, loose)) - qualities(folded(news))).max() < 0.03


def test_an_operator_without_people_may_take_the_judge_at_its_word() -> None:
    """300 scores of a judge alone: with the default doubt they count for a few, else for hundreds."""
    rng = np.random.default_rng(6)
    judged = [
        Observation(o.context, o.model, "quality", o.value, o.decided_at, instrument="j/1")
        for o in told(rng, 300)
    ]

    def widths(settings: Settings) -> float:
        rows = summary(folded(judged, settings))
        return max(r.quality.high - r.quality.low for r in rows if r.quality and r.request_class == "chat")

    trusting = replace(SETTINGS, trust=TrustSettings(judge_sd=0.0))
    assert widths(trusting) < 0.06
    assert widths(SETTINGS) > 0.15


def test_what_a_judge_cannot_tell_is_no_reason_to_try_a_model_again() -> None:
    """After 600 scores by a judge alone its favourite is not sure to be the best, and yet it is chosen: more
    of its scores would not tell. It is doubted the more the more of its answers people score, not at the
    first: with one in 200 hardly, with one in two for most of what is not known."""
    rng = np.random.default_rng(7)
    judged = [
        Observation(o.context, o.model, "quality", o.value, o.decided_at, instrument="j/1")
        for o in told(rng, 600)
    ]
    pairs = [
        Observation(o.context, o.model, "quality", o.value, o.decided_at, instrument="j/1", people=o.value)
        for o in told(rng, 3)
    ]
    request = Request("x", 1e6, 1, Context("chat"), Preferences(Weights(usd=0.0)))

    def choice(state: State) -> Decision:
        return decide(state, [request], get_policy("thompson", SETTINGS), SETTINGS)[0]

    def widest(state: State, by_people: float) -> float:
        assert state.weighed is not None
        asked = replace(state, weighed=replace(state.weighed, by_people=by_people))
        return max(c.sd for c in choice(asked).candidates)

    alone, beside = folded(judged), folded([*judged, *pairs])
    assert alone.weighed is not None
    assert alone.weighed.by_people == 0.0
    assert beside.weighed is not None
    assert beside.weighed.by_people == pytest.approx(3 / 603)
    assert choice(alone).pmf[0] > 0.95
    doubt = [widest(beside, share) for share in (0.0, 3 / 603, 0.05, 0.5)]
    assert doubt == sorted(doubt)
    assert doubt[0] < 0.3 * doubt[3]
    assert doubt[1] < 0.5 * doubt[3]


def test_a_judge_outside_cannot_say_who_answers() -> None:
    """People score at random, and the service's judge sees that. One outside scores what people complained
    of and a part of what they did not score, more than the other: by its scores the unhappy would answer,
    and without a key, where the operator lets anybody judge, it moves every mean."""
    rng = np.random.default_rng(10)
    people, own, outside = [], [], []
    for i, o in enumerate(told(rng, 1_500)):
        scored = i // 3 % 3 == 0  # of each model alike
        if scored:
            people.append(o)
        said = structs.replace(o, instrument="j/1", people=o.value if scored else None)
        if rng.random() < 0.2:
            own.append(said)
        if o.value < MEAN[o.model] if scored else rng.random() < 0.3:
            outside.append(structs.replace(said, instrument="ext/1 (acme)"))
    audited, both = folded([*people, *own]).weighed, folded([*people, *own, *outside]).weighed
    assert audited is not None
    assert audited.response is not None
    assert both is not None
    assert both.response is not None
    assert both.response.gamma == audited.response.gamma
    unaudited = folded([*people, *outside])
    assert unaudited.weighed is not None
    assert unaudited.weighed.response is None
    inside = folded([*people, *(structs.replace(o, instrument="ext/1") for o in outside)])
    assert (qualities(inside) - qualities(unaudited)).min() > 0.02


def paired(
    rng: np.random.Generator, n: int, judge: str, *, at: float, gives: float, people: float = 0.7
) -> list[Observation]:
    """N answers that people scored around `people` and less from model to model, one a minute, and the judge
    at `gives`."""
    return [
        Observation(
            Context("chat"), "abc"[i % 3], "quality", float(np.clip(gives + 0.05 * rng.normal(), 0.0, 1.0)),
            at + 60.0 * i, instrument=judge, people=float(np.clip(people - 0.1 * (i % 3), 0.0, 1.0)),
        )
        for i in range(n)
    ]  # fmt: skip


def test_judges_beyond_those_kept_apart_are_watched_for_drift_together() -> None:
    rng = np.random.default_rng(8)
    first = [o for i in range(MOST_JUDGES) for o in paired(rng, 1, f"j{i:02}/1", at=60.0 * i, gives=0.6)]
    late = [
        *paired(rng, 150, "one/1", at=4e3, gives=0.5), *paired(rng, 150, "two/1", at=4e3, gives=0.5),
        *paired(rng, 150, "one/1", at=2e4, gives=0.8), *paired(rng, 150, "two/1", at=2e4, gives=0.8),
    ]  # fmt: skip
    state = folded([*first, *late], pages=6)
    assert set(state.testimony.pairs) == set(state.testimony.instruments)
    assert len(state.testimony.pairs) == MOST_JUDGES + 1
    assert list(state.testimony.drifts) == [OTHERS]
    found = state.testimony.drifts[OTHERS]
    assert found.low < 0.3 < found.high


def test_drift_is_judged_by_the_doubt_that_the_operator_has() -> None:
    """A judge that always says the same, of answers that get worse: whoever takes it at its word says that it
    has become 0.3 milder, and who doubts that it follows quality at all says less."""
    rng = np.random.default_rng(9)
    news = [
        *paired(rng, 300, "j/1", at=0.0, gives=0.7, people=0.9),
        *paired(rng, 300, "j/1", at=1.8e4, gives=0.7, people=0.6),
    ]

    def milder(trust: TrustSettings) -> float:
        return folded(news, replace(SETTINGS, trust=trust), pages=3).testimony.drifts["j/1"].size

    assert milder(TrustSettings(judge_sd=0.0)) == pytest.approx(0.3, abs=0.02)
    assert milder(TrustSettings()) < 0.27
