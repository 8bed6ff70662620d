"""The posterior: held against the written recipe, against textbook conjugacy, and against its promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.settings import FeatureSettings, PolicySettings, RequestClass, Settings
from banditroute.core.decide import initial_state, learn
from banditroute.core.state import QUALITY, TOKENS, State
from banditroute.core.summary import summary
from banditroute.types import Context, Factor, Model, Observation

MODELS = tuple(
    Model(f"m{i}", usd_per_input_token=1e-6, usd_per_output_token=2e-6 * (i + 1)) for i in range(3)
)
SETTINGS = Settings(models=MODELS, classes=tuple(RequestClass(f"c{i}") for i in range(4)))


def observed(
    n: int, seed: int, *, factor: Factor = "quality", models: tuple[Model, ...] = MODELS
) -> list[Observation]:
    rng = np.random.default_rng(seed)
    rows = []
    for t in range(n):
        g, a = int(rng.integers(4)), int(rng.integers(len(models)))
        score = 0.6 + 0.1 * a - 0.05 * g + 0.1 * rng.normal()
        value = score if factor == "quality" else math.exp(score)
        tokens = int(rng.integers(5, 3000))
        rows.append(Observation(Context(f"c{g}", input_tokens=tokens), models[a].id, factor, value, float(t)))
    return rows


def after(rows: list[Observation], settings: Settings = SETTINGS, at: float = 0.0) -> State:
    return learn(initial_state(settings), rows, seq=len(rows), at=at)


def recipe(y: list[list[list[float]]], s0: float, m0: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance per (model, class) by the sweeps as they are written down, cell by cell."""
    c = len(y[0])
    n = np.array([[len(cell) for cell in row] for row in y], float)
    ybar = np.array([[np.mean(cell) if cell else 0.0 for cell in row] for row in y])
    wss = np.array([sum(np.sum((np.array(cell) - np.mean(cell)) ** 2) for cell in row if cell) for row in y])
    df = np.maximum(n - 1, 0).sum(axis=1)
    s_bar = (3 * s0 + wss.sum()) / (3 + df.sum())
    sigma2 = (8 * s_bar + wss) / (8 + df)
    s_mu, tau, omega = s_bar, s_bar / 20, s_bar / 4
    s_mu0, tau0, omega0 = s_mu, tau, omega
    m = (2 * m0 + sum(sum(cell) for row in y for cell in row)) / (2 + n.sum())
    kappa = np.zeros(c)
    has = n > 0
    for _ in range(8):
        with np.errstate(divide="ignore"):
            w = np.where(has, 1 / (sigma2[:, None] / n + tau), 0.0)
            beta = np.where(has, tau / (tau + sigma2[:, None] / n), 0.0)
        v_a = 1 / (1 / s_mu + w.sum(axis=1))
        mu = v_a * (m / s_mu + (w * (ybar - kappa)).sum(axis=1))
        v_g = 1 / (1 / omega + w.sum(axis=0))
        kappa = v_g * (w * (ybar - mu[:, None])).sum(axis=0)
        delta = beta * (ybar - kappa - mu[:, None])
        seen_models, seen_classes = has.any(axis=1), has.any(axis=0)
        apart = (delta**2 + tau * (1 - beta) + beta**2 * v_a[:, None])[has].sum()
        left = (1 - beta) * (ybar - kappa - mu[:, None])
        left = np.where(has, n * (left**2 + tau * (1 - beta) + (1 - beta) ** 2 * v_a[:, None]), 0.0)
        sigma2 = (8 * s_bar + wss + left.sum(axis=1)) / (8 + n.sum(axis=1))
        tau = (4 * tau0 + apart) / (4 + has.sum())
        s_mu = min(s_mu0, (2 * s_mu0 + ((mu - m) ** 2 + v_a)[seen_models].sum()) / (2 + seen_models.sum()))
        omega = (4 * omega0 + (kappa**2 + v_g)[seen_classes].sum()) / (4 + seen_classes.sum())
    with np.errstate(divide="ignore"):
        w = np.where(has, 1 / (sigma2[:, None] / n + tau), 0.0)
        beta = np.where(has, tau / (tau + sigma2[:, None] / n), 0.0)
    v_a = 1 / (1 / s_mu + w.sum(axis=1))
    mu = v_a * (m / s_mu + (w * (ybar - kappa)).sum(axis=1))
    delta = beta * (ybar - kappa - mu[:, None])
    return kappa + mu[:, None] + delta, tau * (1 - beta) + (1 - beta) ** 2 * v_a[:, None]


def test_the_linear_model_is_the_written_hierarchy() -> None:
    rng = np.random.default_rng(0)
    y = [
        [list(0.5 + 0.1 * a + 0.1 * rng.normal(size=rng.integers(0, 9))) for _ in range(4)] for a in range(3)
    ]
    y[2][1] = []
    rows = [
        Observation(Context(f"c{g}"), f"m{a}", "quality", value, 0.0)
        for a, row in enumerate(y)
        for g, cell in enumerate(row)
        for value in cell
    ]
    mean, variance = recipe([[*row, []] for row in y], s0=0.05, m0=0.9)  # the class `other` has no data
    beliefs = iter(summary(after(rows)))
    for a in range(3):
        for g in range(5):
            quality = next(beliefs).quality
            assert quality is not None
            assert quality.mean == pytest.approx(mean[a, g], rel=1e-12)
            assert (quality.high - quality.mean) / 1.959963984540054 == pytest.approx(
                math.sqrt(variance[a, g]), rel=1e-10
            )


def test_coefficients_are_conjugate_regression() -> None:
    """With the variances found, theta and cov are ridge regression on the raw rows."""
    state = after(observed(200, 1))
    fitted, prior = state.posterior[QUALITY], state.frame.priors[QUALITY]
    assert fitted is not None
    x, cls = state.frame.layout.encode([o.context for o in observed(200, 1)])
    mine = np.array([o.model == "m1" for o in observed(200, 1)])
    y = np.array([o.value for o in observed(200, 1)]) - prior.center - fitted.kappa[cls]
    precision = np.linalg.inv(fitted.covariance[1])
    ridge = np.diag(precision - x[mine].T @ x[mine] / fitted.noise[1])
    assert (ridge > 0.0).all()
    assert np.allclose(precision - x[mine].T @ x[mine] / fitted.noise[1], np.diag(ridge), atol=1e-6)
    overall = (np.array([o.value for o in observed(200, 1)]) - prior.center).sum() / 202.0
    pull = np.zeros(len(ridge))
    pull[0] = ridge[0] * overall
    expected = fitted.covariance[1] @ (pull + x[mine].T @ y[mine] / fitted.noise[1])
    np.testing.assert_allclose(fitted.theta[1], expected, rtol=1e-8, atol=1e-12)


def test_order_and_batches_do_not_matter() -> None:
    rows = observed(300, 2)
    whole = after(rows)
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(300)]
    bits = initial_state(SETTINGS)
    for start in range(0, 300, 7):
        bits = learn(bits, shuffled[start : start + 7], seq=start, at=0.0)
    one, other = whole.posterior[QUALITY], bits.posterior[QUALITY]
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.cov, other.cov, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("factor", ["quality", "output_tokens", "seconds"])
def test_an_empty_class_or_model_moves_nothing(factor: Factor) -> None:
    rows = observed(150, 3, factor=factor)
    wider = replace(
        SETTINGS,
        models=(*MODELS, Model("new", usd_per_input_token=1e-6, usd_per_output_token=1e-6)),
        classes=(*SETTINGS.classes, RequestClass("brand_new")),
    )
    before = {(b.model, b.request_class): b for b in summary(after(rows))}
    for b in summary(after(rows, wider)):
        if (b.model, b.request_class) in before:
            old = before[b.model, b.request_class]
            for one, other in ((b.quality, old.quality), (b.usd, old.usd), (b.seconds, old.seconds)):
                assert one is not None
                assert other is not None
                assert one.mean == pytest.approx(other.mean, rel=1e-9)
                assert one.low == pytest.approx(other.low, rel=1e-9)


def asked(o: Observation, **what: object) -> Observation:
    return structs.replace(o, context=structs.replace(o.context, **what))


def test_an_undeclared_class_is_other() -> None:
    rows = [asked(o, request_class="never declared") for o in observed(50, 4)]
    named = [asked(o, request_class="other") for o in rows]
    assert summary(after(rows)) == summary(after(named))


def test_taking_back_leaves_nothing() -> None:
    rows = observed(60, 5)
    back = [structs.replace(o, weight=-1.0) for o in rows[20:]]
    clean, taken = after(rows[:20]), after([*rows, *back])
    for one, other in zip(summary(clean), summary(taken), strict=True):
        assert one.quality is not None
        assert other.quality is not None
        assert one.quality.mean == pytest.approx(other.quality.mean, rel=1e-9)


def test_forgetting_goes_by_the_age_of_the_decision_and_keeps_the_prior() -> None:
    day = 86_400.0
    settings = replace(SETTINGS, policy=PolicySettings(half_life_days={"quality": 2.0}))
    rows = [structs.replace(o, decided_at=i * day / 50.0) for i, o in enumerate(observed(400, 6))]
    now = 20.0 * day
    sums = after(rows, settings, now).stats[QUALITY]
    assert sums is not None
    scale = 2.0 ** (-(now - 20.0 * day) / (2.0 * day))
    by_hand = sum(2.0 ** ((o.decided_at - 20.0 * day) / (2.0 * day)) for o in rows)
    assert sums.cells[:, :, 2].sum() * scale == pytest.approx(by_hand, rel=1e-12)
    # Rebasing is exact: learning in steps over a long time gives the sums of learning at once.
    steps = initial_state(settings)
    for i, o in enumerate(rows):
        steps = learn(steps, [o], seq=i, at=o.decided_at)
    late = learn(steps, [], seq=400, at=now)
    other = late.stats[QUALITY]
    assert other is not None
    np.testing.assert_allclose(other.xx, sums.xx, rtol=1e-12, atol=1e-14)
    # A model nobody asks widens towards the prior, and never beyond it.
    much_later = learn(late, [], seq=401, at=now + 400.0 * day)
    cold = initial_state(settings)
    for near, far, prior in zip(summary(late), summary(much_later), summary(cold), strict=True):
        assert near.quality is not None
        assert far.quality is not None
        assert prior.quality is not None
        assert near.quality.mean - near.quality.low < far.quality.mean - far.quality.low
        assert far.quality.mean == pytest.approx(prior.quality.mean, abs=1e-6)


def test_deployments_share_quality_and_keep_their_own_wait() -> None:
    models = (replace(MODELS[0], group="gpt"), replace(MODELS[1], group="gpt"), MODELS[2])
    settings = replace(SETTINGS, models=models)
    rows = [
        *(structs.replace(o, model="m1") for o in observed(40, 7)),
        *(structs.replace(o, model="m1") for o in observed(40, 7, factor="seconds")),
    ]
    beliefs = {(b.model, b.request_class): b for b in summary(after(rows, settings))}
    twin, asked = beliefs["m0", "c0"], beliefs["m1", "c0"]
    assert twin.quality == asked.quality
    assert twin.seconds is not None
    assert asked.seconds is not None
    assert twin.seconds.n == 0.0
    assert asked.seconds.n > 0.0
    assert twin.seconds.high > asked.seconds.high


def test_means_of_logarithms_are_means_of_values() -> None:
    """500 log-normal waits per model with sd 0.8: the predicted mean is within 4 standard errors (4·4.2%)."""
    rng = np.random.default_rng(8)
    rows = [
        Observation(Context("c0"), f"m{a}", "seconds", float(np.exp(0.8 * rng.normal() + a)), 0.0)
        for a in range(3)
        for _ in range(500)
    ]
    for b in summary(after(rows)):
        if b.request_class == "c0":
            a = int(b.model[1])
            assert b.seconds is not None
            assert b.seconds.mean == pytest.approx(math.exp(a + 0.32), rel=0.17)
            assert b.seconds.mean == pytest.approx(
                np.mean([o.value for o in rows if o.model == b.model]), rel=0.02
            )


def test_zeros_count_in_the_mean_and_have_no_logarithm() -> None:
    rows = [Observation(Context("c0"), "m0", "seconds", 2.0 * (i % 2), 0.0) for i in range(400)]
    belief = next(b for b in summary(after(rows)) if (b.model, b.request_class) == ("m0", "c0"))
    assert belief.seconds is not None
    assert belief.seconds.mean == pytest.approx(1.0, rel=0.05)


def test_one_failure_does_not_condemn_a_model() -> None:
    """A first outcome of 0 where all others are near 0.8: the model stays worth another try, also when the
    others have taught how little outcomes vary."""
    failed = Observation(Context("c0"), "m0", "quality", 0.0, 0.0)
    rng = np.random.default_rng(11)
    good = [
        Observation(Context("c0"), f"m{1 + i % 2}", "quality", 0.8 + 0.1 * rng.normal(), 0.0)
        for i in range(200)
    ]
    beliefs = {(b.model, b.request_class): b.quality for b in summary(after([failed, *good]))}
    belief = beliefs["m0", "c0"]
    assert belief is not None
    assert belief.mean > 0.5
    assert belief.high > 0.8


def test_a_mistaken_unit_does_not_drown_the_others() -> None:
    rows = observed(300, 12, factor="output_tokens")
    wild = structs.replace(rows[0], model="m0", value=1e12)
    tiny = structs.replace(wild, value=1e-300)
    calm = {(b.model, b.request_class): b.usd for b in summary(after(rows))}
    for poison in (wild, tiny):
        for b in summary(after([*rows, poison])):
            if b.model != "m0" and b.request_class != "other":
                before = calm[b.model, b.request_class]
                assert b.usd is not None
                assert before is not None
                assert b.usd.mean == pytest.approx(before.mean, rel=0.5)


def test_usd_alone_teaches_the_tokens_of_a_priced_model() -> None:
    context = Context("c0", input_tokens=1000)
    paid = MODELS[0].usd_per_input_token * 1000 + MODELS[0].usd_per_output_token * 250  # type: ignore[operator]
    by_usd = after([Observation(context, "m0", "usd", paid, 0.0)])
    by_tokens = after([Observation(context, "m0", "output_tokens", 250.0, 0.0)])
    one, other = by_usd.stats[TOKENS], by_tokens.stats[TOKENS]
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.xy, other.xy, rtol=1e-9)
    both = after([Observation(context, "m0", "usd", paid, 0.0, metered=True)])
    assert both.stats[TOKENS] is not None
    assert not both.stats[TOKENS].xy.any()


def test_one_absurd_feature_cannot_outweigh_the_rest() -> None:
    settings = replace(SETTINGS, features=FeatureSettings({"difficulty": (0.5, 0.25)}))
    rows = [asked(o, features={"difficulty": 0.5}) for o in observed(100, 9)]
    wild = asked(rows[0], features={"difficulty": 1e300})
    for b in summary(after([*rows, wild], settings)):
        assert b.quality is not None
        assert math.isfinite(b.quality.mean)
        assert 0.3 < b.quality.mean < 1.1
