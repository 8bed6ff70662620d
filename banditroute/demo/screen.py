"""What the demo shows while it plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from banditroute.core.base import Floats, Ints
from banditroute.offline.verbatim import VerbatimTable, described

PLAIN_WIDTH = 100


class Tally:
    """Running sums over the requests answered so far, in whatever order they come back."""

    def __init__(self, models: Sequence[str], utility: Floats, static: Mapping[str, Ints]) -> None:
        self.models = tuple(models)
        self.requests = len(utility)
        self.done = 0
        self.counts = np.zeros(len(models), dtype=np.int64)
        self._utility = utility
        self._static = {name: utility[np.arange(len(utility)), choice] for name, choice in static.items()}
        self._learned = 0.0
        self._rules = dict.fromkeys(static, 0.0)

    def add(self, index: int, model: int) -> None:
        """Counts one answered request."""
        self.done += 1
        self.counts[model] += 1
        self._learned += float(self._utility[index, model])
        for name, rewards in self._static.items():
            self._rules[name] += float(rewards[index])

    @property
    def reward(self) -> float:
        """Mean utility of the service's choices so far."""
        return self._learned / max(self.done, 1)

    @property
    def best_rule(self) -> tuple[str, float]:
        """The static rule that is ahead on the same requests, and its mean utility."""
        name = max(self._rules, key=self._rules.__getitem__)
        return name, self._rules[name] / max(self.done, 1)


class Screen(Protocol):
    """Hears of every answered request."""

    def update(self, tally: Tally) -> None: ...


class PlainScreen:
    """One line every tenth of the way, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def update(self, tally: Tally) -> None:
        if tally.done * 10 // tally.requests == (tally.done - 1) * 10 // tally.requests:
            return
        rule, reward = tally.best_rule
        share = ", ".join(f"{model} {part}" for model, part in _shares(tally))
        self._console.print(
            f"{tally.done:>6,} of {tally.requests:,}  reward {tally.reward:.3f}, best static rule so far "
            f"{reward:.3f} ({rule})  {share}",
            soft_wrap=True,
        )


class LiveScreen:
    """A bar and a small table on a terminal."""

    def __init__(self, live: Live, bar: Progress, requests: int) -> None:
        self._live = live
        self._bar = bar
        self._task = bar.add_task("requests", total=requests)

    def update(self, tally: Tally) -> None:
        self._bar.update(self._task, completed=tally.done)
        if tally.done % 8 == 0 or tally.done == tally.requests:
            self._live.update(Group(self._bar, _running(tally)))


@contextmanager
def screen(console: Console, requests: int) -> Iterator[Screen]:
    """A live display on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield PlainScreen(console)
        return
    bar = Progress(described(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Live(bar, console=console, refresh_per_second=8, transient=True) as live:
        yield LiveScreen(live, bar, requests)


def _shares(tally: Tally) -> list[tuple[str, str]]:
    order = np.argsort(-tally.counts, kind="stable")
    return [(tally.models[i], f"{tally.counts[i] / max(tally.done, 1):.0%}") for i in order]


def _running(tally: Tally) -> RenderableType:
    rule, reward = tally.best_rule
    table = VerbatimTable(show_header=False, box=None)
    table.add_row("reward so far", f"{tally.reward:.3f}", style="bold green")
    table.add_row(f"best static rule so far ({rule})", f"{reward:.3f}")
    for model, part in _shares(tally):
        table.add_row(model, part)
    return table
