"""The estimators as data: each one line, and how one is written.

Every estimator is the mean over rows of `v + ŵ·g`: v is what a model q̂ expects of the target (0 without
one), g the reward minus q̂ of the action taken (the reward itself without one), ŵ the weight π/p, altered. A
normalised one divides the mean of ŵ·g by the mean of ŵ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from banditroute.core.offpolicy import CLIPPED, PLAIN, SHRUNK, SWITCHED
from banditroute.errors import LogError


@dataclass(frozen=True, slots=True)
class Form:
    """One estimator: whether it uses q̂, what it does to weights (`kind`), whether it divides by them.

    `parameter` is the name of what can be set, `limit` its value, None where the data shall choose;
    `tuned` says that they did.
    """

    name: str
    modelled: bool
    kind: int = PLAIN
    normalised: bool = False
    parameter: str | None = None
    limit: float | None = math.inf
    tuned: bool = False

    @property
    def unbiased(self) -> bool:
        """IPS and DR with the weights as they are, whatever the data say."""
        return self.kind == PLAIN and not self.normalised and not self.tuned

    @property
    def leans(self) -> bool:
        """Whether an error of q̂ is not made good by the weights; a normalised form loses next to nothing."""
        return self.modelled and self.kind != PLAIN

    @property
    def threshold(self) -> float:
        """The limit, once it is settled."""
        if self.limit is None:
            raise ValueError(f"{self.name} has no {self.parameter} yet")
        return self.limit

    @property
    def shown(self) -> float | None:
        """The parameter that the answer names; None where weights are as they are by default."""
        return self.limit if self.parameter and (self.parameter != "clip" or self.kind == CLIPPED) else None


FORMS = {
    "ips": Form("ips", False, parameter="clip"),
    "snips": Form("snips", False, normalised=True, parameter="clip"),
    "dm": Form("dm", True, SWITCHED, limit=0.0),
    "dr": Form("dr", True, parameter="clip"),
    "sndr": Form("sndr", True, normalised=True, parameter="clip"),
    "switch_dr": Form("switch_dr", True, SWITCHED, parameter="tau", limit=None),
    "dros": Form("dros", True, SHRUNK, parameter="shrinkage", limit=None),
}
"""Sources: ips, Horvitz and Thompson 1952; clip, Ionides 2008; snips, Swaminathan and Joachims 2015; dr,
Dudík, Langford and Li 2011; switch_dr, Wang, Agarwal and Dudík 2017; dros, Su, Dimakopoulou, Krishnamurthy
and Dudík 2020. dm is all model: no weight is small enough for it."""

_WRITTEN = re.compile(r"([a-z_]+)(?:\(\s*(?:([a-z]+)\s*=\s*)?([^()]*?)\s*\))?")


def parse_form(text: str, given: Mapping[str, float | None]) -> Form:
    """`"switch_dr(tau=5)"` -> Form; `given` are parameters from elsewhere, by name, None where not."""
    if not isinstance(text, str):
        raise LogError(f"Estimators are named by text, such as 'dr', not by {text!r}.")
    written = _WRITTEN.fullmatch(text.strip().lower())
    form = FORMS.get(written[1]) if written else None
    if form is None or written is None:
        raise LogError(f"There is no estimator '{text}'; the estimators are {', '.join(FORMS)}.")
    if written[3] is None:
        own = given.get(form.parameter) if form.parameter else None
        return form if own is None else _with_limit(form, own)
    if form.parameter is None or written[2] not in (None, form.parameter):
        takes = f"only {form.parameter}" if form.parameter else "no parameter"
        raise LogError(f"The estimator '{form.name}' takes {takes}; '{text}' is not understood.")
    try:
        value = float(written[3])
    except ValueError:
        raise LogError(
            f"'{written[3]}' in '{text}' is not a number; write {form.name}({form.parameter}=5)."
        ) from None
    return _with_limit(form, value)


def _with_limit(form: Form, given: float) -> Form:
    try:
        limit = float(given)
    except (TypeError, ValueError):
        limit = math.nan
    if not limit >= 0.0:
        raise LogError(f"{form.parameter} of {form.name} must be a number from 0 up, not {given}.")
    if not limit and form.parameter == "clip" and (form.normalised or not form.modelled):
        raise LogError(f"A clip of 0 leaves {form.name} without any weight; give a number above 0.")
    kind = CLIPPED if form.parameter == "clip" and limit < math.inf else form.kind
    if kind in (SWITCHED, SHRUNK) and limit == math.inf:
        kind = PLAIN
    return replace(form, kind=kind, limit=limit)
