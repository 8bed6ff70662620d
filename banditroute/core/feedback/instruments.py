"""What is kept of a judge: sums of the scores it gave alone, and of those that people gave beside it.

A judge with a rubric is an instrument: it reads something that moves with quality, off by its own bias, which
may differ from model to model, and noisy. Its readings are kept as they came, since what they are worth
(`calibration`) changes with every answer that people score too. Like all that is learned they are sums: order
does not matter, a revision takes the old values back and adds the new ones, a weight below 1 forgets.

What people said beside a judge is kept by speaker too: who is not believed of an answer is not believed of
its judge. Whoever holds a key could invent instruments without end, so that each principal has few of them;
those of the service's own judge are nobody else's, and always have a place. A judge outside also chooses what
it scores, so that none of them shows who answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.speakers import Belief, bucket_of, buckets
from banditroute.core.posterior import SufficientStats, empty_stats
from banditroute.types import JUDGE, Outcome

MOST_JUDGES = 32
"""Instruments of strangers that are kept apart, and as many of the service's own."""

MOST_OF_ONE = 4
"""Instruments of one principal that are kept apart; the scores of further ones are pooled as `OTHERS`."""

OTHERS = "other judges"

_EMPTY = 1e-9


def instrument_of(outcome: Outcome) -> str:
    """The instrument of a judge's score: its rater, and the principal where that is not the service's own
    worker, so that nobody can speak in another's name."""
    name, who = outcome.rater or "judge", outcome.principal or ""
    return name if who in ("", JUDGE) else f"{name} ({who})"


def admitted(name: str, known: Collection[str]) -> str:
    """Under which name an instrument is kept, beside those known."""
    if name in known:
        return name
    owner, owners = _owner(name), [_owner(other) for other in known]
    if not owner:
        return name if owners.count("") < MOST_JUDGES else OTHERS
    if len(owners) - owners.count("") >= MOST_JUDGES:
        return OTHERS
    return name if owners.count(owner) < MOST_OF_ONE else f"{OTHERS} ({owner})"


def _owner(name: str) -> str:
    """The principal in an instrument's name; empty for those of the service's own worker."""
    return name[:-1].rsplit(" (", 1)[1] or "(" if name.endswith(")") and " (" in name else ""


def auditors(instruments: Mapping[str, Instrument]) -> Mapping[str, Instrument]:
    """The instruments that do not choose what they score: those of the service's own judges, earlier ones
    included, and of no principal, which the operator lets score without a key."""
    return {name: own for name, own in instruments.items() if name != OTHERS and not _owner(name)}


def of_model(instruments: Mapping[str, Instrument], model: str) -> Mapping[str, Instrument]:
    """The service's own instruments with a judging `model`, whatever their rubric; where it has scored
    nothing all of its own, and where there are none, all."""
    ours = auditors(instruments)
    configured = {name: own for name, own in ours.items() if model and name.startswith(f"{model}/")}
    return configured or ours or instruments


@dataclass(frozen=True, slots=True)
class Instrument:
    """The sums of one judge with one rubric.

    `judged` holds the scores J of answers that nobody else scored, in place of outcomes. `pairs` `(k, c, 6)`
    are Σw·(1, J, Y, J², JY, Y²) per model and class of answers that people scored with Y too; both about the
    center of quality. What people said of them is part of the direct sums. Of the pairs, `beside` `(m, 6)`
    are those whose people have a name, by `key` `(m,)` as in `speakers.Speakers`.
    """

    judged: SufficientStats
    pairs: Floats
    key: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    beside: Floats = field(default_factory=lambda: np.empty((0, 6)))

    def scaled(self, by: float) -> Instrument:
        """Every sum multiplied by one number."""
        return Instrument(self.judged.scaled(by), self.pairs * by, self.key, self.beside * by)


def empty_instrument(k: int, c: int, d: int) -> Instrument:
    """A judge that has said nothing yet, of k models in c classes with d features."""
    return Instrument(empty_stats(k, c, d), np.zeros((k, c, 6)))


def with_judged(
    instrument: Instrument, rows: Ints, cls: Ints, x: Floats, scores: Floats, weights: Floats, center: float
) -> Instrument:
    """With n answers that the judge alone scored: model rows `(n,)`, classes `(n,)`, vectors `(n, d)`,
    scores in [0, 1] and weights `(n,)`, negative to take back."""
    sums = instrument.judged.copy()
    places = np.arange(len(rows))
    kernels.observe_many(
        sums.xx, sums.xy, sums.cells, rows, cls, np.ascontiguousarray(x), places, scores, weights, center, 0.0
    )
    return replace(instrument, judged=sums)


def with_pairs(
    instrument: Instrument,
    rows: Ints,
    cls: Ints,
    scores: Floats,
    people: Floats,
    weights: Floats,
    center: float,
    names: Sequence[str] = (),
) -> Instrument:
    """With n answers that people scored too: `people` `(n,)` in [0, 1] and their `names`, empty for nobody in
    particular (for all, where there are none), the others as in `with_judged`."""
    terms, pairs = weights[:, None] * pair_terms(scores, people, center), instrument.pairs.copy()
    np.add.at(pairs, (rows, cls), terms)
    if not any(names):
        return replace(instrument, pairs=pairs)
    (k, c), among = pairs.shape[:2], buckets(*pairs.shape[:2])
    who = np.array([bucket_of(name, among) for name in names], np.int64)
    named = who < among
    more = ((who * k + rows) * c + cls)[named]
    key, place = np.unique(np.concatenate([instrument.key, more]), return_inverse=True)
    every = np.concatenate([instrument.beside, terms[named]])
    beside = np.stack([np.bincount(place, column, len(key)) for column in every.T], axis=1)
    left = beside[:, 0] > _EMPTY  # what is taken back wholly is forgotten
    return replace(instrument, pairs=pairs, key=key[left], beside=beside[left].astype(np.float64))


def as_believed(instrument: Instrument, belief: Belief, center: float) -> Instrument:
    """The instrument as far as those are believed who scored beside it, less their offsets. Where they are
    not, the judge's score stands alone, as if nobody else had spoken: with the vector usual in its cell."""
    k, c = instrument.pairs.shape[:2]
    who = instrument.key // (k * c)
    place = np.minimum(np.searchsorted(belief.speaker, who), max(len(belief.speaker) - 1, 0))
    known = belief.speaker[place] == who if len(belief.speaker) else np.zeros(len(who), np.bool_)
    weight = np.where(known, belief.weight[place], 1.0) if known.any() else np.ones(len(who))
    offset = np.where(known, belief.offset[place], 0.0) if known.any() else np.zeros(len(who))
    here = (weight < 1.0) | (offset != 0.0)
    if not here.any():
        return instrument
    said, away = instrument.beside[here], offset[here]
    n, j, y, jj, jy, yy = said.T
    moved = np.stack([n, j, y - away * n, jj, jy - away * j, yy - 2.0 * away * y + away**2 * n], axis=1)
    less = np.zeros((k * c, 6))
    np.add.at(less, instrument.key[here] % (k * c), said - weight[here][:, None] * moved)
    alone = less.reshape(k, c, 6)[..., [0, 1, 3]]
    return replace(
        instrument, judged=_with_cells(instrument.judged, alone, center),
        pairs=instrument.pairs - less.reshape(k, c, 6),
    )  # fmt: skip


def _with_cells(sums: SufficientStats, cells: Floats, center: float) -> SufficientStats:
    """With answers of which Σw, ΣwJ, ΣwJ² `(k, c, 3)` about the center are known and no vectors."""
    c = cells.shape[1]
    places = np.arange(1, 1 + c)
    number = sums.xx[:, places, places]
    usual = np.zeros((*cells.shape[:2], sums.xx.shape[2]))
    usual[:, :, 0] = 1.0
    usual[:, np.arange(c), places] = 1.0
    usual = np.divide(sums.xx[:, places, :], number[:, :, None], out=usual, where=number[:, :, None] > _EMPTY)
    n, j, jj = np.moveaxis(cells, 2, 0)
    xx = sums.xx + np.einsum("ag,agi,agj->aij", n, usual, usual)
    xy = sums.xy + np.einsum("ag,agi->ai", j, usual)
    return SufficientStats(xx, xy, sums.cells + np.stack([jj, j + center * n, n], axis=2))


def pair_terms(scores: Floats, people: Floats, center: float) -> Floats:
    """What each pair adds to sums of pairs, `(n, 6)`: 1, J, Y, J², JY, Y² about the center."""
    j, y = scores - center, people - center
    return np.stack([np.ones_like(j), j, y, j * j, j * y, y * y], axis=1)
