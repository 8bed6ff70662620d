"""How much feedback a router needs, and from whom: the curves of docs/how-much-feedback.md.

    .venv/bin/python benchmarks/feedback_curves.py [--seeds 6] [--only people] [--out docs/img] [--jobs N]

Each study plays the simulated world under some feedback, on the same requests and luck for every point, and
prints its figures: how many answers people score; how many a judge scores, a fair one or one who favours
models, alone or beside people; how large the judged audit is where mostly the unhappy answer; how late scores
come.
"Lost" is regret against the best model of each class by the truth, per 1,000 requests: 10 are as much as
0.01 of quality on every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
from joblib import Parallel, delayed
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.replay.catalogue import contexts
from banditroute.offline.simulation.plots import INK, LEARNERS, MODELS, MUTED, STYLE, end_labels, save
from banditroute.offline.worlds.course import lay_out
from banditroute.offline.worlds.live import play_live
from banditroute.offline.worlds.play import believed_of, path_of, play_learner, start_state
from banditroute.offline.worlds.run import SAMPLE_SEED, world_settings
from banditroute.offline.worlds.scenario import Feedback, Judging, Scenario
from banditroute.offline.worlds.simulated import DemoWorld
from banditroute.policies import get_policy

EVERY = 25
"""Requests between two folds of a learner who is played as a service lives."""

SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
LENIENT = {"gpt-4o-mini": 0.1, "llama-3.3-70b": 0.06, "claude-sonnet": -0.08, "deepseek-v3": -0.04}
"""A judge's own taste: by how much he scores these models too high."""

UNHAPPY = Feedback(rate=0.05, below=0.7, rate_below=0.3)


@dataclass(frozen=True, slots=True)
class Case:
    """What is played: feedback and judge, a policy, requests of history before, and whether who speaks
    matters (`live`); `trust` is how far it is believed."""

    feedback: Feedback = Feedback()
    judging: Judging = Judging()
    requests: int = 5_000
    per_day: float = 5_000.0
    policy: str = "thompson"
    history: int = 0
    live: bool = False
    trust: TrustSettings = field(default_factory=TrustSettings)


@dataclass(frozen=True, slots=True)
class Found:
    """Regret `(n,)` of one seed, and the error of what is believed of its answers at the end: the root of
    the mean square over models, each as often as it was chosen, and the mean."""

    regret: Floats
    apart: float
    off: float


def played(case: Case, seed: int) -> Found:
    """One seed of one case."""
    scenario = Scenario(
        "curves", "", "", (), requests=case.requests, per_day=case.per_day,
        feedback=case.feedback, judging=case.judging,
    )  # fmt: skip
    world = DemoWorld()
    settings = replace(world_settings(scenario, world), trust=case.trust)
    if case.history:
        earlier = world.draw(case.history, SAMPLE_SEED + 1 + seed)
        settings = replace(settings, prior=fit_prior(earlier, settings=settings))
    course = lay_out(scenario, world, seed)
    known, policy = list(contexts(course.log, settings, text=False)), get_policy(case.policy, settings)
    start = start_state(course, settings)
    if case.live:
        actions, state = play_live(course, policy, settings, known, seed, start, every=EVERY)
    else:
        actions, state = play_learner(course, policy, settings, known, seed, start)
    path = path_of(course, actions, believed_of(state, known, actions))
    error = path.believed - path.quality
    groups = [error[actions == a] for a in np.unique(actions)]
    square = sum(len(own) * own.mean() ** 2 for own in groups) / len(error)
    return Found(path.regret, float(np.sqrt(square)), float(error.mean()))


@dataclass(frozen=True, slots=True)
class Curves:
    """A study: what is varied, its values (with the words of an axis), and one line of cases per name."""

    name: str
    title: str
    across: str
    values: Sequence[float]
    ticks: Sequence[str]
    lines: dict[str, Callable[[float], Case]]
    measures: dict[str, Callable[[Found], float]]


def lost(first: int, last: int) -> Callable[[Found], float]:
    """Regret per 1,000 requests over a stretch."""
    return lambda found: float(1_000.0 * found.regret[first:last].mean())


def people() -> Curves:
    """How many answers people score."""
    return Curves(
        "people", "People score a share of the answers", "answers that people score",
        SHARES, [f"{share:.0%}" for share in SHARES],
        {
            "cold": lambda share: Case(Feedback(rate=share), requests=10_000),
            "300 requests of history": lambda share: Case(
                Feedback(rate=share), requests=10_000, history=300
            ),
        },
        {"lost in the first 1,000": lost(0, 1_000), "in the first 3,000": lost(0, 3_000),
         "from 7,000 to 10,000": lost(7_000, 10_000)},
    )  # fmt: skip


def judge() -> Curves:
    """How many answers a judge scores, with and without people beside him."""

    def case(share: float, rate: float, *, fair: bool = False, judge_sd: float = 0.1) -> Case:
        scored = Judging(rate=share, slope=0.8, lean=0.1, noise=0.1, bias={} if fair else LENIENT)
        return Case(Feedback(rate=rate), scored, live=True, trust=TrustSettings(judge_sd=judge_sd))

    return Curves(
        "judge", "A judge who favours some models, or a fair one, scores a share of the answers",
        "answers that the judge scores", (0.0, *SHARES[1:]), ["0", *(f"{share:.0%}" for share in SHARES[1:])],
        {
            "no people, a partial judge": lambda share: case(share, 0.0),
            "no people, a fair judge": lambda share: case(share, 0.0, fair=True),
            "partial, judge_sd = 0": lambda share: case(share, 0.0, judge_sd=0.0),
            "fair, judge_sd = 0": lambda share: case(share, 0.0, fair=True, judge_sd=0.0),
            "people score 5%, partial": lambda share: case(share, 0.05),
        },
        {"lost in the first 5,000": lost(0, 5_000), "from 3,000 to 5,000": lost(3_000, 5_000)},
    )  # fmt: skip


def audit() -> Curves:
    """How large the judged audit is where mostly the unhappy answer."""
    sizes = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)

    def case(share: float, corrected: bool) -> Case:
        scored = Judging(rate=share, lean=0.05, noise=0.1)
        return Case(UNHAPPY, scored, live=True, trust=TrustSettings(nonresponse=corrected))

    return Curves(
        "audit", "Mostly the unhappy answer, and a judge scores a random share of all answers",
        "answers that the judge scores", sizes, [f"{share:.0%}" for share in sizes],
        {
            "not corrected": lambda share: case(share, False),
            "corrected": lambda share: case(share, True),
        },
        {"believed quality off by, on average": lambda found: found.off,
         "by model (root mean square)": lambda found: found.apart,
         "lost in the first 5,000": lost(0, 5_000)},
    )  # fmt: skip


def delay() -> Curves:
    """How late scores come."""
    waits = (0.0, 10.0, 100.0, 350.0, 1_000.0, 3_000.0)

    def case(requests: float, policy: str) -> Case:
        late = Feedback(rate=0.3, delay_hours=24.0 * requests / 5_000.0)
        return Case(late, policy=policy)

    return Curves(
        "delay", "People score three answers in ten, late", "requests until a score comes, in the median",
        waits, [f"{wait:,.0f}" for wait in waits],
        {
            "thompson": lambda wait: case(wait, "thompson"),
            "greedy": lambda wait: case(wait, "greedy"),
        },
        {"lost in the first 1,000": lost(0, 1_000), "from 3,000 to 5,000": lost(3_000, 5_000)},
    )  # fmt: skip


STUDIES: dict[str, Callable[[], Curves]] = {own.__name__: own for own in (people, judge, audit, delay)}


def measured(study: Curves, seeds: int, jobs: int) -> dict[str, Floats]:
    """By line: every measure at every value and seed, `(measures, values, seeds)`."""
    found = {}
    for name, case in study.lines.items():
        runs = Parallel(n_jobs=jobs)(
            delayed(played)(case(value), seed) for value in study.values for seed in range(seeds)
        )
        table = np.array([[measure(run) for run in runs] for measure in study.measures.values()])
        found[name] = table.reshape(len(study.measures), len(study.values), seeds)
    return found


def show(study: Curves, found: dict[str, Floats]) -> None:
    """The figures as a table: mean ± standard error over seeds."""
    click.echo(f"\n{study.title}")
    for number, measure in enumerate(study.measures):
        click.echo(f"  {measure:<34}" + "".join(f"{tick:>18}" for tick in study.ticks))
        for name, table in found.items():
            own = table[number]
            se = own.std(axis=1, ddof=1) / np.sqrt(own.shape[1])
            digits = 1 if np.abs(own).max() > 1 else 3
            cells = (f"{m:.{digits}f} ± {e:.{digits}f}" for m, e in zip(own.mean(axis=1), se, strict=True))
            click.echo(f"    {name:<32}" + "".join(f"{cell:>18}" for cell in cells))


def draw(study: Curves, found: dict[str, Floats], path: Path) -> None:
    """One panel per measure; bands are two standard errors to either side."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0 * len(study.measures), 3.6))
        panels = figure.subplots(1, len(study.measures), squeeze=False)[0]
        for number, (axes, measure) in enumerate(zip(panels, study.measures, strict=True)):
            _panel(axes, study, {name: table[number] for name, table in found.items()})
            axes.set_title(measure, loc="left", fontsize=9.5)
            axes.set_xlabel(study.across)
        figure.suptitle(study.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        save(figure, path)


def _panel(axes: Axes, study: Curves, lines: dict[str, Floats]) -> None:
    place = np.arange(len(study.values))
    labels = []
    for (name, own), colour in zip(lines.items(), (*LEARNERS, *MODELS), strict=False):
        mean, se = own.mean(axis=1), own.std(axis=1, ddof=1) / np.sqrt(own.shape[1])
        axes.fill_between(place, mean - 2 * se, mean + 2 * se, color=colour, alpha=0.15, linewidth=0)
        axes.plot(place, mean, color=colour, marker="o", markersize=3.5, linewidth=1.8)
        labels.append((float(mean[-1]), name, colour))
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.set_xticks(place, study.ticks)
    axes.tick_params(colors=INK)
    end_labels(axes, labels, 0.08)


@click.command()
@click.option("--seeds", default=6, show_default=True)
@click.option("--only", type=click.Choice(list(STUDIES)), multiple=True, help="Only these studies.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Draw there.")
@click.option("--jobs", default=2, show_default=True)
def main(seeds: int, only: tuple[str, ...], out: Path | None, jobs: int) -> None:
    """Prints the figures of each study, and draws them where --out says."""
    for name in only or STUDIES:
        study = STUDIES[name]()
        found = measured(study, seeds, jobs)
        show(study, found)
        if out is not None:
            draw(study, found, out / f"feedback-{name}.svg")


if __name__ == "__main__":
    main()
