"""What a collection found: figures per model, what was spent, and what the log can answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from banditroute.offline.collection.journal import Cell, Journal
from banditroute.offline.collection.plan import Plan
from banditroute.offline.collection.prompts import Prompt

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model in the log: means over its answers; quality as the judge saw it, None where nobody did.

    `usd_per_1000` requests; `p50_seconds` over the calls that were answered; `errors` are calls that failed,
    which count in the quality as they would in service.
    """

    model: str
    answers: int
    quality: float | None
    usd_per_1000: float
    p50_seconds: float | None
    output_tokens: float | None
    errors: int


@dataclass(frozen=True, slots=True)
class Collected:
    """A log that was collected: `requests` whole prompts of `wanted`; what it has cost in USD, all starts
    together, on `answers` and `verdicts` that are in it, and on the rest (`elsewhere`: calls that failed, or
    that other samples or models asked for). `next_step` says how to get what is missing."""

    path: Path
    requests: int
    wanted: int
    models: Sequence[ModelFigures]
    judge: str | None
    unscored: Sequence[str]
    usd_answers: float
    usd_verdicts: float
    usd_elsewhere: float
    cap: float
    notes: Sequence[str]
    next_step: str | None

    @property
    def spent(self) -> float:
        """USD in all."""
        return self.usd_answers + self.usd_verdicts + self.usd_elsewhere

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `collect --json` writes it."""
        return {
            "log": {
                "path": str(self.path),
                "requests": self.requests,
                "wanted": self.wanted,
                "kind": "full_information",
                "complete": self.next_step is None,
            },
            "judge": self.judge,
            "unscored_models": list(self.unscored),
            "unscored_answers": len(self.unscored) * self.requests,
            "usd": {
                "answers": self.usd_answers,
                "verdicts": self.usd_verdicts,
                "elsewhere": self.usd_elsewhere,
                "spent": self.spent,
                "cap": self.cap,
            },
            "models": [asdict(figures) for figures in self.models],
            "notes": list(self.notes),
            "next_step": self.next_step,
        }

    def table(self) -> Table:
        """One row per model."""
        from banditroute.offline.verbatim import VerbatimTable

        table = VerbatimTable(header_style="bold", box=None, pad_edge=False, caption_justify="left")
        for column in ("model", "answers", "quality", "USD/1,000", "p50 s", "tokens out", "failed"):
            table.add_column(column, justify="left" if column == "model" else "right", no_wrap=True)
        for of in self.models:
            table.add_row(
                of.model,
                f"{of.answers:,}",
                "-" if of.quality is None else f"{of.quality:.3f}",
                f"{of.usd_per_1000:.3f}",
                "-" if of.p50_seconds is None else f"{of.p50_seconds:.1f}",
                "-" if of.output_tokens is None else f"{of.output_tokens:,.0f}",
                f"{of.errors:,}",
            )
        return table

    def sentences(self) -> list[str]:
        """What there is, what it cost, and what it is good for."""
        elsewhere = f", {self.usd_elsewhere:.4f} for what is not in the log" if self.usd_elsewhere else ""
        said = [
            f"{self.path}: {self.requests:,} of {self.wanted:,} prompts, each with an answer of every model.",
            f"{self.spent:.4f} of {self.cap:g} USD: {self.usd_answers:.4f} for answers, "
            f"{self.usd_verdicts:.4f} for verdicts{elsewhere}.",
            *self.notes,
        ]
        if self.next_step is not None:
            said.append(f"{self.wanted - self.requests:,} prompts are missing; {self.next_step}")
        return [*said, self._scores()]

    def _scores(self) -> str:
        if self.judge is None:
            return (
                "There is no judge, so quality is empty, and simulate can weigh cost and wait only; fill it "
                "in, or name a judge with --judge."
            )
        if self.unscored:
            empty = len(self.unscored) * self.requests
            return f"{empty:,} answers have no quality. {unscored_sentence(self.unscored)}"
        return (
            f"Quality is what {self.judge} says, not checked against people, so fit lets it count for "
            f"little. Next: banditroute simulate {self.path}"
        )


def unscored_sentence(models: Sequence[str]) -> str:
    """What it means that a judge does not score its own model's answers."""
    names = ", ".join(models)
    return (
        f"The judge does not score its own answers, so the quality of {names} is empty: the log has full "
        "information on cost and wait, not on quality, which simulate refuses to weigh then. Choose a judge "
        f"that is none of the models, leave {names} out with --model, or let it score itself with --own."
    )


def figures(
    plan: Plan,
    out: Path,
    whole: Sequence[tuple[Prompt, Sequence[Cell]]],
    wanted: int,
    journal: Journal,
    cap: float,
    notes: Sequence[str],
    next_step: str | None,
) -> Collected:
    """The figures of the prompts that are whole."""
    cells = [cell for _, filled in whole for cell in filled]
    answers, verdicts = sum(cell.usd for cell in cells), sum(cell.judge_usd for cell in cells)
    rest = journal.spent - answers - verdicts
    return Collected(
        path=out,
        requests=len(whole),
        wanted=wanted,
        models=[
            _model(model.id, [filled[place] for _, filled in whole])
            for place, model in enumerate(plan.models)
        ],
        judge=None if plan.instrument is None else plan.instrument.name,
        unscored=[model.id for model in plan.models if model.id in plan.own],
        usd_answers=answers,
        usd_verdicts=verdicts,
        usd_elsewhere=rest if rest > 1e-12 * journal.spent else 0.0,
        cap=cap,
        notes=notes,
        next_step=next_step,
    )


def _model(name: str, cells: Sequence[Cell]) -> ModelFigures:
    answered = [cell for cell in cells if cell.error is None]
    scored = [cell.quality for cell in cells if cell.quality is not None]
    judged = any(cell.quality is not None for cell in answered)
    tokens = [cell.output_tokens for cell in answered if cell.output_tokens is not None]
    waits = [cell.seconds for cell in answered if cell.seconds is not None]
    return ModelFigures(
        model=name,
        answers=len(cells),
        quality=float(np.mean(scored)) if judged else None,
        usd_per_1000=1_000.0 * float(np.mean([cell.usd for cell in cells])),
        p50_seconds=float(np.median(waits)) if waits else None,
        output_tokens=float(np.mean(tokens)) if tokens else None,
        errors=len(cells) - len(answered),
    )
