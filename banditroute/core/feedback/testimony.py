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
from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.bills import forgotten, no_bills
from banditroute.core.feedback.bills import observe as with_billed
from banditroute.core.feedback.blocks import BASE, Blocks, advanced, empty_blocks
from banditroute.core.feedback.blocks import observe as block
from banditroute.core.feedback.calibration import calibrate
from banditroute.core.feedback.changes import YEAR, Change, detect
from banditroute.core.feedback.drift import Drift, drift
from banditroute.core.feedback.instruments import (
    Instrument,
    admitted,
    empty_instrument,
    pair_terms,
    with_judged,
    with_pairs,
)
from banditroute.core.feedback.measurement import doubt_of
from banditroute.core.feedback.scan import Factor
from banditroute.core.feedback.speakers import Speakers, no_speakers
from banditroute.core.feedback.speakers import observe as with_said
from banditroute.core.posterior import FactorPrior
from banditroute.types import FACTORS

QUALITY = FACTORS.index("quality")

JUDGED = len(FACTORS)
"""The place of judges' scores in the blocks of time, after the factors that are learned."""

_SCATTER = {"quality": 0.005, "output_tokens": 0.05, "usd": 0.05, "seconds": 0.1}
"""What is watched for changes, with the sd by which its means scatter anyway from hour to hour."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What is known of those who speak, of judges, and of when things were said.

    `speakers` (of quality), `bills` (of what meters say) and `blocks` are None where nobody is named and
    nothing is watched. `pairs` are blocks of time
    by instrument, of scores J beside people's Y: sums of J, Y, J², JY and Y² in place of factors.
    `changes` and `drifts` (of judges) are what the blocks show. Whatever forgets does so as quality does; the
    blocks keep outcomes as they came.
    """

    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    speakers: Speakers | None = None
    bills: Speakers | None = None
    blocks: Blocks | None = None
    pairs: Mapping[str, Blocks] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    drifts: Mapping[str, Drift] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether nothing speaks against taking the sums as they are."""
        return not (self.instruments or self.changes or self.speakers or self.bills)

    def scaled(self, by: Sequence[float]) -> Testimony:
        """With every sum that forgets multiplied by the number of its factor."""
        own = by[QUALITY]
        instruments = {name: known.scaled(own) for name, known in self.instruments.items()}
        speakers = None if self.speakers is None else self.speakers.scaled(own)
        bills = None if self.bills is None else forgotten(self.bills, by)
        return replace(self, instruments=instruments, speakers=speakers, bills=bills)


Reading = tuple[int, int, int, float, float, float, float, str, str, float, float]
"""One observation as it is learned: the fields of `Readings`, in their order."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Observations as they are learned, `(n,)` each: factors, `JUDGED` for judges' scores; model rows, places
    of the contexts, values in their own units, weights with forgetting applied and without, times of the
    decisions, who spoke, which judge scored, what people said of what a judge scored, NaN where
    nothing, and how many times what was expected a meter said, 0 where nothing was."""

    factors: Ints
    rows: Ints
    places: Ints
    values: Floats
    weights: Floats
    signs: Floats
    times: Floats
    speakers: Sequence[str]
    instruments: Sequence[str]
    people: Floats
    ratios: Floats

    @classmethod
    def of(cls, read: Sequence[Reading]) -> Readings:
        """The arrays of some readings."""
        columns = tuple(zip(*read, strict=True)) or ((),) * 11
        factors, rows, places = (np.array(column, np.int64) for column in columns[:3])
        values, weights, signs, times = (np.array(column, np.float64) for column in columns[3:7])
        people, ratios = (np.array(column, np.float64) for column in columns[9:])
        return cls(
            factors, rows, places, values, weights, signs, times, columns[7], columns[8], people, ratios
        )

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, here: Bools) -> Readings:
        """Those where `here` `(n,)` holds."""
        places = np.flatnonzero(here).tolist()
        speakers, instruments = [self.speakers[i] for i in places], [self.instruments[i] for i in places]
        return Readings(
            self.factors[here], self.rows[here], self.places[here], self.values[here], self.weights[here],
            self.signs[here], self.times[here], speakers, instruments, self.people[here],
            self.ratios[here],
        )  # fmt: skip

    def centred(self, priors: Sequence[FactorPrior]) -> Floats:
        """Values less the center of their factor, logarithms where it is learned so, NaN where there is
        none."""
        every = (*priors, priors[QUALITY])
        logarithmic = np.array([prior.logarithmic for prior in every])[self.factors]
        values = self.values.copy()
        values[logarithmic] = np.log(np.where(values > 0.0, values, np.nan)[logarithmic])
        centred: Floats = values - np.array([prior.center for prior in every])[self.factors]
        return centred


def new_testimony(settings: Settings, models: int, classes: int) -> Testimony:
    """Before anybody has spoken."""
    if not settings.alerts.changes:
        return Testimony()
    return Testimony(blocks=empty_blocks(JUDGED + 1, models, classes))


def testified(
    testimony: Testimony,
    readings: Readings,
    x: Floats,
    cls: Ints,
    shape: tuple[int, int],
    priors: Sequence[FactorPrior],
) -> Testimony:
    """With readings more; `x` `(m, d)` and `cls` `(m,)` are those of their contexts, `shape` the numbers of
    model rows and classes."""
    prior = priors[QUALITY]
    named = (readings.factors == QUALITY) & np.array([bool(name) for name in readings.speakers], np.bool_)
    if named.any():
        said = readings[named]
        known = no_speakers(*shape) if testimony.speakers is None else testimony.speakers
        told = said.speakers, said.rows, cls[said.places], said.centred(priors), said.weights
        testimony = replace(testimony, speakers=with_said(known, *told))
    metered = (readings.ratios > 0.0) & np.array([bool(name) for name in readings.speakers], np.bool_)
    if metered.any():
        testimony = replace(testimony, bills=_billed(testimony.bills, readings[metered], cls, shape, priors))
    scored = readings.factors == JUDGED
    if scored.any():
        judged = _as_known(readings[scored], testimony.instruments)
        testimony = replace(testimony, instruments=_measured(testimony, judged, x, cls, shape, prior))
    if testimony.blocks is not None:
        values = readings.centred(priors)
        here = np.isfinite(values) & ~(scored & np.isfinite(readings.people))
        where = readings.factors[here], readings.times[here], readings.rows[here]
        classes, signs, at = cls[readings.places[here]], readings.signs[here], testimony.blocks.at
        blocks = block(testimony.blocks, *where, classes, values[here], signs, at)
        pairs = testimony.pairs
        if scored.any():
            together = judged[np.isfinite(judged.people)]
            pairs = _paired(pairs, together, cls, shape, prior, blocks.at)
        testimony = replace(testimony, blocks=blocks, pairs=pairs)
    return testimony


def _billed(
    bills: Speakers | None, told: Readings, cls: Ints, shape: tuple[int, int], priors: Sequence[FactorPrior]
) -> Speakers:
    """What meters say by who reports it, with more of it."""
    known = no_bills(*shape) if bills is None else bills
    rows, values = told.factors * shape[0] + told.rows, told.values
    return with_billed(
        known, told.speakers, rows, cls[told.places], told.centred(priors), values, told.ratios, told.weights
    )


def _as_known(judged: Readings, instruments: Mapping[str, Instrument]) -> Readings:
    """What judges said, by the names they are kept under."""
    known, kept = set(instruments), {}
    for name in dict.fromkeys(judged.instruments):
        kept[name] = admitted(name, known)
        known.add(kept[name])
    return replace(judged, instruments=[kept[name] for name in judged.instruments])


def _paired(
    known: Mapping[str, Blocks], readings: Readings, cls: Ints, shape: tuple[int, int], prior: FactorPrior,
    at: float,
) -> Mapping[str, Blocks]:  # fmt: skip
    """Pairs by time, with more of them."""
    pairs = dict(known)
    for name, said in _by_judge(readings):
        blocks = pairs.get(name) or empty_blocks(5, *shape)
        terms = pair_terms(said.values - prior.center, said.people - prior.center, 0.0)[:, 1:]
        where = np.tile(said.times, 5), np.tile(said.rows, 5), np.tile(cls[said.places], 5)
        slots = np.repeat(np.arange(5), len(said))
        pairs[name] = block(blocks, slots, *where, terms.T.ravel(), np.tile(said.signs, 5), at)
    return pairs


def _by_judge(readings: Readings) -> list[tuple[str, Readings]]:
    """What each judge has said, by name."""
    names = np.array(readings.instruments, object)
    return [(name, readings[names == name]) for name in sorted(set(readings.instruments))]


def watched(testimony: Testimony, settings: Settings, priors: Sequence[FactorPrior], at: float) -> Testimony:
    """With the changes that are to be seen by now."""
    if testimony.blocks is None:
        return testimony
    blocks = advanced(testimony.blocks, at)
    rate = settings.alerts.false_alarms_per_year
    drifts, doubt = {}, doubt_of(settings.trust)
    for name, own in testimony.pairs.items():
        instrument = testimony.instruments.get(name)
        if instrument is not None and len(own.starts) > 1:
            slope = calibrate(instrument, priors[QUALITY].noise, doubt).slope
            found = drift(_terms(own), slope, YEAR / BASE / rate)
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
    testimony: Testimony, judged: Readings, x: Floats, cls: Ints, shape: tuple[int, int], prior: FactorPrior
) -> Mapping[str, Instrument]:
    """The instruments with what judges said more."""
    instruments = dict(testimony.instruments)
    for name, readings in _by_judge(judged):
        own = instruments.get(name) or empty_instrument(*shape, x.shape[1])
        paired = np.isfinite(readings.people)
        if not paired.all():
            said = readings[~paired]
            own = with_judged(
                own, said.rows, cls[said.places], x[said.places], said.values, said.weights, prior.center
            )
        if paired.any():
            said = readings[paired]
            own = with_pairs(
                own,
                said.rows,
                cls[said.places],
                said.values,
                said.people,
                said.weights,
                prior.center,
                said.speakers,
            )
        instruments[name] = own
    return instruments
