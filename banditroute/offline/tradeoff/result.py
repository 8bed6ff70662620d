"""What `frontier` gives back: its findings, which show themselves as a table and as a plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.offline.tradeoff.findings import FrontierFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class FrontierResult(FrontierFindings):
    """Renders itself in a notebook; `to_dict` is what `--json` writes, `plot` what `--plot` draws."""

    def plot(self, path: str | Path | None = None) -> Figure:
        """Quality against USD; saved where `path` says (PNG, SVG, PDF)."""
        from banditroute.offline.tradeoff.plots import draw

        return draw(self, path)

    def table(self) -> Table:
        """The points and the answers for a terminal."""
        from banditroute.offline.tradeoff.tables import terminal_table

        return terminal_table(self)

    def _repr_html_(self) -> str:
        from banditroute.offline.tradeoff.tables import html_table

        return html_table(self)
