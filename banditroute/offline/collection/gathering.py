"""Filling the cells of a collection, prompt by prompt, until all are there or the money is not.

A prompt is begun only where everything that it may cost fits under the cap, in the order of the sample: the
first that does not fit is the end, so that what is asked does not depend on what it costs.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from banditroute.errors import UpstreamError
from banditroute.offline.collection.asking import Asker
from banditroute.offline.collection.journal import Cell, Journal, Lost
from banditroute.offline.collection.plan import Asked, Plan
from banditroute.offline.collection.prompts import Prompt
from banditroute.offline.collection.purse import NoRoom, Purse

IN_A_ROW = 5
"""That many failures in a row are no answer of a model, but an outage; nothing is learned from them."""

Progress = Callable[[int, int, str], None]
"""Told after every prompt: how many are done, of how many, and what they cost."""


class Gathering:
    """One run over the prompts: what is missing in the journal is asked for.

    `spent_out` says that the next prompt did not fit under the cap. `stop` may be set at any time: prompts
    that are begun are ended.
    """

    def __init__(
        self, plan: Plan, prompts: Sequence[Prompt], journal: Journal, *, cap: float, hands: int
    ) -> None:
        self._plan = plan
        self._prompts = prompts
        self._journal = journal
        self._purse = Purse(cap, journal.spent)
        self._hands = hands
        self._gate = asyncio.Lock()
        self._alive: set[str] = set()
        self._doubtful: dict[str, list[Cell]] = {}
        self._no_verdict = 0
        self.stop = asyncio.Event()
        self.spent_out = False
        self.lost: Counter[str] = Counter()

    async def run(self, progress: Progress) -> None:
        """Fills the cells. Raises UpstreamError where a provider is out, ConfigError without its key."""
        missing = [todo for prompt in self._prompts if (todo := self._missing(prompt))]
        done, total, started = len(self._prompts) - len(missing), len(self._prompts), time.monotonic()
        begun_with = done

        def told() -> None:
            nonlocal done
            done += 1
            seconds = (time.monotonic() - started) / (done - begun_with) * (total - done)
            progress(
                done, total, f"{self._purse.spent:.4f} of {self._purse.cap:g} USD, {_span(seconds)} left"
            )

        asker = Asker(self._plan, hands=self._hands, purse=self._purse, journal=self._journal)
        waiting = iter(missing)
        at_once = -(-self._hands // len(self._plan.models))
        try:
            workers = (self._work(asker, waiting, told) for _ in range(at_once))
            raised = await asyncio.gather(*workers, return_exceptions=True)
        finally:
            await asker.close()
        trouble = next((error for error in raised if error is not None), None) or self._outage()
        failed = [cell for cells in self._doubtful.values() for cell in cells]
        if trouble is not None:
            self._journal.end(Lost(cell.key, cell.spent, "an outage") for cell in failed)
            raise trouble
        self._journal.end(failed)
        self._journal.sync()

    def _missing(self, prompt: Prompt) -> list[Asked]:
        return [asked for asked in self._plan.cells(prompt) if asked.key not in self._journal.cells]

    async def _work(self, asker: Asker, waiting: Iterator[list[Asked]], told: Callable[[], None]) -> None:
        """Takes prompts, as long as there are any that may be begun."""
        for todo in waiting:
            async with self._gate:
                promised = {asked.key: asked.most for asked in todo}
                if self.stop.is_set() or not await self._admitted(promised):
                    return
            self._journal.begin(promised)
            ended = await asyncio.gather(
                *(self._fill(asker, asked) for asked in todo), return_exceptions=True
            )
            self._journal.sync()
            if trouble := next((error for error in ended if isinstance(error, BaseException)), None):
                self.stop.set()
                raise trouble
            told()

    async def _admitted(self, promised: Mapping[str, float]) -> bool:
        """Whether all that a prompt may cost is promised to it; once it is not, no other prompt is begun."""
        if not await self._purse.admit(promised):
            self.spent_out = True
            self.stop.set()
        elif self.stop.is_set():  # while this one waited
            for key in promised:
                self._purse.settle(key, 0.0)
        return not self.stop.is_set()

    async def _fill(self, asker: Asker, asked: Asked) -> None:
        """Fills one cell and keeps it; a failure is kept once its model has answered again."""
        try:
            ended = await asker.fill(asked)
        except NoRoom:
            self.spent_out = True
            self.stop.set()
            return
        if isinstance(ended, Lost):
            self._journal.end([ended])
            self.lost[ended.why] += 1
            self._no_verdict += 1
            if self._no_verdict >= IN_A_ROW:
                raise UpstreamError(f"{IN_A_ROW} verdicts in a row failed: {ended.why}")
        elif ended.error is not None:
            self._doubtful.setdefault(asked.model.id, []).append(ended)
            if trouble := self._outage(IN_A_ROW):
                raise trouble
        else:
            self._alive.add(asked.model.id)
            self._no_verdict = 0 if asked.judged else self._no_verdict
            self._journal.end([*self._doubtful.pop(asked.model.id, ()), ended])

    def _outage(self, in_a_row: int = 1) -> UpstreamError | None:
        """What to say of a model that failed that many times in a row or, at the end, never answered."""
        for model, cells in self._doubtful.items():
            if len(cells) >= in_a_row and (in_a_row > 1 or model not in self._alive):
                return UpstreamError(f"{model} failed {len(cells)} times in a row: {cells[-1].error}")
        return None


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5_400.0 else f"{seconds / 3_600.0:.1f} h"
