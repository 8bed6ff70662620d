"""How well the classifier does on a labelled sample, and where to set its confidence threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from banditroute.classify import Classification, lean
from banditroute.config.settings import Settings
from banditroute.errors import RequestError
from banditroute.types import OTHER

TRUSTED = 0.95
"""The share of confident answers that shall be right at the suggested threshold."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Of the prompts called this class, the share that is; of those that are, the share found."""

    precision: float | None
    recall: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts `matrix[label][found]`; `found` is `other` where the confidence fell short.

    `accuracy` counts an unsure answer as wrong, `accuracy_when_sure` leaves it out. At
    `suggested_threshold` a share `suggested_coverage` is sure, and TRUSTED of it right; None where
    no threshold reaches that.
    """

    matrix: Mapping[str, Mapping[str, int]]
    classes: Mapping[str, ClassScore]
    n: int
    accuracy: float
    accuracy_when_sure: float | None
    sure: float
    threshold: float
    suggested_threshold: float | None
    suggested_coverage: float | None

    def to_dict(self) -> dict[str, object]:
        """The report as plain data, for JSON."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_when_sure": self.accuracy_when_sure,
            "sure": self.sure,
            "threshold": self.threshold,
            "suggested_threshold": self.suggested_threshold,
            "suggested_coverage": self.suggested_coverage,
            "classes": {
                name: {"precision": own.precision, "recall": own.recall, "n": own.n}
                for name, own in self.classes.items()
            },
            "matrix": {label: dict(row) for label, row in self.matrix.items()},
        }

    def __str__(self) -> str:
        found = sorted({name for row in self.matrix.values() for name in row})
        wide = max(map(len, ("label \\ found", *self.matrix, *found)))
        lines = ["  ".join(cell.rjust(wide) for cell in ("label \\ found", *found, "precision", "recall"))]
        for label, row in self.matrix.items():
            own = self.classes[label]
            cells = (
                label,
                *(str(row.get(name, 0)) for name in found),
                _share(own.precision),
                _share(own.recall),
            )
            lines.append("  ".join(cell.rjust(wide) for cell in cells))
        lines.append(
            f"{self.n} prompts, accuracy {_share(self.accuracy)}; sure of {_share(self.sure)} at confidence "
            f"{self.threshold:g}, and right on {_share(self.accuracy_when_sure)} of those"
        )
        lines.append(self._advice())
        return "\n".join(lines)

    def _advice(self) -> str:
        if self.suggested_threshold is None:
            return f"no threshold makes {TRUSTED:.0%} of the sure answers right; add keywords to the classes"
        return (
            f"min_confidence = {self.suggested_threshold:.2f} would be sure of "
            f"{_share(self.suggested_coverage)} and right on {TRUSTED:.0%} of those or more"
        )


def confusion_report(sample: Sequence[tuple[str, str]], settings: Settings) -> Confusion:
    """Classifies a sample of (text, label) and counts what it was taken for."""
    if not sample:
        raise RequestError("The labelled sample is empty; give at least one pair of text and label.")
    threshold = settings.classify.min_confidence
    leanings = [lean(text, None, settings) for text, _ in sample]
    labels = [label for _, label in sample]
    found = [own.request_class if own.confidence >= threshold else OTHER for own in leanings]
    right = [label == name for label, name in zip(labels, found, strict=True)]
    sure = [own.confidence >= threshold for own in leanings]
    matrix = {label: dict(sorted(_counts(label, labels, found).items())) for label in sorted(set(labels))}
    suggested, coverage = _suggest(leanings, labels)
    return Confusion(
        matrix=matrix,
        classes={label: _class_score(label, labels, found) for label in matrix},
        n=len(sample),
        accuracy=sum(right) / len(sample),
        accuracy_when_sure=_ratio(sum(r and s for r, s in zip(right, sure, strict=True)), sum(sure)),
        sure=sum(sure) / len(sample),
        threshold=threshold,
        suggested_threshold=suggested,
        suggested_coverage=coverage,
    )


def _counts(label: str, labels: Sequence[str], found: Sequence[str]) -> Counter[str]:
    return Counter(name for own, name in zip(labels, found, strict=True) if own == label)


def _class_score(label: str, labels: Sequence[str], found: Sequence[str]) -> ClassScore:
    both = sum(own == name == label for own, name in zip(labels, found, strict=True))
    return ClassScore(
        _ratio(both, found.count(label)), _ratio(both, labels.count(label)), labels.count(label)
    )


def _suggest(leanings: Sequence[Classification], labels: Sequence[str]) -> tuple[float | None, float | None]:
    """The lowest threshold at which the share of right among the sure is TRUSTED, and its coverage."""
    ranked = sorted(
        ((own.confidence, own.request_class == label) for own, label in zip(leanings, labels, strict=True)),
        reverse=True,
    )
    right, best = 0, None
    for place, (confidence, correct) in enumerate(ranked, start=1):
        right += correct
        last_of_ties = place == len(ranked) or ranked[place][0] < confidence
        if last_of_ties and right / place >= TRUSTED:
            best = (confidence, place / len(ranked))
    return best if best is not None else (None, None)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
