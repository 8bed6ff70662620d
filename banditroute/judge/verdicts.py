"""Reading verdicts: strictly. What is not exactly a verdict is refused, and asked for again; never guessed.

A verdict is the whole reply, one JSON object (a code fence around it is let pass) with exactly the keys it
was asked for and the random name of the question. So neither a verdict quoted from the judged text nor
one that comes with afterthoughts counts.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from banditroute.errors import BanditrouteError

LONGEST_REASONS = 10_000

_FENCED = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)
_SCORE_OF_FIRST = {"first": 1.0, "tie": 0.5, "second": 0.0}


class MalformedVerdict(BanditrouteError):
    """The judge's reply is no verdict."""

    code = "malformed_verdict"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score in [0, 1], and the judge's reasons for it."""

    value: float
    reasons: str


def read_score(reply: str, id: str) -> Verdict:
    """A pointwise verdict."""
    reasons, score = _read(reply, id, "score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise MalformedVerdict(f"The score is {_shown(score)}, no number from 0 to 1.")
    return Verdict(float(score), reasons)


def read_comparison(reply: str, id: str) -> Verdict:
    """A pairwise verdict, as the score of the first answer: 1 better, 0.5 a tie, 0 worse."""
    reasons, better = _read(reply, id, "better")
    if not isinstance(better, str) or better not in _SCORE_OF_FIRST:
        raise MalformedVerdict(f"The better one is {_shown(better)}, neither first, second nor tie.")
    return Verdict(_SCORE_OF_FIRST[better], reasons)


def both_orders(shown_first: Verdict, shown_second: Verdict) -> Verdict:
    """What two comparisons in both orders say of an answer: `shown_first` is that in which it came first,
    `shown_second` that in which the reference did.

    Their mean: a judge that changes its mind with the order has a taste for a place, and calls it a tie
    (Zheng et al., *Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena*, 2023, section 3.4).
    """
    value = (shown_first.value + 1.0 - shown_second.value) / 2.0
    return Verdict(value, f"Shown first: {shown_first.reasons}\nShown second: {shown_second.reasons}")


def _read(reply: str, id: str, key: str) -> tuple[str, object]:
    """The reasons and what stands under `key`, of a reply that is a verdict on question `id`."""
    body = reply.strip()
    fenced = _FENCED.fullmatch(body)
    try:
        verdict = json.loads(fenced[1] if fenced else body, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedVerdict(f"The reply is not one JSON object: {_shown(reply)}.") from None
    if not isinstance(verdict, dict) or verdict.keys() != {"id", "reasons", key}:
        raise MalformedVerdict(f"The reply is no object of id, reasons and {key}: {_shown(reply)}.")
    if verdict["id"] != id:
        raise MalformedVerdict("The reply bears the id of another question.")
    reasons = verdict["reasons"]
    if not isinstance(reasons, str) or len(reasons) > LONGEST_REASONS:
        raise MalformedVerdict("The reasons are no text, or one without end.")
    return reasons.encode(errors="replace").decode(), verdict[key]


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _shown(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)[:80]
