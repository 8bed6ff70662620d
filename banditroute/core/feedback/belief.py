"""How much of every cell is believed: what changed, who lied, who kept silent, and what judges add.

One pure function from the sums and the testimony to the sums that the fit is made from. Nobody doubted gives
back the very sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats
from banditroute.core.feedback.bills import Disbelief, disbelief, forgotten
from banditroute.core.feedback.calibration import verdict_noise
from banditroute.core.feedback.changes import Change
from banditroute.core.feedback.evidence import believed
from banditroute.core.feedback.instruments import Instrument, as_believed, auditors, of_model
from banditroute.core.feedback.measurement import doubt_of, with_judges
from banditroute.core.feedback.outdated import adjustment
from banditroute.core.feedback.response import Response, response, unexplained_by_features
from banditroute.core.feedback.speakers import Belief, with_nobody
from banditroute.core.feedback.speakers import adjustment as of_speakers
from banditroute.core.feedback.testimony import JUDGED, QUALITY, Testimony, watched_factors
from banditroute.core.posterior import FactorPrior, SufficientStats
from banditroute.types import FACTORS

_SCORES = ("quality", "judged")

_UNDISPUTED = 0.95
"""Share of what was said of a model that must be believed for a change in it to be the model's."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The sums that the fit is made from, one entry per factor, and what they are still to be multiplied by;
    what is believed of speakers, and who answers.

    `face` are the sums of quality with judges at face value, where they add anything and are doubted: what a
    judge gets wrong, more of its scores cannot tell, so that part of the doubt is a reason to try a model
    again only as far as people will say. `by_people` is the share of judged answers that they scored too.
    `verdict_noise` is the variance of one verdict about what people would say, of the own judge that scored
    most or, where there is none, of any; None without any. `disbelieved` are those whose reports of a factor
    count for nothing, by its name (`bills`).
    """

    stats: tuple[SufficientStats | None, ...]
    scales: tuple[float, ...]
    speakers: Belief | None = None
    response: Response | None = None
    face: SufficientStats | None = None
    by_people: float = 0.0
    verdict_noise: float | None = None
    disbelieved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def weighed(
    testimony: Testimony,
    stats: Sequence[SufficientStats | None],
    scales: Sequence[float],
    half_lives: Sequence[float],
    priors: Sequence[FactorPrior],
    trust: TrustSettings,
    judge: str = "",
) -> Weighed:
    """The sums `stats`, which count for `scales` now, as far as they are believed. Of what nobody doubts the
    very sums are given back. `judge` is the model of the service's own judge, empty without one."""
    found: dict[int, SufficientStats] = {}
    said, by = _now(stats, scales, QUALITY), scales[QUALITY]
    direct, speakers, answers = said, None, None
    instruments = {name: own if by == 1.0 else own.scaled(by) for name, own in testimony.instruments.items()}
    if direct is not None and testimony.speakers is not None:
        everybody = with_nobody(testimony.speakers.scaled(by), *_cells(direct))
        speakers = of_speakers(everybody, trust)
        direct = _adjusted(direct, speakers.share, speakers.shift, speakers.excess)
        center = priors[QUALITY].center
        instruments = {name: as_believed(own, speakers, center) for name, own in instruments.items()}
    if direct is not None and trust.nonresponse and (audits := auditors(instruments)):
        answers = _who_answers(direct, audits)
        direct = _adjusted(direct, np.ones_like(answers.shift), answers.shift)
    if direct is not None and direct is not said:
        found[QUALITY] = direct
    doubted: dict[int, Disbelief] = {}
    if testimony.bills is not None and trust.quarantine:
        there = {f: sums for f in range(len(stats)) if (sums := _now(stats, scales, f)) is not None}
        doubted = disbelief(forgotten(testimony.bills, scales), there)
        found.update((f, own.stats) for f, own in doubted.items())
    if testimony.blocks is not None and testimony.changes:
        for factor in watched_factors(priors):
            life = half_lives[QUALITY if factor.index == JUDGED else factor.index]
            changes = _about(testimony.changes, factor.name)
            if factor.index == QUALITY and speakers is not None:
                changes = [change for change in changes if not _disputed(said, speakers.share, change.row)]
            if (own := doubted.get(factor.index)) is not None:
                sums = _now(stats, scales, factor.index)
                changes = [change for change in changes if not _disputed(sums, own.share, change.row)]
            outdated = adjustment(testimony.blocks, changes, factor, life)
            if outdated is None:
                continue
            if factor.index == JUDGED:
                instruments = {
                    name: Instrument(believed(own.judged, *outdated), own.pairs)
                    for name, own in instruments.items()
                }
            elif (sums := found.get(factor.index) or _now(stats, scales, factor.index)) is not None:
                found[factor.index] = believed(sums, *outdated, logarithmic=factor.logarithmic)
    direct, face = found.get(QUALITY, said), None
    if direct is not None and instruments:
        expected = priors[QUALITY].center, priors[QUALITY].noise
        found[QUALITY] = with_judges(direct, instruments, *expected, doubt_of(trust))
        certain = doubt_of(replace(trust, judge_sd=0.0))
        if found[QUALITY] is not direct and doubt_of(trust) != certain:
            face = with_judges(direct, instruments, *expected, certain)
    return Weighed(
        tuple(found.get(f, sums) for f, sums in enumerate(stats)),
        tuple(1.0 if f in found else by for f, by in enumerate(scales)),
        speakers,
        answers,
        face,
        _by_people(instruments),
        verdict_noise(of_model(instruments, judge), priors[QUALITY].noise, doubt_of(trust)),
        {FACTORS[f]: own.names for f, own in doubted.items()},
    )


def _now(
    stats: Sequence[SufficientStats | None], scales: Sequence[float], factor: int
) -> SufficientStats | None:
    """The sums of a factor as they count now."""
    sums, by = stats[factor], scales[factor]
    return sums if sums is None or by == 1.0 else sums.scaled(by)


def _adjusted(
    sums: SufficientStats, share: Floats, shift: Floats, excess: Floats | None = None
) -> SufficientStats:
    """The sums as they are believed; the very sums where they are believed as they are."""
    if (share == 1.0).all() and not shift.any():
        return sums
    return believed(sums, share, shift, excess)


def _disputed(sums: SufficientStats | None, share: Floats, row: int) -> bool:
    """Whether so much of what was said of a model's row is not believed that a change in it may be a lie."""
    if sums is None or row < 0:
        return False
    said = _cells(sums)[0][row]
    return float(share[row] @ said) < _UNDISPUTED * float(said.sum())


def _about(changes: Sequence[Change], factor: str) -> list[Change]:
    """The changes of a factor; people's and judges' scores are of one quality."""
    names = _SCORES if factor in _SCORES else (factor,)
    return [replace(change, factor=factor) for change in changes if change.factor in names]


def _by_people(instruments: Mapping[str, Instrument]) -> float:
    """Share of the answers that judges scored which people scored too."""
    both = sum(max(0.0, float(own.pairs[..., 0].sum())) for own in instruments.values())
    alone = sum(max(0.0, float(own.judged.cells[..., 2].sum())) for own in instruments.values())
    return both / max(both + alone, 1.0)


def _who_answers(direct: SufficientStats, audits: Mapping[str, Instrument]) -> Response:
    """Who answers, by the one who has scored most of what people scored too."""
    audit = max(audits.values(), key=lambda own: float(own.pairs[..., 0].sum()))
    silent = np.stack(_cells(audit.judged), axis=2)
    return response(audit.pairs, silent, np.stack(_cells(direct), axis=2), unexplained_by_features(direct))


def _cells(sums: SufficientStats) -> tuple[Floats, Floats, Floats]:
    """Σw, Σw(y−c), Σw(y−c)² per cell, `(k, c)` each."""
    places = np.arange(1, 1 + sums.cells.shape[1])
    return sums.xx[:, places, places], sums.xy[:, places], sums.cells[:, :, 0]
