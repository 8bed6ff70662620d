"""A scenario as data: a world, what happens in it and when, what is told of it, and who plays.

The reader (`reading`) makes it from TOML. Requests are counted from 0; a day has 86,400 seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from banditroute.config.feedback import (
    AlertSettings,
    BudgetSettings,
    Guardrail,
    JudgeSettings,
    TrialSettings,
    TrustSettings,
)
from banditroute.types import Weights

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Event:
    """From request `at` to before request `until` (or the end), models do otherwise than before.

    `quality` multiplies every score of the model, `usd` its prices and bills, `seconds` its waits;
    a share `failure` of its calls fails: quality 0, no bill, the same wait. `available` False: it may
    not be chosen. Without `model` it is about all of them. `mix`: shares of the classes meanwhile.
    `every_hours` and `for_hours`: it comes again and again, from its beginning, for so long.
    """

    at: int
    until: int | None = None
    model: str | None = None
    quality: float = 1.0
    usd: float = 1.0
    seconds: float = 1.0
    failure: float = 0.0
    available: bool = True
    mix: Mapping[str, float] = field(default_factory=dict)
    every_hours: float | None = None
    for_hours: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model that the world does not have: it does as `like` does, but for its own multipliers.

    It may be chosen from request `arrives` on. `prior_quality` is what the operator expects of it.
    """

    id: str
    like: str
    arrives: int = 0
    quality: float = 1.0
    usd: float = 1.0
    seconds: float = 1.0
    prior_quality: float | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What learners are told of quality; cost and waiting they meter themselves, at once.

    A share `rate` of the answers is scored, and `rate_below` of those whose score is under `below`:
    people who complain. The score told is the true one plus `bias` (by model, from request `bias_from` on)
    plus normal noise of sd `noise`, cut to [0, 1]; with `thumbs` it is 1 with that probability, else 0. It
    comes after a log-normal delay with median `delay_hours` and sd 1 of the log. A failed call is known
    at once.
    """

    rate: float = 1.0
    below: float = 0.0
    rate_below: float = 1.0
    noise: float = 0.0
    bias: Mapping[str, float] = field(default_factory=dict)
    bias_from: int = 0
    thumbs: bool = False
    delay_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class Principals:
    """Who gives the feedback: `count` of them, each as often as another, but for those who lie.

    Each is stricter or milder than the mean by an offset of his own, normal with sd `strictness`. The share
    `liars` of them lies from request `lies_from` on, and gives the share `volume` of all feedback (by
    default as much as others). What they say: `invert`, 1 less the score; `random`, any score; `boost:MODEL`,
    1 for that model and 0 for every other; `flatter:MODEL`, 1 for that model, the truth of every other.
    """

    count: int = 1
    liars: float = 0.0
    lie: str = "invert"
    lies_from: int = 0
    volume: float | None = None
    strictness: float = 0.0

    @property
    def boosted(self) -> str | None:
        """The model that liars speak for."""
        return self.lie.partition(":")[2] or None


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge who scores a uniform share `rate` of all answers, soon after they were given.

    The score is `lean + slope·quality`, plus `bias` by model and normal noise of sd `noise`, cut to [0, 1].
    """

    rate: float = 0.0
    slope: float = 1.0
    lean: float = 0.0
    noise: float = 0.1
    bias: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Player:
    """A policy under a name of its own, with what it knows and remembers.

    `half_life_days` by factor: how fast it forgets. `floor`: the share of its choices that is drawn
    uniformly. `clock`: it is given the time of day as features. `hears_all`: it is told every true score at
    once, to compare with those who are not; `hears_no_lies`: what liars would say if they were honest.
    `history`: it starts from a prior that this many earlier requests of the world, all models scored, have
    taught; `wrong_history`: with the models' names permuted.

    `live`: it is played as a service would, which folds an event log after every `refit_every` requests;
    only so does it know who speaks, hear judges, and go by the sections of a configuration: `alerts`
    (`changes` only), `budget`, `trust`, `trial`, `judge` and `guardrails`.
    """

    name: str
    policy: str
    half_life_days: Mapping[str, float] = field(default_factory=dict)
    floor: float = 0.0
    clock: bool = False
    hears_all: bool = False
    history: int = 0
    wrong_history: bool = False
    hears_no_lies: bool = False
    live: bool = False
    refit_every: int = 10
    alerts: AlertSettings | None = None
    budget: BudgetSettings | None = None
    trust: TrustSettings | None = None
    trial: TrialSettings | None = None
    judge: JudgeSettings | None = None
    guardrails: tuple[Guardrail, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that is played; `swing` is how much busier the busiest hour of the day is than the mean.

    `show` names the columns that are told before and after each event beside regret: `reward`, `quality`,
    `usd`, `seconds`; and `belief`: what learners believe of each model's answers at the end.
    """

    name: str
    title: str
    says: str
    players: tuple[Player, ...]
    requests: int = 3_000
    seeds: int = 10
    show: tuple[str, ...] = ()
    per_day: float = 5_000.0
    swing: float = 0.0
    world: str = "simulated"
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    watch: str | None = None
    share_of: str | None = None
    weights: Weights = Weights()
    mix: Mapping[str, float] = field(default_factory=dict)
    models: tuple[NewModel, ...] = ()
    events: tuple[Event, ...] = ()
    feedback: Feedback = Feedback()
    principals: Principals = Principals()
    judging: Judging = Judging()

    @property
    def watched(self) -> str | None:
        """The model whose share is shown: the one named, or the first that arrives, that an event is
        about, or that feedback is biased for."""
        named = (
            self.watch,
            *(new.id for new in self.models if new.arrives),
            *(event.model for event in self.events),
            *self.feedback.bias,
            self.principals.boosted,
        )
        return next((model for model in named if model), None)
