"""What feedback tells of every answer, by whom, and when: people late, liars otherwise, judges soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.offline.logs.reading import Log
from banditroute.offline.worlds.scenario import Feedback, Judging, Principals
from banditroute.offline.worlds.timeline import HOUR
from banditroute.upstream.keyed import Keys, normals, subject_key, uniforms

# Beyond the streams of the worlds and of the course.
_TOLD, _LATE, _NOISE, _WHO, _WHICH, _LIE, _JUDGED, _VERDICT, _STRICT = 100, 101, 103, *range(110, 116)
_FEEDBACK = subject_key("feedback")

DELAY_SD = 1.0
"""Sd of the log of a feedback's delay."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What is said of every answer `(n, k)`, NaN where nothing: `heard`, `honest` (if nobody lied) and
    `judged`; `told` `(n, k)` is the request before which people's word is known, more than n where that
    is too late. `speaker` `(n,)` is the number of the principal whose request it is, `liar` `(n,)` whether
    he lies then.
    """

    heard: Floats
    honest: Floats
    told: Ints
    judged: Floats
    speaker: Ints
    liar: Bools


def speech(
    feedback: Feedback, principals: Principals, judging: Judging, log: Log, failed: Bools, keys: Keys
) -> Speech:
    """What is told in one seed. Whether a request gets scored, and by whom, is its own luck, the same whoever
    answers, but for the score."""
    n, names = len(log), log.models
    speaker, liar = _speakers(principals, keys)
    bias = np.array([feedback.bias.get(name, 0.0) for name in names])
    leans = bias * (np.arange(n) >= feedback.bias_from)[:, None]
    own = principals.strictness * normals(speaker.astype(np.uint64), _FEEDBACK, _STRICT)
    said = np.clip(
        log.quality + leans + own[:, None] + feedback.noise * _each(normals, keys, names, _NOISE), 0, 1
    )
    if feedback.thumbs:
        said = (_each(uniforms, keys, names, _LATE) < said) * 1.0
    rate = np.where(log.quality < feedback.below, feedback.rate_below, feedback.rate)
    scored = uniforms(keys, _FEEDBACK, _TOLD)[:, None] < rate

    def standing(word: Floats) -> Floats:
        return np.where(failed, 0.0, np.where(scored, word, np.nan))

    lies = np.where(liar[:, None], _lies(principals, said, names, feedback.thumbs, keys), said)
    assert log.at is not None
    delay = feedback.delay_hours * HOUR * np.exp(DELAY_SD * normals(keys, _FEEDBACK, _LATE))
    late = np.maximum(np.searchsorted(log.at, log.at + delay, side="left"), np.arange(n) + 1)
    told = np.where(failed, np.arange(n)[:, None] + 1, late[:, None])
    return Speech(standing(lies), standing(said), told, _judged(judging, log, failed, keys), speaker, liar)


def _speakers(principals: Principals, keys: Keys) -> tuple[Ints, Bools]:
    """Whose each request is, and whether he lies then; liars have the last numbers."""
    n, crowd = len(keys), principals.count
    liars = round(principals.liars * crowd)
    volume = liars / crowd if principals.volume is None else principals.volume if liars else 0.0
    lying = uniforms(keys, _FEEDBACK, _WHO) < volume
    which = uniforms(keys, _FEEDBACK, _WHICH)
    honest = np.floor(which * (crowd - liars))
    speaker = np.where(lying, crowd - liars + np.floor(which * liars), honest).astype(np.int64)
    return speaker, lying & (np.arange(n) >= principals.lies_from)


def _lies(principals: Principals, said: Floats, names: tuple[str, ...], thumbs: bool, keys: Keys) -> Floats:
    """What a liar says `(n, k)` where an honest one would have said `said`."""
    kind = principals.lie.partition(":")[0]
    if kind == "invert":
        return 1.0 - said
    if kind == "random":
        any_score = _each(uniforms, keys, names, _LIE)
        return np.round(any_score) if thumbs else any_score
    spoken_for = np.array([name == principals.boosted for name in names])
    return np.where(spoken_for, 1.0, said if kind == "flatter" else 0.0)


def _judged(judging: Judging, log: Log, failed: Bools, keys: Keys) -> Floats:
    """The judge's scores `(n, k)`; calls that failed have no answer to score."""
    bias = np.array([judging.bias.get(name, 0.0) for name in log.models])
    noise = judging.noise * _each(normals, keys, log.models, _VERDICT)
    score = np.clip(judging.lean + judging.slope * log.quality + bias + noise, 0.0, 1.0)
    sampled = uniforms(keys, _FEEDBACK, _JUDGED)[:, None] < judging.rate
    return np.where(sampled & ~failed, score, np.nan)


def _each(
    draw: Callable[[Keys, np.uint64, int], Floats], keys: Keys, names: tuple[str, ...], stream: int
) -> Floats:
    """Luck of every request with every model, `(n, k)`."""
    return np.stack([draw(keys, subject_key(name), stream) for name in names], axis=1)
