"""What `simulate` gives back: its findings, which show themselves as a table and as a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.offline.simulation.findings import Findings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class SimulationResult(Findings):
    """Renders itself in a notebook; `to_dict` is what `--json` writes, `plot` what `--plot` draws."""

    def plot(self, path: str | Path | None = None) -> Figure:
        """Regret along the log, and which models the first learner chose; saved where `path` says."""
        from banditroute.offline.simulation.plots import draw

        return draw(self, path)

    def table(self) -> Table:
        """The rows for a terminal."""
        from banditroute.offline.simulation.tables import terminal_table

        return terminal_table(self)

    def _repr_html_(self) -> str:
        from banditroute.offline.simulation.tables import html_table

        return html_table(self)
