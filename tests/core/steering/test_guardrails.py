"""Guardrails: what a score estimates, how a class is left and taken up again, false alarms and power."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from banditroute.config.feedback import Guardrail
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.feedback.account import guardrail_account
from banditroute.core.feedback.heard import Heard
from banditroute.core.steering.guardrails import PERIOD, Guard, Guards, contrast, new_guards
from banditroute.types import Candidate, Context, Model, Occasion

BASE, OTHERS = "gpt-4o", ("mini", "nano")
HOUR = 3_600.0


def occasion(model: str, pmf: dict[str, float], quality: dict[str, float], at: float = 0.0) -> Occasion:
    """What is known of a decision."""
    candidates = tuple(Candidate(name, p, quality[name], 0.0, 0.0, 0.0, 0.0) for name, p in pmf.items())
    return Occasion("d", at, Context("code"), model, "drawn", 1, pmf[model], candidates)


def guard(**more: object) -> Guard:
    return Guard("code", BASE, **{"margin": 0.02, "alpha": 0.05, "min_share": 0.05, **more})  # type: ignore[arg-type]


@dataclass
class World:
    """A router that gives the baseline its share and else leans to whichever model looked best lately."""

    seed: int
    means: tuple[float, float, float] = (0.85, 0.85, 0.85)
    sd: float = 0.15
    share: float = 0.05

    def play(self, rounds: int, known: Guard | None = None) -> Guard:
        """The guard at its breach, or at the end. Scores are 0 or 1 where sd is 0, else triangular."""
        known = guard(min_share=self.share) if known is None else known
        names = (BASE, *OTHERS)
        halves = [min(self.sd * math.sqrt(6.0), mean, 1.0 - mean) for mean in self.means]
        sums, counts = [1.7] * 3, [2.0] * 3
        for t, (u, v, w) in enumerate(np.random.default_rng(self.seed).random((rounds, 3)).tolist()):
            average = [total / n for total, n in zip(sums, counts, strict=True)]
            second = 1.0 / (1.0 + math.exp(20.0 * (average[2] - average[1])))
            pmf = (self.share, (1.0 - self.share) * second, (1.0 - self.share) * (1.0 - second))
            a = 0 if u < pmf[0] else 1 if u < pmf[0] + pmf[1] else 2
            mean = self.means[a]
            y = mean + halves[a] * (v + w - 1.0) if self.sd else float(v < mean)
            about = occasion(names[a], dict(zip(names, pmf, strict=True)),
                             dict(zip(names, average, strict=True)), float(t))  # fmt: skip
            known = known.fold(Heard(about, "quality", y, t))
            if known.status == "breach":
                break
            sums[a] += y
            counts[a] += 1.0
        return known


def test_a_score_is_unbiased_and_within_its_bounds() -> None:
    """Summed over the model drawn and the score told, it is what is served less the baseline, whatever was
    predicted."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        names = (BASE, *OTHERS)
        pmf = dict(zip(names, rng.dirichlet(np.ones(3)).tolist(), strict=True))
        predicted = dict(zip(names, rng.uniform(-0.2, 1.2, 3).tolist(), strict=True))
        chance = dict(zip(names, rng.random(3).tolist(), strict=True))
        mean = 0.0
        for name, y in itertools.product(names, (0.0, 1.0)):
            found = contrast(occasion(name, pmf, predicted), BASE, y)
            assert found is not None
            score, least, most = found
            assert least - 1e-12 <= score <= most + 1e-12
            mean += pmf[name] * (chance[name] if y else 1.0 - chance[name]) * score
        assert mean == pytest.approx(sum(pmf[a] * chance[a] for a in names) - chance[BASE])


def test_decisions_that_say_nothing_about_the_baseline_are_passed_over() -> None:
    pmf, quality = {BASE: 0.3, "mini": 0.7}, {BASE: 0.8, "mini": 0.8}
    drawn = occasion("mini", pmf, quality)
    assert contrast(drawn, BASE, 0.5) is not None
    for other in (
        msgspec.structs.replace(drawn, kind="caller"),
        msgspec.structs.replace(drawn, attempt=2),
        occasion("mini", {"mini": 1.0}, quality),
        occasion("mini", {BASE: 0.0, "mini": 1.0}, quality),
        occasion("mini", {"mini": 0.4, "nano": 0.6}, {**quality, "nano": 0.5}),
    ):
        assert contrast(other, BASE, 0.5) is None
        assert guard().fold(Heard(other, "quality", 0.5, 1)) == guard()
    assert contrast(occasion(BASE, {BASE: 1.0, "mini": 0.0}, quality), BASE, 0.3) == (0.0, 0.0, 0.0)


def test_limits_hold_at_all_times_and_close_in() -> None:
    """120 runs of 300 scores, looked at after each 50th: the truth is outside the limits in at most 5% of
    them (6 expected at worst; 15 or more has probability 0.002)."""
    outside, truth, width = 0, 0.7 * 0.08, 0.0
    for seed in range(120):
        known, missed = guard(alpha=0.025, margin=1.0), False
        for t, (u, v) in enumerate(np.random.default_rng(seed).random((300, 2)).tolist()):
            name, chance = (BASE, 0.8) if u < 0.3 else ("mini", 0.88)
            about = occasion(name, {BASE: 0.3, "mini": 0.7}, {BASE: 0.8, "mini": 0.8})
            known = known.fold(Heard(about, "quality", float(v < chance), t))
            if t % 50 == 49:
                low, high = known.limits
                missed |= not low <= truth <= high
        outside += missed
        width += (high - low) / 120
    assert outside <= 14
    assert width < 0.5


@pytest.mark.parametrize(("runs", "rounds"), [(200, 300), pytest.param(1_000, 2_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("sd", [0.15, 0.0])
def test_a_promise_that_is_kept_is_rarely_called_broken(runs: int, rounds: int, sd: float) -> None:
    """What is served is worse by all of the margin, and the policy learns: at most 5% of runs breach. At a
    fair 5%, 21 of 200 or 72 of 1,000 are exceeded with probability 0.001."""
    most = {200: 21, 1_000: 72}[runs]
    worse = 0.85 - 0.02 / 0.8
    breaches = sum(
        World(seed, (0.85, worse, worse), sd, share=0.2).play(rounds).status == "breach"
        for seed in range(runs)
    )
    assert breaches <= most


def test_a_broken_promise_is_found() -> None:
    """Both others are worse by 0.2. Nine in ten runs breach within 600 scores at a share of 0.1."""
    ends = [World(seed, (0.85, 0.65, 0.65), share=0.1).play(600) for seed in range(20)]
    assert sum(end.status == "breach" for end in ends) >= 18


def test_a_promise_that_is_kept_is_confirmed_and_the_next_period_begins() -> None:
    known = World(3, (0.75, 0.85, 0.85), share=0.2).play(PERIOD + 50)
    assert known.status == "confirmed"
    assert known.period == 2
    assert known.n == 50
    assert known.goal == pytest.approx(math.log(6 / 0.05))
    earlier = World(3, (0.75, 0.85, 0.85), share=0.2).play(PERIOD - 1)
    stands = guardrail_account(earlier)
    assert -0.02 < stands.low < 0.08 < stands.high
    assert stands.mean == pytest.approx(0.08, abs=0.03)
    assert (stands.status, stands.scores, stands.confidence) == ("confirmed", PERIOD - 1, 0.95)
    nothing = guardrail_account(guard())
    assert (nothing.mean, nothing.low, nothing.high) == (None, -1.0, 1.0)


def test_good_days_do_not_pay_for_bad_ones() -> None:
    """After 10,000 scores far better than the baseline, a fall by 0.2 is found within 700."""
    known = World(5, (0.75, 0.85, 0.85), share=0.1).play(10_000)
    assert known.status == "confirmed"
    after = World(6, (0.85, 0.65, 0.65), share=0.1).play(1_700, known)
    assert after.status == "breach"


def broken_at(seq: int = 600, **more: object) -> Guard:
    known = World(1, (0.85, 0.45, 0.45), share=0.3).play(600, guard(**more))
    assert known.status == "breach"
    return known


def test_after_a_breach_the_baseline_serves_until_somebody_acknowledges() -> None:
    known = broken_at()
    assert known.binds(known.at)
    assert known.binds(1e12)
    late = occasion(BASE, {BASE: 0.5, "mini": 0.5}, {BASE: 0.8, "mini": 0.8}, at=known.at - 1.0)
    assert known.fold(Heard(late, "quality", 0.1, 10_000)) is known
    guards = Guards(("code", "other"), (known,))
    (alarm,) = guards.alarms()
    assert (alarm.request_class, alarm.baseline, alarm.seq) == ("code", BASE, known.seq)
    assert "quality in code fell short of gpt-4o by more than 0.02" in alarm.says
    for nobody in ([], [("other", known.at + 5.0)], [("code", known.at - 5.0)]):
        unseen = guards.seen_to(nobody)
        assert unseen.guards[0].binds(1e12)
        assert unseen.alarms() == (alarm,)
    again = guards.seen_to([("*", known.at + 9.0), ("code", known.at + 5.0)])
    assert not again.alarms()
    assert again.guards[0].binds(known.at + 4.0)
    assert not again.guards[0].binds(known.at + 5.0)
    assert again.seen_to([("code", known.at + 5.0), ("*", known.at + 9.0)]) is again
    assert again.fold(Heard(late, "quality", 0.1, 11_001)) is again  # decided before: of the old period
    now = msgspec.structs.replace(late, at=known.at + 6.0)
    fresh = again.fold(Heard(now, "quality", 0.1, 11_002)).guards[0]
    assert (fresh.status, fresh.period, fresh.n, fresh.since) == ("undecided", 2, 1, known.at + 5.0)
    assert fresh.fold(Heard(late, "quality", 0.1, 11_003)) is fresh


def test_another_trial_begins_by_itself_when_its_time_has_come() -> None:
    known = broken_at(retry_seconds=24 * HOUR)
    assert known.binds(known.at + 23 * HOUR)
    assert not known.binds(known.at + 24 * HOUR)
    early, due = (
        occasion("mini", {BASE: 0.5, "mini": 0.5}, {BASE: 0.8, "mini": 0.8}, at=known.at + h * HOUR)
        for h in (23, 25)
    )
    assert known.fold(Heard(early, "quality", 0.1, 10_000)) is known
    fresh = known.fold(Heard(due, "quality", 0.1, 10_001))
    assert (fresh.status, fresh.period, fresh.n) == ("undecided", 2, 1)
    assert fresh.since == known.at + 24 * HOUR


def test_errors_of_all_periods_sum_to_what_was_allowed() -> None:
    spent = [math.exp(-guard(period=j).goal) for j in range(1, 100_000)]
    assert sum(spent) == pytest.approx(0.05, abs=1e-6)


SETTINGS = Settings(
    models=(Model(BASE), Model("mini")),
    classes=(RequestClass("code"), RequestClass("chat")),
    guardrails=(Guardrail("code", BASE, margin=0.01), Guardrail("*", "mini", retry_hours=2.0)),
)


def test_a_star_stands_for_every_class_without_a_promise_of_its_own() -> None:
    assert new_guards(Settings()) is None
    guards = new_guards(SETTINGS)
    assert guards is not None
    assert [(g.request_class, g.baseline) for g in guards.guards] == [
        ("code", BASE), ("chat", "mini"), ("other", "mini")
    ]  # fmt: skip
    assert [g.alpha for g in guards.guards] == pytest.approx([0.05, 0.025, 0.025])
    assert [g.retry_seconds for g in guards.guards] == [None, 2 * HOUR, 2 * HOUR]
    undeclared = guards.of("never heard of")
    assert undeclared is not None
    assert undeclared.request_class == "other"
    alone = new_guards(Settings(models=SETTINGS.models, guardrails=(Guardrail("other", BASE),)))
    assert alone is not None
    assert alone.of("whatever") is alone.guards[0]


def test_snapshots_read_back_the_same() -> None:
    guards = new_guards(SETTINGS)
    assert guards is not None
    for t in range(40):
        name = (BASE, "mini")[t % 2]
        about = occasion(name, {BASE: 0.5, "mini": 0.5}, {BASE: 0.8, "mini": 0.77}, at=float(t))
        guards = guards.fold(Heard(about, "quality", 0.1 + t / 50, t))
    back = msgspec.json.decode(msgspec.json.encode(guards), type=Guards)
    assert back == guards
    assert guards.distance(back) == 0.0
    assert guards.distance(Guards()) > 0.0
    assert guards.fold(Heard(about, "bill", 0.1, 99)) is guards
