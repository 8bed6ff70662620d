"""What stands beside the sums: who said what, which judge, and when.

Outcomes are added to the sums as they come. What would have to be known to doubt them is kept apart, as sums
of its own: each speaker's part of a cell, each judge's scores, each block of time. At a refit they say how
much of every cell is believed (`belief`), so that a liar found out today, or a judge understood tomorrow,
changes what was said yesterday, and the fit stays a function of sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.blocks import BASE, Blocks, advanced, empty_blocks
from banditroute.core.feedback.blocks import observe as block
from banditroute.core.feedback.calibration import calibrate
from banditroute.core.feedback.changes import YEAR, Change, detect
from banditroute.core.feedback.drift import Drift, drift
from banditroute.core.feedback.instruments import (
    Instrument,
    empty_instrument,
    pair_terms,
    with_judged,
    with_pairs,
)
from banditroute.core.feedback.scan import Factor
from banditroute.core.feedback.speakers import Speakers, no_speakers
from banditroute.core.feedback.speakers import observe as with_said
from banditroute.core.posterior import FactorPrior
from banditroute.types import FACTORS, Observation

QUALITY = FACTORS.index("quality")

JUDGED = len(FACTORS)
"""The place of judges' scores in the blocks of time, after the factors that are learned."""

_SCATTER = {"quality": 0.005, "output_tokens": 0.05, "usd": 0.05, "seconds": 0.1}
"""What is watched for changes, with the sd by which its means scatter anyway from hour to hour."""

MOST_JUDGES = 32
"""Instruments kept apart; the scores of further ones are pooled as `OTHERS`."""

OTHERS = "other judges"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What is known of those who speak, of judges, and of when things were said.

    `speakers` and `blocks` are None where nobody is named and nothing is watched. `pairs` are blocks of time
    by instrument, of scores J beside people's Y: sums of J, Y, J², JY and Y² in place of factors.
    `changes` and `drifts` (of judges) are what the blocks show. Whatever forgets does so as quality does; the
    blocks keep outcomes as they came.
    """

    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    speakers: Speakers | None = None
    blocks: Blocks | None = None
    pairs: Mapping[str, Blocks] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    drifts: Mapping[str, Drift] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether nothing speaks against taking the sums as they are."""
        return not self.instruments and self.speakers is None and not self.changes

    def scaled(self, by: float) -> Testimony:
        """With every sum that forgets multiplied by one number."""
        instruments = {name: own.scaled(by) for name, own in self.instruments.items()}
        speakers = None if self.speakers is None else self.speakers.scaled(by)
        return replace(self, instruments=instruments, speakers=speakers)


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation as it is learned: model row, place of its context, value in its own units, weight with
    forgetting applied, and the observation."""

    row: int
    place: int
    value: float
    weight: float
    source: Observation


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings as arrays `(n,)`: rows, classes, values less the center (logarithms where it is learned so),
    weights with forgetting and without, times of the decisions; vectors `(n, d)`."""

    rows: Ints
    classes: Ints
    x: Floats
    values: Floats
    weights: Floats
    signs: Floats
    times: Floats

    @classmethod
    def of(cls, readings: Sequence[Reading], x: Floats, classes: Ints, prior: FactorPrior) -> Readings:
        """The arrays of some readings; `x` and `classes` are those of all contexts."""
        places = np.array([r.place for r in readings], np.int64)
        values = np.array([r.value for r in readings], np.float64)
        if prior.logarithmic:
            values = np.log(np.where(values > 0.0, values, np.nan))
        return cls(
            np.array([r.row for r in readings], np.int64),
            classes[places],
            x[places],
            values - prior.center,
            np.array([r.weight for r in readings], np.float64),
            np.array([r.source.weight for r in readings], np.float64),
            np.array([r.source.decided_at for r in readings], np.float64),
        )


def new_testimony(settings: Settings, models: int, classes: int) -> Testimony:
    """Before anybody has spoken."""
    if not settings.alerts.changes:
        return Testimony()
    return Testimony(blocks=empty_blocks(JUDGED + 1, models, classes))


def testified(
    testimony: Testimony,
    told: Mapping[int, Sequence[Reading]],
    judged: Sequence[Reading],
    x: Floats,
    cls: Ints,
    shape: tuple[int, int],
    priors: Sequence[FactorPrior],
) -> Testimony:
    """With readings more: `told` directly, by factor, and `judged`. `x` `(m, d)` and `cls` `(m,)` are
    those of their contexts, `shape` the numbers of model rows and classes."""
    prior = priors[QUALITY]
    named = [reading for reading in told.get(QUALITY, ()) if reading.source.speaker]
    if named:
        said = Readings.of(named, x, cls, prior)
        known = no_speakers(*shape) if testimony.speakers is None else testimony.speakers
        names = [reading.source.speaker for reading in named]
        known = with_said(known, names, said.rows, said.classes, said.values, said.weights)
        testimony = replace(testimony, speakers=known)
    if judged:
        testimony = replace(testimony, instruments=_measured(testimony, judged, x, cls, shape, prior))
    if testimony.blocks is not None:
        alone = [reading for reading in judged if reading.source.people is None]
        everything = [(f, told[f], priors[f]) for f in sorted(told)] + [(JUDGED, alone, prior)]
        blocks = testimony.blocks
        for f, readings, scale in everything:
            if readings:
                said = Readings.of(readings, x, cls, scale)
                here = np.isfinite(said.values)
                blocks = block(
                    blocks, f, said.times[here], said.rows[here], said.classes[here], said.values[here],
                    said.signs[here], blocks.at,
                )  # fmt: skip
        together = [reading for reading in judged if reading.source.people is not None]
        pairs = _paired(testimony.pairs, together, x, cls, shape, prior, blocks.at)
        testimony = replace(testimony, blocks=blocks, pairs=pairs)
    return testimony


def _paired(
    known: Mapping[str, Blocks],
    readings: Sequence[Reading],
    x: Floats,
    cls: Ints,
    shape: tuple[int, int],
    prior: FactorPrior,
    at: float,
) -> Mapping[str, Blocks]:
    """Pairs by time, with more of them."""
    pairs = dict(known)
    for name in sorted({reading.source.instrument for reading in readings}):
        if name not in pairs and len(pairs) >= MOST_JUDGES:
            continue
        own = [reading for reading in readings if reading.source.instrument == name]
        said = Readings.of(own, x, cls, prior)
        people = np.array([r.source.people for r in own], np.float64) - prior.center
        blocks = pairs.get(name) or empty_blocks(5, *shape)
        terms = pair_terms(said.values, people, 0.0)[:, 1:]
        for slot, values in enumerate(terms.T):
            blocks = block(blocks, slot, said.times, said.rows, said.classes, values, said.signs, at)
        pairs[name] = blocks
    return pairs


def watched(testimony: Testimony, settings: Settings, priors: Sequence[FactorPrior], at: float) -> Testimony:
    """With the changes that are to be seen by now."""
    if testimony.blocks is None:
        return testimony
    blocks = advanced(testimony.blocks, at)
    rate = settings.alerts.false_alarms_per_year
    drifts = {}
    for name, own in testimony.pairs.items():
        instrument = testimony.instruments.get(name)
        if instrument is not None and len(own.starts) > 1:
            found = drift(_terms(own), calibrate(instrument, priors[QUALITY].noise).slope, YEAR / BASE / rate)
            if found is not None and found.alarm:
                drifts[name] = found
    changes = detect(blocks, watched_factors(priors), rate)
    return replace(testimony, blocks=blocks, changes=changes, drifts=drifts)


def _terms(pairs: Blocks) -> Floats:
    """Sums of 1, J, Y, J², JY, Y² by block and cell, `(b, m, 6)`."""
    stacked = pairs.stacked()
    cells = [stacked[:, 0, ..., 0], *(stacked[:, slot, ..., 1] for slot in range(5))]
    return np.stack(cells, axis=-1).reshape(len(stacked), -1, 6)


def watched_factors(priors: Sequence[FactorPrior]) -> list[Factor]:
    """How each factor is watched, the judges' scores last."""
    found = [
        Factor(name, FACTORS.index(name), prior.noise, _SCATTER[name], prior.logarithmic)
        for name, prior in zip(FACTORS, priors, strict=True)
        if name in _SCATTER
    ]
    return [*found, Factor("judged", JUDGED, priors[QUALITY].noise, _SCATTER["quality"], logarithmic=False)]


def _measured(
    testimony: Testimony,
    judged: Sequence[Reading],
    x: Floats,
    cls: Ints,
    shape: tuple[int, int],
    prior: FactorPrior,
) -> Mapping[str, Instrument]:
    """The instruments with what judges said more."""
    instruments = dict(testimony.instruments)
    by_name: dict[str, list[Reading]] = {}
    for reading in judged:
        name = reading.source.instrument
        if name not in instruments and name not in by_name and len(instruments) + len(by_name) >= MOST_JUDGES:
            name = OTHERS
        by_name.setdefault(name, []).append(reading)
    for name, readings in by_name.items():
        own = instruments.get(name) or empty_instrument(*shape, x.shape[1])
        for together in (False, True):
            part = [r for r in readings if (r.source.people is not None) == together]
            if not part:
                continue
            said = Readings.of(part, x, cls, prior)
            scores = said.values + prior.center
            if together:
                people = np.array([r.source.people for r in part], np.float64)
                own = with_pairs(own, said.rows, said.classes, scores, people, said.weights, prior.center)
            else:
                own = with_judged(own, said.rows, said.classes, said.x, scores, said.weights, prior.center)
        instruments[name] = own
    return instruments
