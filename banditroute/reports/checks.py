"""The same rules by off-policy estimation, where a log knows the probabilities of its choices.

It takes nothing for granted about who met which requests, as the predicted bills do; it needs enough of
the rule's own choices in the log, and refuses where there are too few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.reports.decisions import list_prices, paid_usd, savings_of_log
from banditroute.reports.findings import Bill, Check, Range, SavingsReport
from banditroute.reports.savings import ANYTHING, Asked
from banditroute.reports.verdict import verdict

ESTIMATOR = "dr"

Scores = dict[str, Evaluated | str]
"""What evaluation found of each rule, or why it found nothing."""


def savings_of_decisions(log: DecisionLog, settings: Settings, asked: Asked = ANYTHING) -> SavingsReport:
    """The report on a log with one answer per request, its rules checked where the log allows it.

    Bills stay predicted from prices, with the estimate beside them; qualities are the estimates where
    they are identified, and the mean scores of the classes where not.
    """
    report = savings_of_log(log, settings, asked)
    if log.kind != "logged":
        return report
    rules = [bill.rule for bill in report.rules]
    prices = list_prices(log.models, settings)[log.action]
    log = replace(log, usd=paid_usd(log.usd, log.input_tokens, log.output_tokens, prices))
    usd, quality = _scores(log, settings, rules, "usd"), _scores(log, settings, rules, "quality")
    bills = [_checked(bill, usd[bill.rule], quality[bill.rule]) for bill in report.rules]
    against = next(bill for bill in bills if bill.rule == report.baseline)
    told = verdict(
        against.rule,
        report.actual.usd.mean,
        against.usd,
        against.quality_gain,
        interval="too few requests" not in report.verdict,
    )
    note = (
        "The log has the probabilities of its choices: qualities are off-policy estimates (doubly robust) "
        "where it identifies them, which takes nothing for granted about who met which requests."
    )
    return structs.replace(report, verdict=told, rules=bills, assumptions=[note, *report.assumptions])


def _scores(log: DecisionLog, settings: Settings, rules: Sequence[str], factor: str) -> Scores:
    """Every rule's mean of one factor per request."""
    if np.isnan(getattr(log, factor)).all():
        return dict.fromkeys(rules, f"the log has no {factor}")
    weights = {"quality": 0.0, "usd": 0.0, "second": 0.0, factor: 1.0}
    try:
        found = evaluate(log, rules, estimators=[ESTIMATOR], weights=weights, settings=settings)
    except BanditrouteError as error:
        return dict.fromkeys(rules, str(error))
    return {**dict.fromkeys(rules, "it was not evaluated"), **{one.policy: one for one in found.policies}}


def _checked(bill: Bill, usd: Evaluated | str, quality: Evaluated | str) -> Bill:
    per_request, no_usd = _range(usd, -1.0)  # the reward of a cost is its negative
    mean, no_quality = _range(quality, 1.0)
    bill = structs.replace(bill, check=Check(per_request, mean, no_usd, no_quality))
    if mean is None or isinstance(quality, str):
        return bill
    gain = None
    if quality.difference is not None:
        apart = quality.difference
        gain = _ordered(-apart.shown, -apart.high, -apart.low)
    return structs.replace(bill, quality=mean, quality_gain=gain or bill.quality_gain)


def _range(found: Evaluated | str, sign: float) -> tuple[Range | None, str | None]:
    """An estimate with its interval, or why there is none."""
    if isinstance(found, str):
        return None, found
    if found.refused is not None or found.leading is None:
        return None, found.refused or "there is no estimate"
    value = found.leading
    return _ordered(*(sign * end for end in (found.shown, value.low, value.high))), None


def _ordered(mean: float, low: float, high: float) -> Range:
    low, high = sorted((low, high))
    known = math.isfinite(low) and math.isfinite(high)
    return Range(mean, low, high) if known else Range(mean)
