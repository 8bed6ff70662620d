"""Whom monitors hear: those whose past scores agree with what others say, each answer once.

What is believed of a speaker at a refit (`credibility`) is known too late for a sequential test, which cannot
take back a bet, and a refit comes whenever a page of the log is done. So monitors keep sums of their own, of
what they were told in the order of the log, and review all speakers by them at fixed numbers of scores: who
is then believed by less than half is not heard until a later review says otherwise. Nobody is judged by the
score that is to be heard, but by those before it: whether it counts is predictable, and a bet on it is as
fair as without any speaker left out (`guardrails`).

An answer that several score counts once: by the first of them who was heard when he spoke.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.core.features import layout_of
from banditroute.core.feedback.heard import Heard
from banditroute.core.feedback.speakers import Speakers, adjustment, bucket_of, buckets
from banditroute.core.feedback.voices import FEWEST
from banditroute.core.memo import by_identity
from banditroute.types import OTHER

OFTEN = 25
"""Scores between two reviews, at first; later a fortieth of all that are remembered."""

MEMORY = 5_000.0
"""Scores that are remembered: beyond, all count for half."""

BELIEVED = 0.5
"""The weight below which a speaker is not heard."""

_CENTER = 0.5


class Hearing(Struct, frozen=True):
    """What is known of those who speak: sums Σw, Σwy, Σwy² `(m,)` of scores about the middle by `key` (as in
    `speakers.Speakers`) up to the last review, the `fresh` ones since, and the `due` number of them for the
    next. `silenced` are the buckets of those who are not heard, with the event since which they are not;
    `crowd` is how many have spoken."""

    key: tuple[int, ...] = ()
    sums: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] = ((), (), ())
    fresh: tuple[tuple[int, float], ...] = ()
    due: int = OFTEN
    silenced: dict[int, int] = {}
    crowd: int = 0

    def hear(self, heard: Heard, settings: Settings) -> tuple[Hearing, bool]:
        """After one score, and whether it counts."""
        places = _places(settings)
        who = bucket_of(heard.speaker, places.among)
        counts = who not in self.silenced and all(
            self.silenced.get(bucket_of(name, places.among), seq + 1) <= seq for name, seq in heard.earlier
        )
        key = places.key(who, heard)
        if key is None:
            return self, counts
        known = replace(self, fresh=(*self.fresh, (key, heard.value - _CENTER)))
        return (known if len(known.fresh) < self.due else known._reviewed(heard.seq, settings)), counts

    def share(self, settings: Settings) -> float:
        """The largest share of what is heard that may be one speaker's."""
        return settings.trust.max_share if self.crowd >= FEWEST else 1.0

    def distance(self, other: Hearing) -> float:
        """0 for the same course of events, else infinite."""
        return 0.0 if self == other else float("inf")

    def _reviewed(self, seq: int, settings: Settings) -> Hearing:
        """With everybody judged anew by all that was said until event `seq`."""
        places = _places(settings)
        key, sums = self._whole()
        if (total := float(sums[:, 0].sum())) > MEMORY:
            sums = 0.5 * sums
        belief = adjustment(Speakers(places.shape, key, sums), settings.trust)
        doubted = belief.speaker[belief.weight < BELIEVED].tolist()
        a, b, c = (tuple(column) for column in sums.T.tolist())
        return Hearing(
            key=tuple(key.tolist()),
            sums=(a, b, c),
            due=max(OFTEN, int(min(total, MEMORY)) // 40),
            silenced={who: self.silenced.get(who, seq) for who in doubted},
            crowd=int((belief.speaker != places.among).sum()),
        )

    def _whole(self) -> tuple[Ints, Floats]:
        """All sums by key, with the fresh scores."""
        keys, values = zip(*self.fresh, strict=True)
        y = np.array(values)
        key, place = np.unique(np.array([*self.key, *keys], np.int64), return_inverse=True)
        terms = np.concatenate([np.array(self.sums).T, np.stack([np.ones_like(y), y, y * y], axis=1)])
        return key, np.stack([np.bincount(place, column, len(key)) for column in terms.T], axis=1)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where scores belong: rows of models (deployments of one share theirs), places of classes, and how many
    speakers are told apart."""

    rows: dict[str, int]
    classes: dict[str, int]
    shape: tuple[int, int]
    among: int

    def key(self, who: int, heard: Heard) -> int | None:
        """The key of a speaker's score; None for a model that is no longer configured."""
        row = self.rows.get(heard.occasion.model)
        if row is None:
            return None
        k, c = self.shape
        return (who * k + row) * c + self.classes.get(
            heard.occasion.context.request_class, self.classes[OTHER]
        )


@by_identity
def _places(settings: Settings) -> _Places:
    first: dict[str, int] = {}
    rows = {m.id: first.setdefault(m.group or m.id, i) for i, m in enumerate(settings.models)}
    classes = {name: i for i, name in enumerate(layout_of(settings).classes)}
    shape = len(settings.models), len(classes)
    return _Places(rows, classes, shape, buckets(*shape))
