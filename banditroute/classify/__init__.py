"""Request -> request class, with a confidence, and a complexity score. Pure, no I/O.

found = classify("Prove that there are infinitely many primes.", None, settings)
found.request_class, found.confidence, found.complexity, found.signals
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from banditroute.classify.complexity import complexity
from banditroute.classify.evidence import Evidence, read
from banditroute.classify.keywords import BUILT_IN, difficulty, score
from banditroute.config.settings import Settings
from banditroute.types import OTHER

__all__ = ["Classification", "classify", "lean"]


@dataclass(frozen=True, slots=True)
class Classification:
    """What a prompt was found to be, and the signals it was found by."""

    request_class: str
    confidence: float
    complexity: float
    signals: tuple[str, ...]


def classify(text: str, input_tokens: int | None, settings: Settings) -> Classification:
    """The class of a prompt; `other` where the confidence is below `[classify] min_confidence`."""
    found = lean(text, input_tokens, settings)
    if found.confidence < settings.classify.min_confidence:
        return replace(found, request_class=OTHER)
    return found


def lean(text: str, input_tokens: int | None, settings: Settings) -> Classification:
    """The likeliest class of a prompt, however small the confidence in it."""
    evidence = read(text, input_tokens, settings)
    hardness = complexity(evidence)
    if settings.classify.method == "complexity":
        name, confidence = _nearest_difficulty(hardness, evidence, settings)
    else:
        name, confidence = score(evidence, settings)
    return Classification(name, confidence, hardness, evidence.signals)


def _nearest_difficulty(hardness: float, evidence: Evidence, settings: Settings) -> tuple[str, float]:
    """The class whose difficulty is nearest to the complexity, and how clearly it is the nearest.

    A text that shows neither a sign of difficulty nor plain English tells nothing: no confidence.
    """
    classes = settings.classes or BUILT_IN[:2]
    gaps = sorted((abs(difficulty(own) - hardness), place) for place, own in enumerate(classes))
    nearest, place = gaps[0]
    clear = 1.0 if len(gaps) == 1 else gaps[1][0] / max(nearest + gaps[1][0], 1e-9)
    known = min(1.0, hardness + evidence.english + evidence.weights.get("simple", 0.0))
    return classes[place].name, clear * known
