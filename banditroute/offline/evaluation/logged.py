"""How a log of decisions was made: by a policy that held still or by one that learned, and whether its
propensities can be what it was drawn with.

The first decides which intervals hold. Where nothing tells, the log is taken for a learner's: its interval
holds for a fixed policy too, and is wider.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.errors import ConfigError, LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import counted, some
from banditroute.policies import get_policy

LoggedBy = Literal["learning", "fixed"]

FALSE_ALARM = 1e-6
"""How often a log with true propensities is refused, at most."""

_SAME = 1e-9
_BETS = (0.02, 0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made the log, and how that is known (a clause to follow 'since')."""

    by: LoggedBy
    since: str

    @property
    def learns(self) -> bool:
        return self.by == "learning"


def maker(log: DecisionLog, settings: Settings, said: LoggedBy | None) -> Maker:
    """Whether the log's policy learned: as `said`, else by its policy column, else by its propensities.

    Refuses what is neither of the two, and `fixed` for a log whose policy column names a policy that learns.
    """
    if said is not None and (not isinstance(said, str) or said not in get_args(LoggedBy)):
        raise LogError(f"logged_by is 'learning', 'fixed' or None, to find out; it is {said!r}.")
    names = sorted({name for name in log.policy or () if name})
    learns = {name: _learns(name, settings) for name in names}
    learners = [name for name in names if learns[name]]
    if said == "fixed" and learners:
        raise LogError(
            f"--logged-by says fixed, but the log's policy column names {some(learners)}, which learns: the "
            "normal interval would be too narrow. Leave --logged-by out."
        )
    if said is not None:
        return Maker(said, f"--logged-by says {said}")
    if learners:
        return Maker("learning", f"its policy column names {some(learners)}")
    if names and all(learns[name] is False for name in names) and all(log.policy or ()):
        return Maker("fixed", f"its policy column names {some(names)}")
    if _constant(log):
        return Maker("fixed", "its propensities depend on class and model alone and never move")
    return Maker("learning", "nothing says that its policy held still (--logged-by fixed says so)")


def check_propensities(log: DecisionLog) -> None:
    """Refuses propensities that the frequencies of the log contradict.

    A model is drawn as often as its propensities say, up to chance: where the probability of every
    model is known by Freedman's inequality ("On tail probabilities for martingales", 1975), else
    by betting against `E[1{a drawn}/p] ≤ 1`, which no choice of models can break (Ville's inequality).
    All of it holds whatever the policy learned. False alarms: one in a million logs.
    """
    assert log.propensity is not None
    k, c = len(log.models), len(log.classes)
    alarm = math.log(2.0 * (k + 1) * (c + 1) / FALSE_ALARM)
    for group, rows in _groups(log):
        if _bets(_surprise(log.propensity[rows])) > alarm:
            raise LogError(
                f"The propensities do not match the log: in {counted(len(rows), 'row')}{group} what was "
                "likely was drawn more often than its propensities allow. Off-policy evaluation needs the "
                "probability that each choice was drawn with; log that very number."
            )
        for a, model in enumerate(log.models):
            drawn = log.action[rows] == a
            if log.pmf is not None:
                expected = log.pmf[rows, a]
                apart = abs(float((drawn - expected).sum()))
                spread = float((expected * (1.0 - expected)).sum())
                broken = apart > 0 and apart**2 / (2.0 * (spread + apart / 3.0)) > alarm
                said = f"its propensities add up to {expected.sum():,.1f}"
            else:
                inverse = np.where(drawn, 1.0 / log.propensity[rows], 0.0)
                broken = _bets(inverse - 1.0) > alarm
                said = f"its inverse propensities add up to {_short(inverse.sum())}, which is more than all"
            if broken:
                raise LogError(
                    f"The propensities do not match the log: {model} was chosen {drawn.sum():,} times in "
                    f"{counted(len(rows), 'row')}{group}, but {said}. Off-policy evaluation needs "
                    "the probability that each choice was drawn with; log that very number."
                )


def _bets(gains: Floats) -> float:
    """Log of the wealth of betting that gains, each at least −1, have a mean above 0; from 1 at the start."""
    wealth = [float(np.log1p(bet * gains).sum()) for bet in _BETS]
    return float(np.logaddexp.reduce(wealth)) - math.log(len(wealth))


def _surprise(propensity: Floats) -> Floats:
    """What was drawn with p > ½ gains (1 − p)/p, all else −1: at most 0 on average where p is true.

    At most one model can have p > ½; it is drawn with that probability, something else with the rest.
    """
    return np.where(propensity > 0.5, (1.0 - propensity) / propensity, -1.0)


def _groups(log: DecisionLog) -> list[tuple[str, Ints]]:
    """The rows of the log, and of every class, with how to call them."""
    groups = [
        (f" of class {name}", np.flatnonzero(log.class_index == g)) for g, name in enumerate(log.classes)
    ]
    return [("", np.arange(len(log))), *(groups if len(groups) > 1 else [])]


def _learns(name: str, settings: Settings) -> bool | None:
    """Whether a policy of this name learns; None where no such policy is known."""
    try:
        return get_policy(name, settings).learns
    except ConfigError:
        return None


def _constant(log: DecisionLog) -> bool:
    """Whether every (class, model, eligible set) has one propensity throughout, seen again and again."""
    assert log.propensity is not None
    cell = log.class_index * len(log.models) + log.action
    if log.eligible is not None:
        _, sets = np.unique(np.packbits(log.eligible, axis=1), axis=0, return_inverse=True)
        cell = cell * (int(sets.max()) + 1) + sets.ravel()
    _, cell, count = np.unique(cell, return_inverse=True, return_counts=True)
    low, high = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(low, cell, log.propensity)
    np.maximum.at(high, cell, log.propensity)
    repeated = float(count[count > 1].sum()) / len(log)
    return bool((high - low).max() <= _SAME) and repeated >= 0.9


def _short(number: float) -> str:
    return f"{number:,.1f}" if number < 1e9 else f"{number:.1e}"
