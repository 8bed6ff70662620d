"""The proof that the state is a fold of the log: everything folded from zero, against snapshot and tail."""

from __future__ import annotations

from dataclasses import dataclass

from banditroute.config.settings import Settings
from banditroute.core.decide import State
from banditroute.core.snapshot import state_distance
from banditroute.routing.follow import Progress, first_state, fold_up_to, resets_in, stored_state
from banditroute.store import Store

TOLERANCE = 1e-9
"""Largest relative difference there may be: only the order of summation differs."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The log folded from zero, and how far the last snapshot with its tail is from that.

    `difference` is the largest, relative to the scale of the summed terms; 0 where there is no
    snapshot under this configuration (`snapshot_seq` None).
    """

    state: State
    decisions: int
    snapshot_seq: int | None
    difference: float

    @property
    def agrees(self) -> bool:
        """Whether they are the same but for the rounding of sums."""
        return self.difference <= TOLERANCE


def rebuild(store: Store, settings: Settings, progress: Progress | None = None) -> Rebuilt:
    """Folds the whole log from zero and compares; writes nothing."""
    last = store.last_seq()
    resets = resets_in(store, settings)
    fresh = fold_up_to(last, store, settings, first_state(settings, resets), progress, resets)
    known = stored_state(store, settings, resets)
    if known is None:
        return Rebuilt(fresh, store.counts()["decisions"], None, 0.0)
    seq = known.seq
    known = fold_up_to(last, store, settings, known, resets=resets)
    # A service beside may have saved a newer snapshot.
    fresh = fold_up_to(known.seq, store, settings, fresh, resets=resets)
    return Rebuilt(fresh, store.counts()["decisions"], seq, state_distance(fresh, known))
