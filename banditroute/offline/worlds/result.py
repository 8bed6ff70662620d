"""What a scenario gives back: its findings, which show themselves as tables and as a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from banditroute.offline.worlds.findings import ScenarioFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Group


@dataclass(frozen=True, slots=True)
class ScenarioResult(ScenarioFindings):
    """Renders itself in a notebook; `to_dict` is what `--json` writes, `plot` what `--plot` draws."""

    def plot(self, path: str | FilePath | None = None) -> Figure:
        """Reward, shares and spend over time, with the events marked; saved where `path` says."""
        from banditroute.offline.worlds.plots import draw

        return draw(self, path)

    def table(self) -> Group:
        """The figures for a terminal: overall, and before and after each event."""
        from banditroute.offline.worlds.tables import terminal_tables

        return terminal_tables(self)

    def _repr_html_(self) -> str:
        from banditroute.offline.worlds.tables import html_tables

        return html_tables(self)
