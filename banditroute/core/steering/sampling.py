"""What to judge: with which probability an answer is scored by a judge, and whether this one is.

Two draws, independent of each other and of the model's. The *base* draw takes every answer with the same
probability, whatever it is about: the audit that estimates without bias rest on. The *value* draw takes
those whose verdict could change a choice. An answer is judged if either takes it, with the probability
`π = 1 − (1 − π_base)(1 − π_value)`, which is logged and never 0 where the base draw is made.

The value of verdicts on the model that was chosen is what they would add, in expected utility, to the choice
that comes after them, the *knowledge gradient* for independent normal beliefs (Frazier, Powell and Dayanik
2008, "A knowledge-gradient policy for sequential information collection", SIAM J. Control Optim. 47). With
utility means m, a gap d between the chosen model and the best other one, a variance v of the chosen one's
quality and the noise σ² of one verdict, h verdicts can move its mean by `s̃² = v²/(v + σ²/h)`, and are worth
`s̃·f(−|d|/s̃)`, `f(z) = φ(z) + zΦ(z)`. A single verdict is worth nothing measurable as soon as a few are in
(Frazier and Powell 2010, "Paradoxes in learning and the marginal value of information"), so h are as many as
will be judged of the looks that are planned for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import erfcx

from banditroute.config.feedback import JudgeSettings
from banditroute.core import choosing
from banditroute.core.state import QUALITY
from banditroute.core.utility import Outlook

VERDICT_NOISE = 0.25**2
"""Variance of one verdict about the quality that people would give, while no judge is calibrated."""

LEAST = 0.05
"""The base rate never falls below this share of the configured one, however little may be spent: what is
never sampled cannot be corrected for."""

_DAY = 86_400.0
_BASE_STREAM, _VALUE_STREAM = 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7
_ROOT_TWO, _ROOT_TWO_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)
_MILLS = 0.5 * _ROOT_TWO_PI
_FARTHEST = 38.0  # sds beyond which the normal density is below what a double can hold


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a request's answer is sampled for judging, as it stands when the request comes.

    `base` is the probability of the uniform draw, `value` what the other one has where the gain is
    `mean_gain`, the running mean in units of utility, None before anything was decided. `noise` is the
    variance of one verdict about the quality that people would give. `looks` are the answers to come that
    are planned for, where the policy that chooses does not look ahead itself. Answers of the models at the
    positions `unjudged` are never sampled.
    """

    base: float
    value: float
    mean_gain: float | None = None
    noise: float = VERDICT_NOISE
    looks: float = 1.0
    unjudged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sampled:
    """What became of one answer: its probability to be judged, whether the uniform draw took it (`audit`),
    whether any did (`taken`), and the numbers behind, as the receipt keeps them."""

    propensity: float = 0.0
    audit: bool = False
    taken: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)


UNSAMPLED = Sampled()
"""Where nobody judges: no model is configured for it, or not for this class or this model's answers."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What judging takes at the moment.

    `demand` are the decisions per second that could be judged (those with an answer), `usd` the mean cost of
    a verdict; of today, what jobs of the audit and for value have cost (or hold in reserve), and how many
    jobs of each wait. `usd` is None before the first verdict.
    """

    demand: float = 0.0
    usd: float | None = None
    base_spent: float = 0.0
    value_spent: float = 0.0
    base_waiting: int = 0
    value_waiting: int = 0


def expected_gain(gap: float, variance: float, noise: float, looks: float) -> float:
    """What `looks` more verdicts on one model add to the expected utility of the best choice.

    `gap` is how far its mean utility is from that of the best other model, in either direction; `variance`
    that of its mean utility as far as quality makes it uncertain, `noise` that of one verdict, in utility.
    """
    if variance <= 0.0:
        return 0.0
    sd = variance / math.sqrt(variance + noise / looks)
    z = abs(gap) / sd
    if z > _FARTHEST:
        return 0.0
    # φ(z) − z·Φ(−z), by the scaled error function: the difference of two tails would cancel
    density = math.exp(-0.5 * z * z) / _ROOT_TWO_PI
    return sd * density * (1.0 - z * _MILLS * float(erfcx(z / _ROOT_TWO)))


def value_probability(gain: float, mean_gain: float | None, rate: float) -> float:
    """The probability of the value draw: log odds of `rate`, plus the log of the gain over its mean.

    Concave in the gain, so that its mean is at most `rate` (Jensen's inequality) as long as `mean_gain` is
    the mean; near 0 where nothing is to be gained, near 1 only where all there is to gain is.
    """
    if rate <= 0.0 or gain <= 0.0:
        return 0.0
    if mean_gain is None:
        return rate
    return gain / (gain + mean_gain * (1.0 - rate) / rate)


def sample(sampling: Sampling, seed: int, gain: float) -> Sampled:
    """Whether an answer is judged that has this gain. The draws come from streams of their own, which the
    decision's seed begins, so that they tell nothing about its model's draw or about each other."""
    value = value_probability(gain, sampling.mean_gain, sampling.value)
    audit = _draw(seed, _BASE_STREAM) < sampling.base
    taken = audit or _draw(seed, _VALUE_STREAM) < value
    used = {
        "judge_base": sampling.base,
        "judge_value": value,
        "judge_value_rate": sampling.value,
        "judge_gain": gain,
    }
    if sampling.mean_gain is not None:
        used["judge_mean_gain"] = sampling.mean_gain
    return Sampled(1.0 - (1.0 - sampling.base) * (1.0 - value), audit, taken, used)


def sampled(
    sampling: Sampling | None,
    seed: int,
    view: Outlook,
    row: int,
    chosen: int,
    rivals: Sequence[int],
    weight: float,
    of_group: int,
    known: float | None = None,
) -> Sampled:
    """Whether the answer of the model chosen in a row of an outlook is judged; never without a `sampling`.

    `rivals` are the positions of the other eligible models, without which no verdict can change the choice;
    `weight` is the utility of quality, `of_group` the row that holds the model's quality, `known` the
    variance of one verdict as far as a judge is calibrated (`feedback.belief.Weighed`).
    """
    if sampling is None or chosen in sampling.unjudged:
        return UNSAMPLED
    gain = 0.0
    if rivals:
        mean, looks = view.mean[row], float(view.looks[row])
        noise = (sampling.noise if known is None else known) + float(view.noise[QUALITY, of_group])
        verdicts = (sampling.base + sampling.value) * (sampling.looks if math.isinf(looks) else looks)
        gain = expected_gain(
            float(mean[chosen] - mean[rivals].max()),
            (weight * float(view.quality_sd[row, chosen])) ** 2,
            weight * weight * noise,
            max(1.0, verdicts),
        )
    return sample(sampling, seed, gain)


def rates(settings: JudgeSettings, tally: Tally, at: float) -> tuple[float, float]:
    """The base and the value rate that the day's budget allows at a time (seconds since the epoch).

    Both are the configured ones as long as what is left of the UTC day, at the present demand, costs no more
    than what is left of its USD. Value draws are throttled first: they have what the share `reserve` and the
    uniform draws leave over, down to a rate of 0. The base rate falls next, no further than `LEAST` of the
    configured one: its jobs then wait for the next day's budget.
    """
    needed = (tally.usd or 0.0) * tally.demand * (_DAY - at % _DAY)  # USD, if all were judged from now on
    if needed <= 0.0:
        return settings.base_rate, settings.value_rate
    cost = tally.usd or 0.0
    base_held = tally.base_spent + tally.base_waiting * cost
    value_held = tally.value_spent + tally.value_waiting * cost
    left = settings.usd_per_day - base_held - value_held
    base = min(settings.base_rate, max(left / needed, LEAST * settings.base_rate))
    spare = min((1.0 - settings.reserve) * settings.usd_per_day - value_held, left - base * needed)
    return base, min(settings.value_rate, max(spare / needed, 0.0))


def _draw(seed: int, stream: int) -> float:
    return float(choosing.uniform(np.uint64(seed ^ stream)))
