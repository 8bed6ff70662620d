"""Who says it: sums of what each speaker said of each model in each class, and what is believed of it.

A score may come from somebody who lies, is broken, or reads the scale in a way of his own. Nothing in one
score tells; how all of a speaker's scores differ from what others say of the same models in the same classes
does (`credibility`). A speaker is a principal, or without one a rater; what nobody in particular said is
believed as it is. No speaker counts for more than `max_share` of what a cell is known by (`voices`).

What is believed comes down to a share and a shift per cell, and both are functions of the sums alone: a
rebuilt state believes what the live one did, and a liar who is found out today was never believed. With one
or two speakers nobody is doubted, for there is no telling which of two is wrong; nor is there when most of
them lie alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.voices import EMPTY, Voices, capped, runs

_BYTES = 8 * 2**20  # of all sums together, at most
_ENTRY = 32  # bytes: a key and three sums


@dataclass(frozen=True, slots=True)
class Speakers:
    """What each speaker said of each cell, as far as there is anything.

    `key` `(m,)` ascends: `(bucket·k + model row)·c + class`, with k and c the `shape`. `sums` `(m, 3)` are
    Σw, Σwy, Σwy², y about any fixed center. `names` has one name per bucket, the alphabetically first where
    several fell into one. Nobody in particular, the empty name, has the bucket after the last.
    """

    shape: tuple[int, int]
    key: Ints
    sums: Floats
    names: Mapping[int, str] = field(default_factory=dict)

    def scaled(self, by: float) -> Speakers:
        """Every sum multiplied by one number."""
        return self if by == 1.0 else Speakers(self.shape, self.key, self.sums * by, self.names)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of each cell, `(k, c)` each: `share` of its outcomes, their mean raised by `shift`,
    and their scatter about it, Σw(y − ȳ)², less by `excess`, which is what lies and offsets put into it.

    `speaker` `(s,)` are the buckets of all who spoke, ascending; by them the `weight` that is given to what
    they said, the `offset` of their scores from the others', their `disagreement` in sds, and the `count` of
    outcomes.
    """

    share: Floats
    shift: Floats
    excess: Floats
    speaker: Ints
    weight: Floats
    offset: Floats
    disagreement: Floats
    count: Floats


def buckets(k: int, c: int) -> int:
    """How many speakers are told apart, for k models and c classes: as many as fit into 8 MB, at least 64."""
    return max(64, _BYTES // (_ENTRY * k * c))


@lru_cache(maxsize=65_536)
def bucket_of(name: str, among: int) -> int:
    """The bucket of a speaker, a hash of the name; the one after the last, `among`, for nobody."""
    if not name:
        return among
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") % among


def no_speakers(k: int, c: int) -> Speakers:
    """Nobody has said anything."""
    return Speakers((k, c), np.empty(0, np.int64), np.empty((0, 3)))


def observe(
    speakers: Speakers, names: Sequence[str], rows: Ints, classes: Ints, values: Floats, weights: Floats
) -> Speakers:
    """With n outcomes more, `(n,)` each: who spoke, of which model row and class, the quality, and the
    weight, negative for what is taken back. Their order does not matter, but for rounding."""
    if not names:
        return speakers
    (k, c), among = speakers.shape, buckets(*speakers.shape)
    known, called = {name: bucket_of(name, among) for name in set(names)}, dict(speakers.names)
    for name, bucket in known.items():
        called[bucket] = min(name, called.get(bucket, name))
    key = (np.array([known[name] for name in names], np.int64) * k + rows) * c + classes
    terms = np.stack([weights, weights * values, weights * values**2], axis=1)
    return added(Speakers(speakers.shape, speakers.key, speakers.sums, called), key, terms)


def with_nobody(speakers: Speakers, number: Floats, total: Floats, squares: Floats) -> Speakers:
    """With what nobody in particular said: all that was said, Σw, Σwy and Σwy² `(k, c)`, less what speakers
    did."""
    (k, c), among = speakers.shape, buckets(*speakers.shape)
    every = np.stack([number, total, squares], axis=2).reshape(k * c, 3)
    cell = speakers.key % (k * c)
    named = np.stack([np.bincount(cell, own, k * c) for own in speakers.sums.T], axis=1)
    rest = every - named
    left = np.flatnonzero(rest[:, 0] > 1e-6 * (1.0 + every[:, 0]))  # more than what rounding leaves
    return added(speakers, among * k * c + left, rest[left])


def adjustment(speakers: Speakers, trust: TrustSettings) -> Belief:
    """How far each cell is believed; share 1 and shift 0, exactly, in cells of which nobody is in doubt."""
    from banditroute.core.feedback.credibility import credibility  # takes seconds to compile: only if needed

    k, c = speakers.shape
    bucket, cell = np.divmod(speakers.key, k * c)
    who, s = runs(bucket)
    voices = Voices(s, cell, speakers.sums, who != buckets(k, c), (k, c))
    weight, offset, apart = credibility(voices, trust)
    counts = capped(voices, weight[s] * voices.n, trust.max_share)
    share, shift, excess = (found.reshape(k, c) for found in _cells(voices, counts, offset))
    return Belief(share, shift, excess, who, weight, offset, apart, voices.by_speaker(voices.n))


def quarantined(speakers: Speakers, belief: Belief) -> list[str]:
    """The names of those who count for nothing, in order."""
    silenced = belief.speaker[belief.weight <= 0.0].tolist()
    return sorted(speakers.names[bucket] for bucket in silenced)


def _cells(voices: Voices, counts: Floats, offset: Floats) -> tuple[Floats, Floats, Floats]:
    """Share, shift and excess of every cell, `(cells,)` each, where only `counts` `(m,)` of the outcomes are
    believed, and they less their speaker's offset."""
    n, y, own = voices.n, voices.y, offset[voices.s]
    total, believed = voices.by_cell(n), voices.by_cell(counts)
    doubted = (voices.by_cell(((counts < n) | (own != 0.0)).astype(np.float64)) > 0.0) & (total > EMPTY)
    raw = voices.by_cell(n * y) / np.maximum(total, EMPTY)
    moved = voices.by_cell(counts * (y - own - raw[voices.q])) / np.maximum(believed, EMPTY)
    share = np.where(doubted, np.clip(believed / np.maximum(total, EMPTY), 0.0, 1.0), 1.0)
    shift = np.where(doubted & (believed > EMPTY), moved, 0.0)
    middle = (raw + shift)[voices.q] + own
    about = np.maximum(voices.squares - 2.0 * middle * n * y + middle**2 * n, 0.0)  # Σw(y − middle)²
    whole = share * np.maximum(voices.by_cell(voices.squares) - total * raw**2, 0.0)
    return share, shift, np.where(doubted, whole - voices.by_cell(counts / n * about), 0.0)


def added(speakers: Speakers, key: Ints, terms: Floats) -> Speakers:
    """With `terms` `(n, 3)` added to the sums at `key` `(n,)`; what is taken back wholly is forgotten."""
    if not len(key):
        return speakers
    found, place = np.unique(key, return_inverse=True)
    more = np.stack([np.bincount(place, own, len(found)) for own in terms.T], axis=1)
    at = np.searchsorted(speakers.key, found)
    new = np.searchsorted(speakers.key, found, side="right") == at
    every = np.insert(speakers.key, at[new], found[new])
    sums = np.insert(speakers.sums, at[new], 0.0, axis=0)
    sums[at + np.cumsum(new) - new] += more
    grown = Speakers(speakers.shape, every, sums, speakers.names)
    return _kept(grown, sums[:, 0] > EMPTY)


def _kept(speakers: Speakers, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Speakers:
    """Only some of the entries, and the names of those who are left."""
    if here.all():
        return speakers
    key, cells = speakers.key[here], speakers.shape[0] * speakers.shape[1]
    left = set((key // cells).tolist())
    names = {bucket: name for bucket, name in speakers.names.items() if bucket in left}
    return Speakers(speakers.shape, key, speakers.sums[here], names)
