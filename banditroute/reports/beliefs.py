"""What a service believes of its models, as `GET /v1/state` tells it: a table and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from banditroute.errors import LogError
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save
from banditroute.reports.verdict import POINTS, usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FACTORS = {"quality": "quality, in points", "usd": "USD per request", "seconds": "seconds per request"}
"""What can be drawn, and how its axis is labelled."""

COLUMNS = 4
FEW = 1.0
"""Outcomes below which a mean is what was believed beforehand: drawn hollow."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """The estimates of a state: of every model in every class `quality`, `usd` and `seconds`, each a mapping
    with `mean`, `low`, `high` (the central 95% interval of the mean) and `n` (the outcomes behind it), or
    None. Renders itself in a notebook."""

    estimates: Sequence[Mapping[str, Any]]

    @property
    def models(self) -> list[str]:
        """In the order of the configuration."""
        return list(dict.fromkeys(row["model"] for row in self.estimates))

    @property
    def classes(self) -> list[str]:
        """Those of which anything was heard, in the order of the configuration."""
        heard = {row["request_class"] for row in self.estimates if _heard(row)}
        return [
            name for name in dict.fromkeys(row["request_class"] for row in self.estimates) if name in heard
        ]

    def plot(self, path: str | Path | None = None, factor: str = "quality") -> Figure:
        """A panel for every class, with each model's mean and 95% interval; saved where `path` says."""
        if factor not in FACTORS:
            raise LogError(f"There is no factor {factor} to draw; name one of {', '.join(FACTORS)}.")
        if not self.classes:
            raise LogError("Nothing was heard of any model yet; report feedback first.")
        try:
            import matplotlib as mpl
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise LogError(
                "Plots need matplotlib; install it with: python -m pip install matplotlib"
            ) from error
        rows = -(-len(self.classes) // COLUMNS)
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(9.5, 1.1 + rows * (0.7 + 0.24 * len(self.models))))
            FigureCanvasAgg(figure)
            panels = figure.subplots(
                rows, min(COLUMNS, len(self.classes)), sharex=True, sharey=True, squeeze=False
            )
            for axes in panels.flat[len(self.classes) :]:
                axes.set_visible(False)
            for axes, name in zip(panels.flat, self.classes, strict=False):
                self._panel(axes, name, factor)
            for place, axes in enumerate(panels.flat):
                if place + panels.shape[1] >= len(self.classes):
                    axes.set_xlabel(FACTORS[factor])
                    if factor == "usd":
                        axes.xaxis.set_major_formatter(lambda x, _: usd(x))
                    axes.tick_params(labelbottom=True)
            figure.suptitle(
                "What is believed of each model: means with 95% intervals (hollow: nothing heard yet)",
                x=0.01, ha="left", fontsize=11, fontweight="bold",
            )  # fmt: skip
            if path is not None:
                save(figure, path)
        return figure

    def _panel(self, axes: Axes, name: str, factor: str) -> None:
        scale = POINTS if factor == "quality" else 1.0
        for place, model in enumerate(self.models):
            found = next(
                (
                    row[factor]
                    for row in self.estimates
                    if (row["model"], row["request_class"]) == (model, name)
                ),
                None,
            )
            if found is None:
                continue
            heard = found["n"] >= FEW
            colour = LEARNERS[0] if heard else MUTED
            axes.plot(
                [scale * found["low"], scale * found["high"]], [place, place], color=colour, linewidth=1.8
            )
            axes.plot(
                scale * found["mean"], place, "o", color=colour, markerfacecolor=colour if heard else "white"
            )
        axes.set_title(name, loc="left", fontsize=9, fontweight="bold")
        axes.set_yticks(range(len(self.models)), self.models, color=INK)
        axes.set_ylim(len(self.models) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)

    def _repr_html_(self) -> str:
        heads = ("class", "model", "quality, in points", "outcomes", "USD per request", "seconds")
        top = "".join(f"<th>{escape(head)}</th>" for head in heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>"
            for name in self.classes
            for row in self.estimates
            if row["request_class"] == name and _heard(row)
        )
        caption = "What is believed, where anything was heard: means with 95% intervals"
        return (
            f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
        )


def beliefs_of(state: Mapping[str, Any]) -> Beliefs:
    """The beliefs of a state as `Client.state()` gives it."""
    return Beliefs(state["estimates"])


def _heard(row: Mapping[str, Any]) -> bool:
    return any(row[factor] is not None and row[factor]["n"] >= FEW for factor in FACTORS)


def _cells(row: Mapping[str, Any]) -> list[str]:
    quality, cost, seconds = (row[factor] for factor in FACTORS)

    def told(value: Mapping[str, float] | None, scale: float = 1.0) -> str:
        if value is None:
            return ""
        mean, low, high = (scale * value[end] for end in ("mean", "low", "high"))
        return f"{mean:.1f} ({low:.1f} to {high:.1f})"

    return [
        row["request_class"],
        row["model"],
        told(quality, POINTS),
        "" if quality is None else f"{quality['n']:.0f}",
        "" if cost is None else f"{usd(cost['mean'])} ({usd(cost['low'])} to {usd(cost['high'])})",
        told(seconds),
    ]
