"""Experiments: what a treatment does beside a control, honest under peeking and adaptive assignment."""

from banditroute.reports.ab.exposures import Exposures, exposures_of
from banditroute.reports.ab.findings import ABReport
from banditroute.reports.ab.planning import Plan, plan
from banditroute.reports.ab.report import ab_report
from banditroute.reports.ab.simulated import Effect, simulated_exposures

__all__ = [
    "ABReport",
    "Effect",
    "Exposures",
    "Plan",
    "ab_report",
    "exposures_of",
    "plan",
    "simulated_exposures",
]
