"""The receipt of a decision, as `GET /v1/decisions/{id}` tells it, for people: why this model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from banditroute.reports.verdict import usd


@dataclass(frozen=True, slots=True)
class Receipt:
    """A decision with its candidates, who could not be chosen and why, and what came of it. Renders itself in
    a notebook."""

    told: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """How the model came to be chosen."""
        told = self.told
        what = f"{told['model']} was chosen for a request of class {told['context']['request_class']}"
        if told["kind"] != "drawn":
            return f"{what} ({told['kind']}); nothing was drawn."
        return (
            f"{what} by {told['policy']}: it had a probability of {told['propensity']:.1%}, and the number "
            f"drawn was {told['draw']:.4f}."
        )

    def _repr_html_(self) -> str:
        return (
            f"<p><strong>{escape(self.sentence)}</strong></p>"
            + _table("Candidates", _HEADS, [_candidate(one) for one in self.told["candidates"]])
            + _table(
                "Could not be chosen",
                ("model", "reason", "detail"),
                [[one["model"], one["reason"], one["detail"]] for one in self.told["excluded"]],
            )
            + _table(
                "What came of it",
                ("factor", "value", "said by"),
                [
                    [one["factor"], _value(one), one["source"]]
                    for one in self.told["outcomes"]
                    if one["stands"]
                ],
            )
        )


_HEADS = ("model", "probability", "expected quality", "expected USD", "expected seconds", "utility")


def receipt_of(decision: Mapping[str, Any]) -> Receipt:
    """The receipt of a decision as `Client.decision(id)` gives it."""
    return Receipt(decision)


def _candidate(one: Mapping[str, Any]) -> list[str]:
    expected = one["expected"]
    return [
        one["model"],
        f"{one['propensity']:.1%}",
        f"{expected['quality']:.3f}",
        usd(expected["usd"]),
        f"{expected['seconds']:.2f}",
        f"{expected['utility']:.3f} ± {one['sd']:.3f}",
    ]


def _value(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return ""
    return usd(one["value"]) if one["factor"] == "usd" else f"{one['value']:g}"


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    heading = f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
    return f"<table>{heading}<tbody>{body}</tbody></table>"
