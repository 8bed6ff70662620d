"""A fitted prior as people read it: what it says of each model, and what it changes at the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from banditroute.config.priors import FactorHistory, Prior
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Slate
from banditroute.core.state import State, initial_state
from banditroute.core.summary import counted_history
from banditroute.core.utility import outlook
from banditroute.offline.history.judges import JudgeFound
from banditroute.policies import get_policy
from banditroute.types import OTHER, Context, Model, Preferences

if TYPE_CHECKING:
    from rich.table import Table


REPLACED = {
    "output_tokens": ": USD take its place, since there are no prices per token to turn tokens into USD by",
    "usd": ": output tokens take its place, at the configured prices per token",
}
"""Why a factor that the log knows is not learned."""

COMMON = {"quality": "hard", "seconds": "slow", "output_tokens": "long", "usd": "dear"}
"""What a request can be for all models alike."""


@dataclass(frozen=True, slots=True)
class Row:
    """One factor of one model: outcomes in the log, their mean, and for how many of them it counts.

    `counts_for` is None where the configuration does not learn it: the model is not in it, or its cost
    is learned from tokens and not from USD, or the other way round.
    """

    model: str
    factor: str
    outcomes: float
    mean: float
    counts_for: float | None


@dataclass(frozen=True, slots=True)
class Fitted:
    """The rows, the held-out scores per factor, and each class's shares at the start, cold and warm."""

    prior: Prior
    rows: tuple[Row, ...]
    shares: Mapping[str, Mapping[str, tuple[float, float]]]
    judges: Sequence[JudgeFound] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `fit --json` writes it."""
        prior = self.prior
        return {
            "log": {"source": prior.source, "requests": prior.requests, "classes": list(prior.classes)},
            "digest": prior.digest,
            "factors": {
                name: {
                    "trust": factor.trust,
                    "held_out_score": factor.scores.get(f"{factor.trust:g}") if _told(factor) else None,
                    "held_out_score_without": factor.scores.get("0") if _told(factor) else None,
                    "scores": dict(factor.scores),
                    "models": {
                        row.model: {"outcomes": row.outcomes, "mean": row.mean, "counts_for": row.counts_for}
                        for row in self.rows
                        if row.factor == name
                    },
                }
                for name, factor in prior.factors.items()
            },
            "judges": [asdict(judge) for judge in self.judges],
            "shares_at_start": {
                name: {model: {"without": cold, "with": warm} for model, (cold, warm) in shares.items()}
                for name, shares in self.shares.items()
            },
        }

    def tables(self) -> list[Table]:
        """Rich tables: the models, and what changes at the start."""
        from banditroute.offline.verbatim import VerbatimTable

        models = VerbatimTable(header_style="bold", box=None, pad_edge=False, caption_justify="left")
        models.caption = "\n".join(self._sentences())
        for column in ("model", "factor", "outcomes", "mean", "counts for"):
            models.add_column(column, justify="left" if column in ("model", "factor") else "right")
        for row in self.rows:
            counts = "not used" if row.counts_for is None else f"{row.counts_for:,.0f}"
            models.add_row(row.model, row.factor, f"{row.outcomes:,.0f}", f"{row.mean:.4g}", counts)
        starts = VerbatimTable(header_style="bold", box=None, pad_edge=False, caption_justify="left")
        starts.caption = (
            "Share of the first choices of each class, without → with the prior, where any is left."
        )
        starts.add_column("class")
        starts.add_column("shares at the start")
        for name, shares in self.shares.items():
            shown = sorted(shares.items(), key=lambda item: -item[1][1])
            starts.add_row(
                name,
                ", ".join(
                    f"{model} {cold:.0%} → {warm:.0%}" for model, (cold, warm) in shown if warm >= 0.005
                ),
            )
        return [models, starts]

    def _worth(self, name: str, factor: FactorHistory) -> str:
        """Why it comes to less in these rows than it might, or to more than the log holds."""
        rows = [row for row in self.rows if row.factor == name]
        counted = {row: row.counts_for for row in rows if row.counts_for is not None}
        if not counted:
            return f" It is not used{REPLACED.get(name, '')}."
        leading = max(counted, key=lambda row: counted[row])
        most, alone = counted[leading], self._judged(leading)
        cell = max(n for model in factor.models.values() for _, _, n, *_ in model.cells)
        if 2 * alone > leading.outcomes and round(most) < round(factor.trust):
            return (
                f" Here it comes to {most:,.0f} at most: a judge's scores, as long as people have not scored "
                "the same answers, count for few."
            )
        if any(round(worth) > round(row.outcomes) for row, worth in counted.items()):
            return (
                " It counts for more outcomes than there are, since models answered the same requests: what "
                f"is {COMMON.get(name, 'high')} for all of them cancels where they are compared."
            )
        if round(cell) < round(factor.trust):
            judged = ", a judge's scores taken for what they are worth" if alone else ""
            return (
                f" Here it comes to {most:,.0f} at most, over all classes of a model: the log has no more "
                f"than {cell:,.0f} in one{judged}."
            )
        return ""

    def _judged(self, row: Row) -> int:
        """How many of the answers of a row only a judge has scored."""
        if row.factor != "quality":
            return 0
        return sum(judge.alone.get(row.model, 0) for judge in self.judges)

    def _sentences(self) -> list[str]:
        return [self._sentence(name, factor) for name, factor in self.prior.factors.items()]

    def _sentence(self, name: str, factor: FactorHistory) -> str:
        """For how much the history of a factor counts, and how that is known."""
        most = f"history counts for at most {factor.trust:,.0f} outcomes per model and class to start with"
        if not _told(factor):
            worth = most if factor.trust else "it does not count"
            return (
                f"{name}: the log is too small to hold any of it out, so {worth}, whatever it may be worth."
            )
        if not factor.trust:
            return (
                f"{name}: held-out data is predicted no better with history than without; it does not count."
            )
        return (
            f"{name}: {most}, chosen by held-out data (log score per cell "
            f"{factor.scores[f'{factor.trust:g}']:.2f}, without history {factor.scores['0']:.2f})."
            f"{self._worth(name, factor)}"
        )


def _told(factor: FactorHistory) -> bool:
    """Whether anything was held out: else history predicts alike whatever it counts for."""
    return len(set(factor.scores.values())) > 1


def describe(prior: Prior, settings: Settings | None = None, judges: Sequence[JudgeFound] = ()) -> Fitted:
    """What a prior says, and what would be chosen first under a configuration, without and with it.

    `judges` are those of the log. Without a configuration: the log's own models and classes, at the default
    weights.
    """
    base = settings if settings is not None and settings.models else _of_log(prior, settings or Settings())
    cold, warm = (initial_state(replace(base, prior=p), factors=tuple(prior.factors)) for p in (None, prior))
    before, after = _shares(cold, base), _shares(warm, base)
    shares = {
        name: {model.id: (float(before[g, a]), float(after[g, a])) for a, model in enumerate(warm.models)}
        for g, name in enumerate(warm.classes)
        if name != OTHER or name in prior.classes[:-1] or len(warm.classes) == 1
    }
    return Fitted(prior, tuple(_rows(prior, warm)), shares, judges)


def _of_log(prior: Prior, base: Settings) -> Settings:
    """A configuration of what the prior itself knows."""
    names = sorted({model for factor in prior.factors.values() for model in factor.models})
    return replace(
        base,
        models=tuple(Model(name) for name in names),
        classes=tuple(RequestClass(name) for name in prior.classes if name != OTHER),
        features=replace(
            base.features, numeric={name: (center, scale) for name, center, scale in prior.features}
        ),
    )


def _rows(prior: Prior, state: State) -> list[Row]:
    """For each model and factor what is known; `counts_for` by the weighing that every fit does."""
    counts = counted_history(state)
    return [
        Row(model, name, history.outcomes, history.mean, counts.get(name, {}).get(model))
        for model in sorted({model for factor in prior.factors.values() for model in factor.models})
        for name, factor in prior.factors.items()
        if (history := factor.models.get(model)) is not None
    ]


def _shares(state: State, settings: Settings) -> np.ndarray:
    """Probabilities `(c, k)` with which the first request of each class would go to each model."""
    contexts = [Context(request_class=name) for name in state.classes]
    preferences = [Preferences(weights=settings.reward.weights)] * len(contexts)
    policy = get_policy("thompson", settings)
    view = outlook(
        state, contexts, preferences, lookahead=policy.lookahead, horizon=float(settings.policy.horizon)
    )
    choice = policy.choose(
        Slate(
            state.models,
            contexts,
            list(state.classes),
            np.ones(view.mean.shape, np.bool_),
            view.mean,
            view.sd,
            view.expected[0],
            view.expected[2],
            view.expected[3],
        )
    )
    return choice.pmf
