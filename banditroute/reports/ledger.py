"""The live event log as cells: a fold of its events, kept up to date by its tail alone.

As the state does, it follows revisions and retractions by taking back what earlier outcomes said and
adding what all say now. Its memory goes with days, classes and models, not with requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.feedback.fold import values
from banditroute.reports.cells import (
    DAY,
    REQUESTS,
    Cells,
    group_of,
)
from banditroute.reports.decisions import class_places, list_prices
from banditroute.reports.savings import NothingToBill
from banditroute.store import Changes, Store
from banditroute.types import OTHER, Decision, Occasion, Outcome

PAGE = 500
"""Decisions, and then outcomes, read at once."""

Key = tuple[int, int, str, str]
"""Day, group, class, model."""


class Ledger:
    """The sums of every decision, and of everything reported about them up to event `seq`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prices = _known_prices(settings)
        self._classes = frozenset(known.name for known in settings.classes)
        self._cells: dict[Key, list[float]] = {}
        self._first, self._last = math.inf, -math.inf
        self._made = 0
        self.seq = 0

    def follow(self, store: Store, breathe: Callable[[], None] = lambda: None) -> None:
        """Folds what the log holds by now; `breathe` is called after every page."""
        last = store.last_seq()  # taken first, so that no outcome comes before its decision
        while (page := store.decided(self._made, PAGE)).records:
            for record in page.records:
                self._add(record.decision, self._row(record.decision, ()))
            self._made = page.upto
            breathe()
        while self.seq < last:
            self.fold(store.changes(self.seq, min(PAGE, last - self.seq)))
            breathe()

    def fold(self, changes: Changes) -> None:
        """Adds what one page of outcomes says about decisions that were added before."""
        for told in changes.records:
            before = [outcome for outcome in told.outcomes if outcome.seq <= self.seq]
            now, then = self._row(told.decision, told.outcomes), self._row(told.decision, before)
            self._add(told.decision, [new - old for new, old in zip(now, then, strict=True)])
        self.seq = changes.upto

    def _add(self, decision: Decision | Occasion, row: list[float]) -> None:
        key = self._key(decision)
        known = self._cells.get(key)
        self._cells[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
        self._first, self._last = min(self._first, decision.at), max(self._last, decision.at)

    def cells(self, since: float | None = None) -> Cells:
        """The sums of the days from `since` on, all by default. Raises NothingToBill where there are none."""
        first = -math.inf if since is None else math.floor(since / DAY)
        kept = {key: row for key, row in self._cells.items() if key[0] >= first and row[REQUESTS] > 0.5}
        if not kept:
            when = "" if since is None else " in these days"
            raise NothingToBill(
                f"There is no decision{when} yet, so there is nothing to bill; route requests, and report "
                "usd or output_tokens of the answers."
            )
        ids = [model.id for model in self._settings.models]
        models = (*ids, *sorted({key[3] for key in kept} - set(ids)))
        names = sorted({key[2] for key in kept})
        classes, place = class_places(names, self._settings)
        position = dict(zip(names, place.tolist(), strict=True))
        keys = np.array(
            [(day, group, position[cls], models.index(model)) for day, group, cls, model in kept], np.int64
        )
        day, group, cls, model = keys.T
        return Cells(models, classes, True, day, group, cls, model, np.array(list(kept.values())))

    def span(self, since: float | None = None) -> tuple[float, float]:
        """When the first and the last decision of the sums were made."""
        start = self._first if since is None else max(self._first, math.floor(since / DAY) * DAY)
        return start, self._last

    def _key(self, decision: Decision | Occasion) -> Key:
        name = decision.context.request_class
        known = name if not self._classes or name in self._classes else OTHER
        group = group_of(decision.context.unit or decision.id)
        return math.floor(decision.at / DAY), group, known, decision.model

    def _row(self, decision: Decision | Occasion, outcomes: Sequence[Outcome]) -> list[float]:
        """What the outcomes of a decision say, as one row of FIELDS; plain numbers, as there are so many."""
        said = values(outcomes, error_quality=self._settings.reward.error_quality)
        read = said.get("input_tokens", decision.context.input_tokens)
        written, usd = said.get("output_tokens"), said.get("usd")
        prices = self._prices.get(decision.model)
        if usd is None and prices is not None and read is not None and written is not None:
            usd = read * prices[0] + written * prices[1]
        row = [1.0]
        for value in (usd, read, written, said.get("quality")):
            row += (0.0, 0.0) if value is None else (1.0, float(value))
        return row


def _known_prices(settings: Settings) -> dict[str, tuple[float, float]]:
    """USD per input and output token of the models that have both."""
    ids = [model.id for model in settings.models]
    found = zip(ids, list_prices(ids, settings).tolist(), strict=True)
    return {name: (read, written) for name, (read, written) in found if not math.isnan(read)}
