"""Judges: whose they are, how many there may be, and that who is not believed falsifies none."""

from __future__ import annotations

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.feedback.instruments import (
    MOST_JUDGES,
    MOST_OF_ONE,
    OTHERS,
    Instrument,
    admitted,
    as_believed,
    auditors,
    empty_instrument,
    of_model,
    with_judged,
    with_pairs,
)
from banditroute.core.feedback.speakers import Belief, adjustment, no_speakers, observe

K, C, CENTER = 3, 2, 0.5


def test_a_principal_has_few_instruments_and_the_service_s_own_always_a_place() -> None:
    known: dict[str, None] = {}
    for i in range(40):
        known[admitted(f"j{i}/1 (p0)", known)] = None
    for i in range(200):
        known[admitted(f"j{i % 9}/1 (p{i % 40})", known)] = None
    of_one = [name for name in known if name.endswith("(p0)")]
    assert len(of_one) == MOST_OF_ONE + 1
    assert f"{OTHERS} (p0)" in of_one
    assert len(known) == MOST_JUDGES + 1
    assert OTHERS in known
    assert admitted("mid/pointwise-1", known) == "mid/pointwise-1"
    assert admitted("j0/1 (p0)", known) == "j0/1 (p0)"


def test_no_judge_outside_shows_who_answers() -> None:
    """Those of no principal do, whichever judge is configured now; the next verdict is one of its model."""
    names = (
        "gpt/pointwise-1",
        "gpt/strict-2",
        "gpt-mini/pointwise-1",
        "gpt/pointwise-1 (acme)",
        "x (x ()",
        OTHERS,
    )
    known = {name: empty_instrument(K, C, 1 + C) for name in names}
    outside = {name: known[name] for name in names[3:]}
    assert set(auditors(known)) == set(names[:3])
    assert not auditors(outside)
    assert set(of_model(known, "gpt")) == {"gpt/pointwise-1", "gpt/strict-2"}
    assert set(of_model(known, "")) == set(of_model(known, "silent")) == set(names[:3])
    assert of_model(outside, "gpt") == outside


def crowd(rng: np.random.Generator, names: list[str], n: int = 300) -> tuple[np.ndarray, ...]:
    """Some answers: who scored them, model rows, classes, and their quality."""
    who = rng.integers(0, len(names), n)
    rows, cls = rng.integers(0, K, n), rng.integers(0, C, n)
    return who, rows, cls, np.clip(0.8 - 0.15 * rows + rng.normal(0.0, 0.1, n), 0.0, 1.0)


def vectors(cls: np.ndarray) -> np.ndarray:
    x = np.zeros((len(cls), 1 + C))
    x[:, 0] = 1.0
    x[np.arange(len(cls)), 1 + cls] = 1.0
    return x


def played(liar: bool) -> tuple[Instrument, Belief, Instrument]:
    """A judge beside people, one of whom may lie; what is believed of them, and the judge beside all others,
    who scored alone what he lied about."""
    rng = np.random.default_rng(3)
    names = [f"p{i}" for i in range(10)]
    who, rows, cls, quality = crowd(rng, names)
    lies = (who == 0) & liar
    said = np.where(lies, np.where(rows == 0, 0.0, 1.0), quality)
    scores, one = np.clip(quality + rng.normal(0.05, 0.1, len(who)), 0.0, 1.0), np.ones(len(who))
    called = [names[w] for w in who]
    judge = with_pairs(empty_instrument(K, C, 1 + C), rows, cls, scores, said, one, CENTER, called)
    speakers = observe(no_speakers(K, C), called, rows, cls, said - CENTER, one)
    clean = empty_instrument(K, C, 1 + C)
    left = ~lies
    clean = with_pairs(clean, rows[left], cls[left], scores[left], said[left], one[left], CENTER)
    if lies.any():
        x = vectors(cls[lies])
        clean = with_judged(clean, rows[lies], cls[lies], x, scores[lies], one[lies], CENTER)
    return judge, adjustment(speakers, TrustSettings()), clean


def test_a_judge_is_measured_by_those_who_are_believed() -> None:
    """What a liar said beside a judge counts for nothing, and the judge's scores then stand alone."""
    judge, belief, clean = played(liar=True)
    assert (belief.weight == 0.0).sum() == 1
    plain = Belief(**{**{f: getattr(belief, f) for f in Belief.__slots__}, "offset": 0.0 * belief.offset})
    found = as_believed(judge, plain, CENTER)
    np.testing.assert_allclose(found.pairs, clean.pairs, atol=1e-9)
    np.testing.assert_allclose(found.judged.xx, clean.judged.xx, atol=1e-9)
    np.testing.assert_allclose(found.judged.xy, clean.judged.xy, atol=1e-9)
    np.testing.assert_allclose(found.judged.cells, clean.judged.cells, atol=1e-9)
    assert not np.allclose(judge.pairs, clean.pairs)


def test_where_nobody_is_doubted_nothing_moves_but_offsets() -> None:
    judge, belief, _ = played(liar=False)
    assert (belief.weight == 1.0).all()
    found = as_believed(judge, belief, CENTER)
    np.testing.assert_array_equal(found.pairs[..., [0, 1, 3]], judge.pairs[..., [0, 1, 3]])
    np.testing.assert_array_equal(found.judged.xx, judge.judged.xx)
    unknown = Belief(
        **{**{f: getattr(belief, f) for f in Belief.__slots__}, "speaker": belief.speaker + 10**6}
    )
    assert as_believed(judge, unknown, CENTER) is judge


def test_what_is_taken_back_is_forgotten() -> None:
    args = np.array([1]), np.array([0]), np.array([0.3]), np.array([0.9])
    judge = with_pairs(empty_instrument(K, C, 1 + C), *args, np.ones(1), CENTER, ["ann"])
    assert len(judge.key) == 1
    gone = with_pairs(judge, *args, -np.ones(1), CENTER, ["ann"])
    assert len(gone.key) == 0
    assert not gone.pairs.any()
