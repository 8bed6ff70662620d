"""Evidence -> request class, scored over all the evidence and never by the first hit.

Where the configuration declares classes, those compete; else the four built-in styles `complex`,
`standard`, `structured` and `bulk`. A declared class is scored by its own keywords and patterns
and, when it bears a well-known name, by the built-in vocabulary.
"""

from __future__ import annotations

from banditroute.classify.complexity import hard_evidence
from banditroute.classify.evidence import Evidence, declared
from banditroute.classify.lexicon import HARD, ORDINARY
from banditroute.config.settings import RequestClass, Settings
from banditroute.types import OTHER

BUILT_IN = tuple(RequestClass(name) for name in ("complex", "standard", "structured", "bulk"))

_DOMAINS: dict[str, tuple[str, ...]] = {
    "complex": HARD, "reasoning": HARD, "hard": HARD, "research": HARD,
    "code": ("engineering",), "coding": ("engineering",), "programming": ("engineering",),
    "math": ("mathematics",), "maths": ("mathematics",), "mathematics": ("mathematics",),
    "science": ("science",), "legal": ("law",), "law": ("law",),
    "medical": ("medicine",), "medicine": ("medicine",), "health": ("medicine",),
    "analysis": ("argument",),
    "standard": ("simple",), "simple": ("simple",), "chat": ("simple",), "smalltalk": ("simple",),
    "structured": ("structured",), "extraction": ("structured",), "json": ("structured",),
    "bulk": ("bulk",), "batch": ("bulk",),
}  # fmt: skip
"""Well-known class names, and the built-in evidence that speaks for them."""

_EASY = {"simple": 0.2, "structured": 0.3, "bulk": 0.2}
"""How difficult a class of such requests is taken to be; subjects are difficult, others middling."""

_SIMPLE = ("simple",)

_DOUBT = 0.6
"""Evidence against every class from the start: what little evidence has to outweigh."""

_PLAIN, _SHORT = 0.75, 60
"""What plain everyday English of up to so many words by itself says for a simple request: with no
sign of difficulty just enough, with any it is not."""

_FOREIGN = 0.4
"""What a sign of a simple request counts in a text with no plain English around it."""


def score(evidence: Evidence, settings: Settings) -> tuple[str, float]:
    """The likeliest class and the confidence in it, in [0, 1); None where nothing speaks for any.

    Confidence is the winner's share of its own evidence, the strongest rival's and some doubt. A
    hard request is a rival of every class that is not about it, the more so the easier the class.
    """
    classes = settings.classes or BUILT_IN
    scores = [_score(own, evidence) for own in classes]
    # Plain English speaks for a simple request only where nothing particular speaks for another class.
    if all(s < ORDINARY or _domains(own) == _SIMPLE for s, own in zip(scores, classes, strict=True)):
        scores = [s + _plain(own, evidence) for s, own in zip(scores, classes, strict=True)]
    best = max(range(len(classes)), key=scores.__getitem__)
    if scores[best] <= 0.0:
        return OTHER, 0.0
    second = max((s for place, s in enumerate(scores) if place != best), default=0.0)
    rival = max(second, _hardness_elsewhere(classes[best], evidence))
    return classes[best].name, scores[best] / (scores[best] + rival + _DOUBT)


def difficulty(own: RequestClass) -> float:
    """A class's declared difficulty, or what its name suggests, or the middle."""
    if own.difficulty is not None:
        return own.difficulty
    domains = _domains(own)
    return max((_EASY.get(domain, 0.9) for domain in domains), default=0.5)


def _domains(own: RequestClass) -> tuple[str, ...]:
    return _DOMAINS.get(own.name.lower(), ())


def _score(own: RequestClass, evidence: Evidence) -> float:
    weights, domains = evidence.weights, _domains(own)
    built_in = sum(weights.get(domain, 0.0) for domain in domains)
    if domains is HARD:
        built_in = hard_evidence(evidence)
    elif domains == _SIMPLE:
        built_in *= (_FOREIGN + (1.0 - _FOREIGN) * evidence.english) / (1.0 + hard_evidence(evidence))
    return built_in + weights.get(declared(own.name), 0.0)


def _plain(own: RequestClass, evidence: Evidence) -> float:
    """What plain everyday English says for a class of simple requests."""
    if _domains(own) != _SIMPLE:
        return 0.0
    plain = _PLAIN * evidence.english * min(1.0, _SHORT / max(1, evidence.words))
    return plain / (1.0 + hard_evidence(evidence))


def _hardness_elsewhere(own: RequestClass, evidence: Evidence) -> float:
    """Hard evidence that is not about this class, as far as the class is easy."""
    claimed = sum(evidence.weights.get(domain, 0.0) for domain in _domains(own) if domain in HARD)
    return max(0.0, hard_evidence(evidence) - claimed) * (1.0 - difficulty(own))
