"""State <-> bytes. A snapshot is a cache of the fold: readable only under the settings it was made with."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict

import msgspec
import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats
from banditroute.core.features import VERSION
from banditroute.core.feedback.keeping import testimony_arrays, testimony_distance, testimony_of
from banditroute.core.posterior import SufficientStats
from banditroute.core.state import State, frame_of, refitted
from banditroute.core.steering.watch import Watch, new_watch

_FOLD_VERSION = 5  # raise when the meaning of an outcome or of a sum changes

_LEAST = 1e-3
"""Outcomes: the least evidence to which a difference of two states is compared."""


def fingerprint(settings: Settings) -> str:
    """A digest of everything that decides what an event adds to the sums."""
    frame = frame_of(settings)
    says = {
        "fold": _FOLD_VERSION,
        "features": VERSION,
        "layout": asdict(frame.layout),
        "priors": [asdict(p) for p in frame.priors],
        "active": frame.active,
        "half_lives": frame.half_lives,
        "models": [m.id for m in frame.models],
        "group": frame.group.tolist(),
        "prices": frame.prices.tolist(),
        "error_quality": settings.reward.error_quality,
        "rater_correlation": settings.trust.rater_correlation,
        "changes": settings.alerts.changes,
    }
    if new_watch(settings).listens:
        says["budget"] = asdict(settings.budget)
        says["guardrails"] = [asdict(promise) for promise in settings.guardrails]
        says["trust"] = asdict(settings.trust) if settings.guardrails else None
        says["purse"] = new_watch(settings).purse is not None
    if settings.prior is not None:
        says["prior"] = settings.prior.digest
    return hashlib.blake2b(json.dumps(says).encode(), digest_size=16).hexdigest()


def dump_state(state: State) -> bytes:
    """The sums and their time; the fit is made afresh when they are loaded."""
    arrays: dict[str, Floats] = {}
    for f, sums in enumerate(state.stats):
        if sums is not None:
            arrays.update({f"xx{f}": sums.xx, f"xy{f}": sums.xy, f"cells{f}": sums.cells})
    buffer = io.BytesIO()
    np.savez(
        buffer,
        seq=np.array(state.seq),
        at=np.array(state.at),
        references=np.array(state.references),
        spending=np.array(sorted(state.spending.items()), dtype=np.float64).reshape(-1, 2),
        watch=np.frombuffer(msgspec.json.encode(state.watch), np.uint8),
        **testimony_arrays(state.testimony),  # type: ignore[arg-type]
        **arrays,  # type: ignore[arg-type]
    )
    return buffer.getvalue()


def load_state(payload: bytes, settings: Settings) -> State:
    """The state that was dumped; the caller has compared fingerprints."""
    frame = frame_of(settings)
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        stats = tuple(
            SufficientStats(arrays[f"xx{f}"], arrays[f"xy{f}"], arrays[f"cells{f}"]) if on else None
            for f, on in enumerate(frame.active)
        )
        references = tuple(float(r) for r in arrays["references"])
        spending = {int(day): float(usd) for day, usd in arrays["spending"]}
        seq, at = int(arrays["seq"]), float(arrays["at"])
        watch = msgspec.json.decode(arrays["watch"].tobytes(), type=Watch)
        return refitted(
            frame, stats, references, seq=seq, at=at, spending=spending, watch=watch,
            testimony=testimony_of(arrays),
        )  # fmt: skip


def state_distance(a: State, b: State) -> float:
    """Largest difference of two states' sums, relative to the scale of the summed terms.

    Σwxx′ is compared to √(Σwx² · Σwx′²) and Σwxy to √(Σwx² · Σwy²), by Cauchy–Schwarz the largest
    they could be; what cancels to nearly nothing is not held to its own digits, and where less is left than
    a thousandth of an outcome, it is compared to that: of what was all retracted, rounding stays. A day's
    spending is compared to itself, and below a millionth of a USD to that.
    """
    worst = 0.0
    for day in {*a.spending, *b.spending}:
        one_day, other_day = a.spending.get(day, 0.0), b.spending.get(day, 0.0)
        worst = max(worst, abs(one_day - other_day) / max(abs(one_day), abs(other_day), 1e-6))
    worst = max(worst, a.watch.distance(b.watch), testimony_distance(a.testimony, b.testimony))
    for one, other in zip(a.stats, b.stats, strict=True):
        if one is None or other is None:
            worst = max(worst, 0.0 if one is other else np.inf)
            continue
        size = np.sqrt(np.abs(np.diagonal(one.xx, axis1=1, axis2=2)))
        spread = np.sqrt(np.abs(one.cells[:, :, 0].sum(axis=1)))
        cells = np.abs(one.cells).sum(axis=1, keepdims=True)
        for difference, scale in (
            (one.xx - other.xx, size[:, :, None] * size[:, None, :]),
            (one.xy - other.xy, size * spread[:, None]),
            (one.cells - other.cells, np.broadcast_to(cells, one.cells.shape)),
        ):
            relative = np.abs(difference) / np.maximum(scale, _LEAST)
            worst = max(worst, float(relative.max(initial=0.0)))
    return worst
