"""What of a log's scores is a judge's word, which replays and estimates take as it is, to be said beside
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Bools
from banditroute.offline.history.fitting import judges_in
from banditroute.offline.history.judges import JudgeFound
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import some
from banditroute.offline.logs.reading import Log


def judges_word(
    log: Log | DecisionLog, settings: Settings, kept: Bools | None = None
) -> tuple[Mapping[str, Any], list[str]]:
    """What a result's JSON says of its log, `{"judged": …}`, and a note; both empty where no judge decides.

    The share is of the scores in use: of the rows `kept` `(n,)` of a log of decisions, else of all. What is
    said of the judges comes from every answer that they scored beside people.
    """
    if log.judged is None:
        return {}, []
    known = ~np.isnan(log.quality)
    if kept is not None:
        known &= kept
    alone = known & log.judged.alone
    if not alone.any():
        return {}, []
    share = float(alone.sum() / known.sum())
    judges = judges_in(log, settings)
    sentence = (
        f"{share:.0%} of the scores are a judge's ({some(j.name for j in judges)}), taken at their word. "
    )
    note = sentence + " ".join(map(_borne_out, judges))
    return {"judged": {"share": share, "judges": [asdict(judge) for judge in judges]}}, [note]


def _borne_out(judge: JudgeFound) -> str:
    """By how much people who scored the same answers differ from it."""
    if judge.least is None or judge.most is None or judge.standard_error is None:
        others = "Hardly anybody" if judge.paired else "Nobody"
        return (
            f"{others} else scored what {judge.name} did: if it favours a model, so do these figures, and "
            "nothing here shows it."
        )
    least, most = (f"{'−' if value < 0 else '+'}{abs(value):.3f}" for value in (judge.least, judge.most))
    return (
        f"Where people scored the same answers ({judge.paired:,}), {judge.name} gave models "
        f"from {least} to {most} more quality than they did (± {judge.standard_error:.3f} at most): "
        "differences between models of that size may be its own."
    )
