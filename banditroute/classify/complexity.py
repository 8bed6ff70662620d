"""How hard a request looks, from 0 to 1: what it is about, what it asks for, how long it is."""

from __future__ import annotations

from math import exp, log10

from banditroute.classify.evidence import Evidence
from banditroute.classify.lexicon import HARD

_SCALE = 1.8
"""Evidence at which the score is 1 − 1/e: one strong word, or two ordinary ones, pass 0.65."""

_RELIEF = 0.4
"""How much a sign of a simple request takes off ordinary signs of a hard one. It takes nothing off
strong ones: "quick question, in one word" does not make a proof easy."""


def hard_evidence(evidence: Evidence) -> float:
    """Words of hard domains, several questions at once, and length, less the signs of simplicity."""
    weights = evidence.weights
    subject = sum(weights.get(name, 0.0) for name in HARD)
    questions = 0.3 * min(3, max(0, evidence.questions - 1))
    length = 0.6 * max(0.0, log10(max(1, evidence.tokens) / 200))
    relief = _RELIEF * weights.get("simple", 0.0)
    return evidence.strong + max(0.0, subject - evidence.strong + questions - relief) + length


def complexity(evidence: Evidence) -> float:
    """The score of an amount of hard evidence; it saturates, so no word list can be stuffed past 1."""
    return 1.0 - exp(-hard_evidence(evidence) / _SCALE)
