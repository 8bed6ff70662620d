"""Whom monitors hear: liars break no promise, the honest do, and what is heard does not depend on pages."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from banditroute.config.feedback import Guardrail
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.feedback.heard import Heard
from banditroute.core.feedback.speakers import bucket_of, buckets
from banditroute.core.steering.guardrails import SPARED, Guards
from banditroute.core.steering.hearing import OFTEN, Hearing
from banditroute.core.steering.watch import Watch, listen, new_watch
from banditroute.types import Candidate, Context, Model, Occasion

MODELS = ("gpt-4o", "mini", "nano")
PMF = (0.2, 0.4, 0.4)
SETTINGS = Settings(
    models=tuple(Model(name) for name in MODELS),
    classes=(RequestClass("code"),),
    guardrails=(Guardrail("code", "gpt-4o", margin=0.02, min_share=0.2),),
)
PRICES = np.full((3, 2), np.nan)


@dataclass(frozen=True)
class Course:
    """Requests that nineteen honest principals score, and from `begins` on a share of them a liar, who
    praises the baseline and damns the others. From `worse_from` on the others answer worse by `worse`."""

    seed: int
    liar: float = 0.0
    begins: int = 0
    worse: float = 0.0
    worse_from: int = 0
    spiteful: bool = False  # says 0 of everything

    def scores(self, rounds: int) -> list[Heard]:
        rng = np.random.default_rng(self.seed)
        news = []
        for t in range(rounds):
            a = int(rng.choice(3, p=PMF))
            mean = 0.85 - (self.worse if a and t >= self.worse_from else 0.0)
            y, who = float(np.clip(rng.normal(mean, 0.1), 0.0, 1.0)), f"p{rng.integers(19)}"
            if rng.random() < self.liar and t >= self.begins:
                y, who = float(a == 0 and not self.spiteful), "liar"
            candidates = tuple(
                Candidate(name, p, 0.85, 0.0, 0.0, 0.0, 0.0) for name, p in zip(MODELS, PMF, strict=True)
            )
            about = Occasion(f"d{t}", float(t), Context("code"), MODELS[a], "drawn", 1, PMF[a], candidates)
            news.append(Heard(about, "quality", y, t + 1, speaker=who))
        return news

    def watched(self, rounds: int) -> Watch:
        return listen(new_watch(SETTINGS), self.scores(rounds), SETTINGS, PRICES)


def guards(watch: Watch) -> Guards:
    assert watch.guards is not None
    return watch.guards


def hearing(watch: Watch) -> Hearing:
    assert watch.hearing is not None
    return watch.hearing


def status(watch: Watch) -> str:
    return guards(watch).guards[0].status


LIAR = bucket_of("liar", buckets(3, 2))


@pytest.mark.parametrize("spiteful", [False, True])
def test_a_liar_breaks_no_promise(spiteful: bool) -> None:
    """With four tenths of all scores from the first on, in none of eight courses; believed at face value, the
    lies of one who praises the baseline break it in all of them."""
    for seed in range(8):
        course = Course(seed, liar=0.4, spiteful=spiteful)
        watch = course.watched(500)
        assert status(watch) != "breach"
        assert list(hearing(watch).silenced) == [LIAR]
        naive = guards(new_watch(SETTINGS))
        for heard in course.scores(500):
            naive = naive.fold(heard)
        assert spiteful or naive.guards[0].status == "breach"


@pytest.mark.parametrize("liar", [0.0, 0.2])
def test_a_fall_that_the_honest_report_is_seen(liar: float) -> None:
    """Who falls in step with all others is believed: within 600 scores in each of six courses."""
    for seed in range(6):
        watch = Course(seed, liar=liar, worse=0.2, worse_from=300).watched(900)
        assert status(watch) == "breach"
        assert guards(watch).guards[0].at >= 300
        assert set(hearing(watch).silenced) <= {LIAR}


@pytest.mark.full
@pytest.mark.parametrize(("liar", "begins"), [(0.0, 0), (0.2, 0), (0.2, 500)])
def test_a_promise_that_is_kept_is_rarely_called_broken_by_liars(liar: float, begins: int) -> None:
    """What is served is worse by exactly the margin, and a liar damns it: at most 5% of courses breach. At a
    fair 5%, 24 of 250 are exceeded with probability 0.001."""
    courses = (Course(seed, liar, begins, worse=0.02 / 0.8) for seed in range(250))
    assert sum(status(course.watched(1_000)) == "breach" for course in courses) <= 24


def test_the_same_is_heard_in_pages_and_after_a_snapshot() -> None:
    course = Course(1, liar=0.2)
    news, whole = course.scores(300), course.watched(300)
    watch = new_watch(SETTINGS)
    for first in range(0, 300, 7):
        watch = listen(watch, news[first : first + 7], SETTINGS, PRICES)
        watch = msgspec.json.decode(msgspec.json.encode(watch), type=Watch)
    assert watch == whole
    assert whole.distance(watch) == 0.0
    assert whole.distance(listen(watch, news[:1], SETTINGS, PRICES)) > 0.0


def about(t: int, speaker: str, *earlier: tuple[str, int]) -> Heard:
    (heard,) = Course(t).scores(1)
    return Heard(heard.occasion, "quality", heard.value, t, speaker=speaker, earlier=earlier)


def test_an_answer_counts_once_by_the_first_who_was_heard() -> None:
    known = Hearing(silenced={LIAR: 50})
    assert not known.hear(about(60, "liar"), SETTINGS)[1]
    assert known.hear(about(61, "ann", ("liar", 60)), SETTINGS)[1]  # nobody was heard of it yet
    assert not known.hear(about(62, "bob", ("liar", 60), ("ann", 61)), SETTINGS)[1]
    assert not known.hear(about(63, "ann", ("liar", 49)), SETTINGS)[1]  # he counted, when he spoke
    assert not Hearing().hear(about(64, "ann", ("liar", 60)), SETTINGS)[1]  # he may count again by now


def test_nobody_gives_more_than_a_share_of_a_period() -> None:
    """One of four speakers sends seven tenths of the scores, and counts for a fifth of them."""
    rng, watch = np.random.default_rng(0), new_watch(SETTINGS)
    news = Course(2).scores(400)
    loud = [rng.random() < 0.7 for _ in news]
    for heard, own in zip(news, loud, strict=True):
        who = "loud" if own else f"p{heard.seq % 3}"
        watch = listen(watch, [msgspec.structs.replace(heard, speaker=who)], SETTINGS, PRICES)
    guard = guards(watch).guards[0]
    assert guard.spoken == 400
    assert guard.n == sum(guard.voices.values())
    assert guard.voices["loud"] <= 0.2 * 400 + SPARED + OFTEN
    assert guard.n - guard.voices["loud"] == 400 - sum(loud)


def test_a_single_speaker_is_heard_as_he_is() -> None:
    watch = new_watch(SETTINGS)
    for heard in Course(3).scores(200):
        watch = listen(watch, [msgspec.structs.replace(heard, speaker="app")], SETTINGS, PRICES)
    assert guards(watch).guards[0].n == 200
