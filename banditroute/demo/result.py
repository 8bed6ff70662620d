"""What the demo found: scores over everything and after learning, one sentence, and how fast it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console

from banditroute.demo.judged import Judged
from banditroute.demo.play import Played
from banditroute.demo.scores import Choices, Score, Scoreboard, best_static, verdict
from banditroute.offline.verbatim import VerbatimTable
from banditroute.types import Weights


@dataclass(frozen=True, slots=True)
class DemoResult:
    """`scores` are over all requests, the learned policy first; `late` over the last quarter, where it
    has learned: the learned policy, the static rule that was best over all, and the best per class.
    """

    requests: int
    seed: int
    weights: Weights
    scores: Sequence[Score]
    late: Sequence[Score]
    verdict: str
    elapsed: float
    route_ms: Mapping[str, float]
    judged: Judged

    def to_dict(self) -> dict[str, object]:
        """The JSON of `demo --json`, its rows in the shape `simulate` uses."""
        return {
            "requests": self.requests,
            "seed": self.seed,
            "weights": asdict(self.weights),
            "policies": [score.to_dict() for score in self.scores],
            "last_quarter": [score.to_dict() for score in self.late],
            "verdict": self.verdict,
            "elapsed_seconds": self.elapsed,
            "route_ms": dict(self.route_ms),
            "judge": self.judged.to_dict(),
        }


def compare(
    board: Scoreboard, choices: Sequence[Choices], played: Played, judged: Judged, seed: int
) -> DemoResult:
    """Scores every policy's choices on the same requests; the first of them is the learned one."""
    n = len(played.model)
    scores = [board.score(one) for one in choices]
    kept = {scores[0].policy, best_static(scores).policy, "per_class_best"}
    last = slice(n - n // 4, n)
    return DemoResult(
        requests=n,
        seed=seed,
        weights=board.weights,
        scores=scores,
        late=[board.score(one, last) for one in choices if one.policy in kept],
        verdict=verdict(scores[0], scores, board.models[board.dearest]),
        elapsed=played.elapsed,
        route_ms={
            f"p{percent}": 1000 * float(np.percentile(played.route_seconds, percent)) for percent in (50, 99)
        },
        judged=judged,
    )


def print_result(console: Console, result: DemoResult) -> None:
    """The tables, the judge, the verdict, and the speed."""
    console.print(score_table(result.scores, f"{result.requests:,} requests, the cost of learning included"))
    console.print("* chosen with hindsight: a yardstick, not attainable in advance", style="dim")
    console.print(score_table(result.late, "The last quarter of them, with what was learned before"))
    console.print(share_table(result.scores))
    console.print(result.judged.table())
    for sentence in result.judged.sentences():
        console.print(sentence, soft_wrap=True)
    console.print(f"\n{result.verdict}\n", style="bold", soft_wrap=True)
    console.print(
        f"{result.requests / result.elapsed:,.0f} requests per second, each routed and reported on durably; "
        f"a route took {result.route_ms['p50']:.1f} ms at the median.",
        soft_wrap=True,
    )


def score_table(scores: Sequence[Score], title: str) -> VerbatimTable:
    """One row per policy, best reward first; the learned one stands out, hindsight is marked."""
    table = VerbatimTable(title=title, title_justify="left", title_style="bold")
    table.add_column("policy", no_wrap=True)
    for name in ("reward", "quality", "USD", "USD/1,000", "p50 s", "saved"):
        table.add_column(name, justify="right", no_wrap=True)
    for s in sorted(scores, key=lambda s: -s.reward):
        table.add_row(
            _label(s),
            f"{s.reward:.3f}",
            f"{s.quality:.3f}",
            f"{s.usd:,.2f}",
            f"{s.usd_per_1000:,.2f}",
            f"{s.seconds:.1f}",
            f"{s.savings:.0%}",
            style="bold green" if s.learns else "dim" if s.hindsight else None,
        )
    return table


def share_table(scores: Sequence[Score]) -> VerbatimTable:
    """Which share of the requests each model got, for the policies that use several."""
    table = VerbatimTable(title="Share of requests per model", title_justify="left", title_style="bold")
    table.add_column("policy", no_wrap=True)
    for model in scores[0].share:
        table.add_column(model.replace("-", "-\n", 1), justify="right")
    for s in sorted(scores, key=lambda s: -s.reward):
        if max(s.share.values()) < 1:
            style = "bold green" if s.learns else "dim" if s.hindsight else None
            table.add_row(_label(s), *(f"{part:.0%}" for part in s.share.values()), style=style)
    return table


def _label(score: Score) -> str:
    return (
        f"{score.policy} (learns)"
        if score.learns
        else f"{score.policy} *"
        if score.hindsight
        else score.policy
    )
