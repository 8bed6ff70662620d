"""A quality report in words: what can be said, what cannot, and what the figures take for granted."""

from __future__ import annotations

import math

from banditroute.core.feedback.account import JudgingAccount
from banditroute.reports.quality_findings import MeanQuality, ModelQuality, QualityReport

_TENTH = 0.1
ALIKE = math.log(1.5)
"""Log odds of a score from quality 0 to 1 within which good and bad answers are scored about alike."""

_NOTHING = 5e-4  # what is not seen in three digits


def verdict(report: QualityReport) -> str:
    """At most three sentences: which model is how good, what who answers does to it, what is not known."""
    return " ".join(filter(None, (_best(report), _who(report), _unknown(report))))


def by_whom(report: QualityReport) -> str:
    """The estimate that the verdict goes by."""
    if any(row.powered for row in report.models):
        return "people and the judge together"
    return "people alone" if report.people_scored else "the judge alone"


def leading(report: QualityReport, row: ModelQuality) -> MeanQuality | None:
    """The estimate of one row that the verdict goes by."""
    if any(one.powered for one in report.models):
        return row.powered
    return row.people if report.people_scored else row.judge


def figure(value: MeanQuality | None) -> str:
    """A mean with its interval."""
    if value is None:
        return ""
    told = f"{value.mean:.3f}"
    return told if value.low is None or value.high is None else f"{told} ({value.low:.3f}–{value.high:.3f})"


BLANK = "–"
"""What stands in a cell that cannot be filled, in a column that others fill."""


def _best(report: QualityReport) -> str:
    ranked = sorted(
        ((row, found) for row in report.models if (found := leading(report, row))),
        key=lambda pair: -pair[1].mean,
    )
    whom = by_whom(report)
    if not ranked:
        return f"Too few answers are scored to say anything of a model by {whom}."
    (row, first), *others = ranked
    told = f"By {whom}, {row.model} has a mean quality of {figure(first)}"
    if not others:
        return f"{told}."
    second, value = others[0]
    if _below(value, first):
        return f"{told}, above every other model; {second.model} follows with {figure(value)}."
    return f"{told}, not told apart from {second.model} with {figure(value)}."


def _below(one: MeanQuality, other: MeanQuality) -> bool:
    """Whether the intervals are apart."""
    return one.high is not None and other.low is not None and one.high < other.low


def _who(report: QualityReport) -> str:
    """What the chance of a score does to people's means."""
    who = report.who_answers
    if who is None or who.gamma is None or who.gamma_sd is None:
        return ""
    moves = [abs(row.moved) for row in report.models if row.moved is not None]
    most = max(moves, default=0.0) if report.basis == "modelled" else 0.0
    if abs(who.gamma) + 1.96 * who.gamma_sd < ALIKE:
        return "People score good and bad answers about alike, as the audit shows."
    if abs(who.gamma) <= 1.96 * who.gamma_sd:
        moved = f"; its best guess moves their means by up to {most:.3f}, which may be chance" if most else ""
        return f"The audit is too small to tell whether people score good and bad answers alike{moved}."
    odds = math.exp(_TENTH * abs(who.gamma))
    which = "better" if who.gamma > 0 else "worse"
    told = f"People are likelier to score an answer the {which} it is ({odds:.2f} times the odds per tenth)"
    return f"{told}: taking that out moves their means by up to {most:.3f}." if most else f"{told}."


def _unknown(report: QualityReport) -> str:
    """What cannot be said, and what would tell."""
    most = max((row.off[1] for row in report.models if row.off is not None), default=0.0)
    doubt = f"their means would be off by up to {most:.3f} if the odds of a score doubled from quality 0 to 1"
    if report.basis == "asked" or (report.people_scored and most < _NOTHING):
        return ""
    if report.basis == "modelled":
        return (
            "All this rests on the judge's scores having nothing to do with who answers but through quality."
        )
    if report.basis == "assumed":
        return (
            "This takes for granted that those who score do not differ from those who do not; the audit is "
            f"too small, or the judge too far from people, to tell, and {doubt}."
        )
    if not report.people_scored:
        return (
            "What the judge's scores are worth cannot be said, since people have scored none of the answers."
        )
    return (
        "Whether those who score differ from those who do not cannot be known without a judge on a random "
        f"sample ([judge] base_rate): {doubt}."
    )


def notes(report: QualityReport) -> list[str]:
    """What is to be read with the figures, in sentences."""
    told = [
        f"{report.answers:,} answers, {report.people_scored:,} of them scored by people. Intervals are "
        "95% (Student's t), and wide enough for as many unlike scores as so many alike ones do not rule out "
        "(Clopper and Pearson); those of people and of the judge alone know chance only, not who answers nor "
        "the judge's bias."
    ]
    told += _of_judge(report)
    told += _of_basis(report)
    told += _of_router(report)
    if report.failed:
        told.append(f"{report.failed:,} calls failed and were scored by nobody; they are in no mean.")
    return told + _of_blanks(report)


def judging_note(now: JudgingAccount) -> str:
    """What judging takes at the moment, in a sentence or two."""
    waiting = now.base_waiting + now.value_waiting
    spent = now.base_spent_usd + now.value_spent_usd
    return (
        f"At present the judge is asked about {now.base_rate:.2%} of all answers, drawn uniformly, and up to "
        f"{now.value_rate:.2%} more where it could change a choice. {waiting:,} answers wait for it; of the "
        f"{now.usd_per_day:g} USD for today (UTC), {spent:.4f} are spent."
    )


def _of_blanks(report: QualityReport) -> list[str]:
    """Why cells are empty."""
    rows, told = [*report.models, *report.classes], []
    for name, found, why in (
        ("people alone", [row.people for row in rows], "people scored none of these answers"),
        (
            "judge alone",
            [row.judge for row in rows],
            "the judge scored none of them; its own model's answers it may not, unless [judge] own = true",
        ),
    ):
        if any(found) and not all(found):
            told.append(f"“{BLANK}” under “{name}”: {why}.")
    for table in (report.models, report.classes):
        lacking = [row.model for row in table if row.powered is None]
        if lacking and len(lacking) < len(table):
            names = ", ".join(dict.fromkeys(lacking))
            told.append(f"Too few scores for both together, “{BLANK}”: {names}.")
        elif lacking and report.basis is not None:
            told.append("Too few scores for both together in each class: that column is left out there.")
    if any(
        one is not None and one.low is None for row in rows for one in (row.people, row.judge, row.powered)
    ):
        told.append("A mean without an interval is that of a single score.")
    return told


def _of_judge(report: QualityReport) -> list[str]:
    if report.judge is None:
        return ["No judge has scored an answer."]
    own = next(judge for judge in report.judges if judge.name == report.judge)
    told = [
        f"The judge is {own.name}: {own.scores:,} scores, {own.sampled:,} of them on answers sampled with "
        f"known probabilities, {own.paired:,} of these beside people's."
    ]
    if not own.sampled:
        told.append(
            "Its scores are no random sample: its means are just those of what it chose or was shown, and "
            "correct nothing. Those of a judge outside the service are one where it scored answers because "
            "they were sampled, and --asked names it."
        )
    others = [judge.name for judge in report.judges if judge is not own]
    if others:
        told.append(f"Other judges are left aside: {', '.join(others)}; name one to go by it.")
    return told


def _of_basis(report: QualityReport) -> list[str]:
    if report.basis == "asked":
        return [
            f"Both together: the judge on the uniform audit, corrected by {report.asked:,} scores that were "
            "asked for (prediction-powered inference). It rests on these having been asked for at random."
        ]
    if report.basis == "modelled":
        return [
            "Both together: people's scores, which are volunteered, weighed by how likely such answers are "
            "scored. The log odds of a score are taken to be linear in the quality that people see, with a "
            "level for every model and class and one slope for all. The slope is the one at which the "
            "judge's mean of the scored answers, so weighed, is that of the others. What nobody has scored "
            "yet counts as what nobody scores."
        ]
    if report.basis == "assumed":
        return [
            "Both together takes for granted that, within a model and class, who scores has nothing to do "
            "with how good the answer was: people's scores are volunteered, and the audit cannot tell."
        ]
    return ["Nothing corrects one by the other, so both together is left out."]


def _of_router(report: QualityReport) -> list[str]:
    who, told = report.who_answers, []
    if who is not None and who.gamma is not None and who.gamma_sd is not None:
        told.append(
            f"Log odds of a score at quality 1 over those at quality 0: {signed(who.gamma, 2)} ± "
            f"{who.gamma_sd:.2f} (sd), from {who.scored:,} audited answers that people scored and "
            f"{who.silent:,} that they did not."
        )
    if who is not None and who.router_gamma is not None and who.router_gamma_sd is not None:
        told.append(
            f"The router, which draws this to 0 while little is known, takes {signed(who.router_gamma, 2)} ± "
            f"{who.router_gamma_sd:.2f}, and moves people's means by what stands under “router”: within "
            "classes, while “moved” also makes up for classes that people score more often."
        )
    if any(row.off is not None for row in report.models):
        told.append(
            "“Odds 1.5” and “odds 2”: how far people's means would be off, either way, if the odds of a "
            "score at quality 1 were that many times those at quality 0."
        )
    return told


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    rounded = round(value, digits)
    return f"{'−' if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded):.{digits}f}"
