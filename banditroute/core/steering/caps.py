"""Bounds on choice probabilities: shares that groups of models may not exceed, and one that a model keeps.

They come after the policy and before the draw, so that what is logged is what is drawn from. Every function
takes the pmf of one request `(k,)` and gives a new one, is exact, and changes nothing the second time. Plain
numbers in lists: for a handful of models that is several times as fast as arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

Group = tuple[tuple[int, ...], float]
"""The places of some models, and the largest share that they may have together."""

_ENOUGH = 1e-12  # shares nearer than that to their cap are at it


def capped(pmf: Sequence[float], eligible: Sequence[int], groups: Sequence[Group]) -> list[float]:
    """The pmf with no group above its cap, where that is possible. `eligible` are places of models.

    A group that has too much keeps its proportions; the excess goes to the other eligible models in
    proportion to what they have (alike, where they have nothing), but to none of a group that is full
    itself. Where nobody is left to take it, the cap does not bind. Groups are treated in order.
    """
    p = list(pmf)
    for _ in range(len(groups) ** 2 + 1):  # each pass fills one group, and the full receive nothing
        shares = [sum([p[a] for a in members]) for members, _ in groups]
        over = [i for i, (_, cap) in enumerate(groups) if shares[i] > cap + _ENOUGH]
        if not over:
            break
        full = {a for i, (members, cap) in enumerate(groups) if shares[i] >= cap - _ENOUGH for a in members}
        for i in over:
            members, cap = groups[i]
            if takers := [a for a in eligible if a not in full and a not in members]:
                _move(p, members, takers, shares[i], cap)
                break
        else:
            break
    return p


def _move(p: list[float], members: Sequence[int], takers: Sequence[int], share: float, cap: float) -> None:
    """Takes from a group what is above its cap, and gives it to others."""
    for a in members:
        p[a] *= cap / share
    theirs, excess = sum([p[a] for a in takers]), share - cap
    for a in takers:
        p[a] = p[a] * (1.0 + excess / theirs) if theirs > 0.0 else excess / len(takers)


def kept(pmf: Sequence[float], place: int, least: float) -> list[float]:
    """The pmf in which the model at a place has at least the probability `least`, the others giving in
    proportion."""
    p = list(pmf)
    own = p[place]
    if own < least:
        p = [share * (1.0 - least) / (1.0 - own) for share in p]
        p[place] = least
    return p


def greedy(mean: Sequence[float], eligible: Sequence[int]) -> list[float]:
    """Probability 1 on the eligible model of the highest mean utility, shared where tied."""
    top = max(mean[a] for a in eligible)
    best = [a for a in eligible if mean[a] == top]
    return [1.0 / len(best) if a in best else 0.0 for a in range(len(mean))]
