"""Guardrails: is what is served still as good as always taking the baseline, but for a margin?

For each guarded class a score per decision estimates, without bias, how much better the choice is than the
baseline, from the receipt alone. With p the pmf, b the baseline, q̂ the qualities predicted when the choice
was made, a the model chosen and y its quality,

    ψ = Σ p·q̂ − q̂_b + (y − q̂_a)         a other than b
    ψ = Σ p·q̂ − q̂_b − (1/p_b − 1)(y − q̂_b)   a = b

(augmented inverse propensity weighting: Robins, Rotnitzky and Zhao 1994), within bounds known beforehand
because the baseline keeps a share of the choices. Two gamblers bet on ψ, one that its mean is higher than
claimed, one that it is lower; claims that made a gambler richer than 1/α are refuted (Ville). Hence limits
for the mean that hold at all times at once, whatever the distribution and however the policy learns
meanwhile (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting"). Each
gambler spreads its money over a grid of bets, in units of the largest loss that a score could bring so far:
bets only ever fall, so that the limits hold for the running mean even where the truth drifts.

*Breach*: the upper limit is below −margin. *Confirmed*: the lower one is above. Undecided between. A period
that confirmed the promise is closed after `PERIOD` scores and the next begins afresh, so that good days
do not pay for bad ones; after a breach the next begins when somebody acknowledges it or the time for another
trial has come. The j-th period spends `α/(j(j+1))`, all of them together α at most.

That a score arrives may depend on the request and on the past, but not on the answer: what nobody scores is
not seen here. The same is asked of *who* gives it, since not everybody is heard (`hearing`): those whose past
scores disagree wildly with all others' are not, and in a period none for more than a share of the scores.
Whether a score counts is settled before it is looked at, by who gives it and by what was said before. So bets
are placed on fewer terms, each of them as fair as it was, and the limits hold at all times for the mean over
those terms (optional skipping: Doob 1936).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from banditroute.config.feedback import EVERY
from banditroute.config.settings import Settings
from banditroute.core.features import layout_of
from banditroute.core.feedback.heard import Heard
from banditroute.core.steering.betting import Gambler
from banditroute.types import OTHER, Occasion

PERIOD = 1_000
"""Scores before a period that confirmed its promise is closed."""

SPARED = 5
"""Scores of one period that any speaker may give, whatever share of it they are."""

_VOICES = 1_000  # speakers of a period that are counted

Status = Literal["undecided", "confirmed", "breach"]


class Guard(Struct, frozen=True):
    """One promise for one class, and what is known of it.

    `alpha` is the error allowed over all periods; `retry_seconds` None waits for people, `acknowledged` are
    the times at which some saw to it. Of this period: it counts decisions made from `since` on, `n` scores
    with the sum `total`, by speaker `voices`, of all that were `spoken`. `at` and `seq` say when the status
    was reached.
    """

    request_class: str
    baseline: str
    margin: float
    alpha: float
    min_share: float
    retry_seconds: float | None = None
    acknowledged: tuple[float, ...] = ()
    status: Status = "undecided"
    at: float = 0.0
    seq: int = 0
    period: int = 1
    since: float = 0.0
    n: int = 0
    total: float = 0.0
    rising: Gambler = Gambler()
    falling: Gambler = Gambler()
    spoken: int = 0
    voices: dict[str, int] = {}

    @property
    def goal(self) -> float:
        """The log wealth at which this period counts a claim as refuted."""
        return math.log(self.period * (self.period + 1) / self.alpha)

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper limit for the mean of what is served, less that of the baseline."""
        return self.rising.least(self.goal), -self.falling.least(self.goal)

    @property
    def until(self) -> float:
        """When the class is routed again after a breach: as soon as somebody has acknowledged it, or for
        another trial. It depends on times alone, not on when they are heard of."""
        retry = math.inf if self.retry_seconds is None else self.at + self.retry_seconds
        return min([retry, *(at for at in self.acknowledged if at >= self.at)])

    def binds(self, at: float) -> bool:
        """Whether the baseline alone may serve at a time."""
        return self.status == "breach" and at < self.until

    def as_of(self, at: float) -> Guard:
        """The promise as it stands at a time: once a breach is over nothing is decided, also before the next
        score says so."""
        return self if self.status != "breach" or self.binds(at) else self._restarted(self.seq)

    def fold(self, heard: Heard, share: float = 1.0) -> Guard:
        """After the score of one decision of this class, of which no speaker may give more than `share`."""
        occasion = heard.occasion
        if self.status == "breach":
            return self if self.binds(occasion.at) else self._restarted(heard.seq).fold(heard, share)
        found = contrast(occasion, self.baseline, heard.value) if occasion.at >= self.since else None
        if found is None:
            return self
        score, least, most = found
        told = self.voices.get(heard.speaker, 0)
        if share < 1.0 and heard.speaker and told >= max(SPARED, share * self.spoken):
            return replace(self, spoken=self.spoken + 1)
        now = replace(
            self,
            spoken=self.spoken + 1,
            voices=_with_voice(self.voices, heard.speaker),
            n=self.n + 1,
            total=self.total + score,
            rising=self.rising.bet(score, -least),
            falling=self.falling.bet(-score, most),
        )
        return now._judged(max(heard.at, occasion.at), heard.seq)

    def _restarted(self, seq: int) -> Guard:
        """A new period, of decisions made since the breach was over, in which nothing is decided yet."""
        return replace(self._next(), status="undecided", at=self.until, seq=seq, since=self.until)

    def _judged(self, at: float, seq: int) -> Guard:
        if self.falling.log_wealth(self.margin) > self.goal:
            return replace(self, status="breach", at=at, seq=seq)
        waits = self.status == "undecided"
        if (waits or self.n >= PERIOD) and self.rising.log_wealth(-self.margin) > self.goal:
            sure = replace(self, status="confirmed", at=at, seq=seq) if waits else self
            return sure._next() if self.n >= PERIOD else sure
        return self

    def _next(self) -> Guard:
        fresh = Gambler()
        return replace(
            self, period=self.period + 1, n=0, total=0.0, rising=fresh, falling=fresh, spoken=0, voices={}
        )


class Alarm(Struct, frozen=True):
    """A promise that was broken and nobody has seen to. `seq` tells one breach from the next."""

    request_class: str
    baseline: str
    at: float
    seq: int
    says: str


class Guards(Struct, frozen=True):
    """Every promise, by class; `classes` are those declared, as whose last one all others count."""

    classes: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()

    def of(self, request_class: str) -> Guard | None:
        """The promise that holds for a class."""
        name = self._declared(request_class)
        return next((guard for guard in self.guards if guard.request_class == name), None)

    def fold(self, heard: Heard, share: float = 1.0) -> Guards:
        """After one fact; only qualities matter here, and of a guard's no speaker gives more than `share`."""
        if heard.topic != "quality":
            return self
        guard = self.of(heard.occasion.context.request_class)
        if guard is None or (now := guard.fold(heard, share)) is guard:
            return self
        return self._with(now)

    def seen_to(self, acknowledged: Iterable[tuple[str, float]]) -> Guards:
        """The same under all acknowledgements there are: which class (`*` for every one) was seen to, and
        when. What was broken before is routed again from then on, and watched afresh."""
        times: dict[str, list[float]] = {}
        for name, at in acknowledged:
            times.setdefault(name, []).append(at)
        guards = tuple(
            replace(guard, acknowledged=tuple(sorted(own)))
            if (own := times.get(guard.request_class, []) + times.get(EVERY, []))
            else guard
            for guard in self.guards
        )
        return self if guards == self.guards else Guards(self.classes, guards)

    def alarms(self) -> tuple[Alarm, ...]:
        """The promises that are broken, until somebody acknowledges it or another trial shows something."""
        return tuple(
            Alarm(guard.request_class, guard.baseline, guard.at, guard.seq, broken(guard))
            for guard in self.guards
            if guard.status == "breach" and not any(at >= guard.at for at in guard.acknowledged)
        )

    def distance(self, other: Guards) -> float:
        """0 for the same course of events, else infinite: monitors count, they do not round."""
        return 0.0 if self == other else math.inf

    def _declared(self, request_class: str) -> str:
        return request_class if request_class in self.classes else OTHER

    def _with(self, now: Guard) -> Guards:
        kept = (now if guard.request_class == now.request_class else guard for guard in self.guards)
        return Guards(self.classes, tuple(kept))


def _with_voice(voices: dict[str, int], speaker: str) -> dict[str, int]:
    """With one score more. Where there are too many speakers, all lose one: who gives much of what is said
    stays known (Misra and Gries 1982)."""
    if not speaker:
        return voices
    more = {**voices, speaker: voices.get(speaker, 0) + 1}
    return more if len(more) <= _VOICES else {who: n - 1 for who, n in more.items() if n > 1}


def new_guards(settings: Settings) -> Guards | None:
    """The promises of a configuration, before any event; None without any.

    That for `*` stands for every class without one of its own, each watched by itself, with its error
    divided among them.
    """
    if not settings.guardrails:
        return None
    classes = layout_of(settings).classes
    own = {promise.request_class for promise in settings.guardrails}
    rest = tuple(name for name in classes if name not in own)
    guards = []
    for promise in settings.guardrails:
        names = rest if promise.request_class == EVERY else (promise.request_class,)
        retry = None if math.isinf(promise.retry_hours) else promise.retry_hours * 3_600.0
        alpha = (1.0 - promise.confidence) / max(1, len(names))
        guards += [
            Guard(name, promise.baseline, promise.margin, alpha, promise.min_share, retry) for name in names
        ]
    return Guards(classes, tuple(guards))


def contrast(occasion: Occasion, baseline: str, quality: float) -> tuple[float, float, float] | None:
    """The score ψ of a decision, and the least and the most it could have been.

    None where the receipt says nothing about the baseline: it could not have been chosen, or nobody drew.
    """
    if occasion.kind != "drawn" or occasion.attempt != 1 or len(occasion.candidates) < 2:
        return None
    ahead, share, expected = 0.0, 0.0, 0.0
    best, worst, predicted = 0.0, 1.0, 0.0
    for candidate in occasion.candidates:
        known = min(max(candidate.quality, 0.0), 1.0)
        ahead += candidate.propensity * known
        if candidate.model == occasion.model:
            predicted = known
        if candidate.model == baseline:
            share, expected = candidate.propensity, known
        elif candidate.propensity > 0.0:
            best, worst = max(best, known), min(worst, known)
    if share <= 0.0:
        return None
    ahead -= expected
    odds = max(0.0, 1.0 / share - 1.0)
    least = ahead - max(best, odds * (1.0 - expected))
    most = ahead + max(1.0 - worst, odds * expected)
    if occasion.model == baseline:
        return ahead - odds * (quality - expected), least, most
    return ahead + quality - predicted, least, most


def broken(guard: Guard) -> str:
    """What a breach means, in words."""
    again = "it is acknowledged"
    if guard.retry_seconds is not None:
        again += f" or {guard.retry_seconds / 3_600.0:g} hours have passed"
    return (
        f"quality in {guard.request_class} fell short of {guard.baseline} by more than {guard.margin:g}, "
        f"so {guard.baseline} serves it until {again}"
    )
