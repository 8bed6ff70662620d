"""What `evaluate` gives back: its findings, which show themselves as a table and as a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.offline.evaluation.findings import EvaluationFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Evaluation(EvaluationFindings):
    """Renders itself in a notebook; `to_dict` is what `--json` writes, `plot` what `--plot` draws."""

    def plot(self, path: str | Path | None = None) -> Figure:
        """Every policy with its interval, against what was logged; saved where `path` says."""
        from banditroute.offline.evaluation.plots import draw

        return draw(self, path)

    def table(self) -> Table:
        """The rows for a terminal."""
        from banditroute.offline.evaluation.tables import terminal_table

        return terminal_table(self)

    def _repr_html_(self) -> str:
        from banditroute.offline.evaluation.tables import html_table

        return html_table(self)
