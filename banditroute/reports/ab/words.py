"""What an experiment says of a treatment, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from banditroute.reports.ab.findings import Comparison, Decision, MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.sound import few, known_shares, unlike
from banditroute.reports.findings import Range
from banditroute.reports.verdict import POINTS, usd

CUT_VALUES, CUT_AMOUNT = 0.01, 0.05
"""The part of all values beyond a cap, and of their sum, from which on the verdict mentions it."""

_SAME = 0.005  # a ratio that far from 1 is none that anybody speaks of


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict goes by.

    `primary` is the effect on the primary metric, `cost` that on USD (the same, where that is the primary),
    None where nobody knows it. `margin` is in the primary metric's own unit. `broken` says why the experiment
    is not to be trusted, if it is not.
    """

    treatment: str
    control: str
    treatment_requests: int
    control_requests: int
    metric: str
    margin: float
    primary: MetricEffect | None
    cost: MetricEffect | None
    broken: str | None = None


def verdict(seen: Evidence) -> Comparison:
    """The decision, and the sentence that says it: what the treatment costs, what it does to the primary
    metric, and whether that is inside the margin. Nothing is claimed that an interval does not bear out."""
    decision = decide(seen)
    return Comparison(treatment=seen.treatment, decision=decision, verdict=_sentence(seen, decision))


def decide(seen: Evidence) -> Decision:
    """The decision alone; see `findings.Decision`."""
    primary = seen.primary
    if seen.broken is not None:
        return "broken"
    if not seen.treatment_requests or not seen.control_requests or primary is None:
        return "no_data"
    if primary.difference is None:
        return "no_data"
    low, high = _better(primary)
    if low is None or high is None or few(primary):
        return "too_early"
    if unlike(primary):
        return "unlike_answers"
    if low > 0.0:
        return "better"
    if high < -seen.margin:
        return "worse"
    if not low > -seen.margin:
        return "undecided"
    return "not_worse_and_cheaper" if _cheaper(seen.cost) else "not_worse"


def _better(effect: MetricEffect) -> tuple[float | None, float | None]:
    """Limits of how much better the treatment is."""
    found = effect.difference
    if found is None or found.low is None or found.high is None:
        return None, None
    return (found.low, found.high) if METRICS[effect.metric].better > 0 else (-found.high, -found.low)


def _cheaper(cost: MetricEffect | None) -> bool:
    if cost is None or few(cost) or unlike(cost):
        return False
    found = cost.difference
    return found is not None and found.high is not None and found.high < 0.0


def _sentence(seen: Evidence, decision: Decision) -> str:
    if decision == "broken":
        return f"Do not trust this experiment: {seen.broken}."
    if decision == "no_data":
        return f"{_nothing(seen)}."
    primary = seen.primary
    assert primary is not None
    cost = "" if seen.metric == "usd" else _cost(seen)
    changed = _change(primary, seen.margin)
    told = f"{cost}, {changed}" if cost else f"{seen.treatment}: {changed}"
    if decision == "unlike_answers":
        return f"{told}, but {known_shares(primary)}, so the two cannot be compared by them{_cut(seen)}."
    return f"{told}: {_outcome(seen, decision, primary)}{_cut(seen)}."


def _nothing(seen: Evidence) -> str:
    if not seen.treatment_requests and not seen.control_requests:
        return f"Nothing to compare yet: neither {seen.control} nor {seen.treatment} has served a request"
    for name, n in ((seen.treatment, seen.treatment_requests), (seen.control, seen.control_requests)):
        if not n:
            return f"Nothing to compare yet: {name} has served no request"
    return f"Nothing to compare yet: {METRICS[seen.metric].title} is not known of both variants"


def _cost(seen: Evidence) -> str:
    """What the treatment costs beside the control."""
    effect = seen.cost
    if effect is None or effect.difference is None:
        return f"{seen.treatment}: what it costs is not known"
    if unlike(effect):
        return f"{seen.treatment}: what it costs cannot be compared ({known_shares(effect)})"
    if effect.treatment_mean == effect.control_mean == 0.0:
        return f"{seen.treatment} and {seen.control} are both free"
    if effect.difference.low is None:
        return (
            f"{seen.treatment}: cost cannot be told before it is known of {effect.first_look:,} units "
            f"({effect.units:,} so far)"
        )
    if effect.difference.low == effect.difference.high == 0.0:
        return f"{seen.treatment} costs the same"
    return f"{seen.treatment} {_times(effect)}"


def _times(effect: MetricEffect) -> str:
    """A cost as a ratio, or where there is none to speak of, as a difference."""
    ratio, found = effect.ratio, effect.difference
    assert found is not None
    if ratio is None or ratio.low is None or ratio.high is None:
        if found.low is not None and found.high is not None and found.low <= 0.0 <= found.high:
            return f"costs about the same per request{_apart(found)}"
        side = "more" if found.mean > 0 else "less"
        return f"costs {usd(abs(found.mean))} {side} per request{_apart(found)}"
    if ratio.low >= 2.0:
        return f"costs {ratio.mean:,.1f} times as much ({ratio.low:,.1f} to {ratio.high:,.1f})"
    if ratio.low <= 1.0 <= ratio.high:
        return f"costs about the same ({_side(ratio.low)} to {_side(ratio.high)})"
    low, high = sorted((abs(1.0 - ratio.low), abs(1.0 - ratio.high)))
    side = "less" if ratio.mean < 1.0 else "more"
    return f"costs {abs(1.0 - ratio.mean):.0%} {side} ({100 * low:.0f} to {100 * high:.0f})"


def _apart(found: Range) -> str:
    """The interval of a difference in USD, without its sign where both ends have that of the mean."""
    assert found.low is not None
    assert found.high is not None
    if found.low <= 0.0 <= found.high:
        return f" ({signed(found.low, 'usd')} to {signed(found.high, 'usd')})"
    low, high = sorted((abs(found.low), abs(found.high)))
    return f" ({usd(low)} to {usd(high)})"


def _side(ratio: float) -> str:
    if abs(ratio - 1.0) < _SAME:
        return "the same"
    return f"{abs(ratio - 1.0):.0%} {'less' if ratio < 1.0 else 'more'}"


def _change(effect: MetricEffect, margin: float) -> str:
    """The primary metric with its interval, which shows on which side of the margin it ends."""
    found, metric = effect.difference, METRICS[effect.metric]
    assert found is not None
    title = "quality" if effect.metric == "powered" else metric.title
    unit = (
        " points" if metric.unit == "points" else f" {metric.unit}" if metric.unit in ("s", "tokens") else ""
    )
    first, _, interval = change(found, effect.metric, (0.0, -margin * metric.better)).partition(" (")
    return f"{title} {first}{unit}{f' ({interval}' if interval else ''}"


def change(value: Range, metric: str, edges: Sequence[float] = (0.0,)) -> str:
    """A difference of a metric with its interval: as many digits as its size is worth, and more where a limit
    would else look like one of the `edges` that it is not at."""
    known = [one for one in (value.mean, value.low, value.high) if one is not None]
    most = max(map(abs, known))
    apart = [(limit, edge) for limit in known[1:] for edge in edges if limit != edge]
    more = next((k for k in range(_MORE) if not any(_look_alike(*two, metric, most, k) for two in apart)), 0)
    told = [signed(one, metric, most, more) for one in known]
    return told[0] if len(told) < 3 else f"{told[0]} ({told[1]} to {told[2]})"


_NO_MONEY = 1e-10  # USD, below which a difference is that of sums of floats
_MORE = 4  # digits tried, from none on


def _look_alike(limit: float, edge: float, metric: str, most: float, more: int) -> bool:
    return signed(limit, metric, most, more) == signed(edge, metric, most, more)


def signed(value: float, metric: str, beside: float = 0.0, more: int = 0) -> str:
    """A difference of a metric with its sign, in points where it is a rate or a quality. Digits are those of
    the larger of the value and the size `beside` it, and so many `more`."""
    if metric == "usd":
        told = usd(abs(value), more) if abs(value) > _NO_MONEY else "$0"
        return told if told == "$0" else f"{'−' if value < 0.0 else '+'}{told}"
    unit = METRICS[metric].unit
    scale = POINTS if unit == "points" else 1.0
    largest = scale * max(abs(value), beside)
    usual = 1 if largest >= 0.5 or largest == 0.0 else 2
    digits = more + (0 if unit == "tokens" else 3 if metric == "reward" else usual)
    rounded = round(scale * value, digits)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):,.{digits}f}" if rounded else "0"


def size(value: float, metric: str) -> str:
    """A margin in words: `1 point`, `$0.001`, `0.2 s`."""
    if metric == "usd":
        return usd(value)
    unit = METRICS[metric].unit
    if unit == "points":
        number = f"{POINTS * value:g}"
        return f"{number} point{'' if number == '1' else 's'}"
    return f"{value:g} {unit}".rstrip()


def _outcome(seen: Evidence, decision: Decision, primary: MetricEffect) -> str:
    margin = f"the agreed margin of {size(seen.margin, seen.metric)}" if seen.margin > 0 else "no loss at all"
    if decision == "too_early" and few(primary):
        return (
            f"too early to tell: these {primary.units:,} units tell as much as {primary.alike:,.0f} that "
            "come equally often"
        )
    if decision == "too_early":
        return f"too early to tell, before {primary.first_look:,} units ({primary.units:,} so far)"
    if decision == "better":
        return f"better than {seen.control}"
    if decision == "worse":
        return (
            f"worse than {seen.control} by more than {margin}"
            if seen.margin
            else f"worse than {seen.control}"
        )
    if decision == "undecided":
        return f"not decided yet{_more(primary)}" + (f"; {margin} may be exceeded" if seen.margin > 0 else "")
    _, high = _better(primary)
    lost = high is not None and high < 0.0
    return f"a loss, but inside {margin}" if lost else f"inside {margin}"


def _more(primary: MetricEffect) -> str:
    if not primary.more_units or not math.isfinite(primary.more_units):
        return ""
    return f" (about {_round(primary.more_units):,} more units, should the difference stay as it is)"


def _round(value: int) -> int:
    """To two digits, upwards."""
    step: int = 10 ** max(0, len(str(value)) - 2)
    return -(-value // step) * step


def _cut(seen: Evidence) -> str:
    """A cap that cuts more than a few values, in words."""
    effects = [
        effect for effect in (seen.cost, seen.primary) if effect is not None and effect.cap is not None
    ]
    for effect in effects:
        cap = effect.cap
        assert cap is not None
        if (cap.requests > CUT_VALUES or cap.amount > CUT_AMOUNT) and cap.high is not None:
            at = (
                usd(cap.high)
                if effect.metric == "usd"
                else f"{cap.high:g} {METRICS[effect.metric].unit}".rstrip()
            )
            return f"; {METRICS[effect.metric].title.split()[0]} beyond {at} is cut, {cap.amount:.0%} of it"
    return ""
