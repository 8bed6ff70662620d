"""The parts of an estimate: the model of the reward, and how well a log covers a target."""

from __future__ import annotations

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline.estimators import estimate, fit_q, weights_diagnostics
from banditroute.offline.estimators.regression import RIDGE
from tests.offline.logged_worlds import LOGGING, TARGET, WORLD, fixed_logs


def linear_log(n: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, actions, rewards, and the mean reward of 3 models, each linear in the features."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 5)) * np.array([1.0, 1.0, 1000.0, 1.0, 1.0])
    theta = rng.normal(size=(3, 5)) / np.array([1.0, 1.0, 1000.0, 1.0, 1.0])
    mean = 7.0 + x @ theta.T
    action = rng.integers(3, size=n)
    return x, action, mean[np.arange(n), action] + 0.1 * rng.normal(size=n), mean


@pytest.mark.parametrize("order", ["any", "time"])
def test_a_linear_world_is_learned(order: str) -> None:
    x, action, reward, mean = linear_log()
    q = fit_q(reward, action, 3, x=x, order=order)  # type: ignore[arg-type]
    assert np.sqrt(((q - mean)[1_000:] ** 2).mean()) < 0.05


def test_one_fold_by_hand() -> None:
    """Two folds, an intercept alone: the other fold's mean of the model, pulled to that of all by 4 rows."""
    reward, action = np.array([1.0, 0.0, 0.5, 0.25, 0.75, 1.0]), np.array([0, 0, 1, 1, 0, 1])
    q = fit_q(reward, action, 2, folds=2, seed=3)
    fold = np.arange(6) % 2
    np.random.default_rng(3).shuffle(fold)
    for i in range(6):
        others = fold != fold[i]
        for a in range(2):
            mine = others & (action == a)
            mean = reward[others].mean()
            by_hand = mean + (reward[mine] - mean).sum() / (mine.sum() + RIDGE)
            assert q[i, a] == pytest.approx(by_hand, rel=1e-12)


def test_no_row_teaches_itself() -> None:
    """Changing one reward changes no prediction of its own fold, and some of the others."""
    x, action, reward, _ = linear_log(200)
    changed = reward.copy()
    changed[17] += 100.0
    moved = np.abs(fit_q(changed, action, 3, x=x) - fit_q(reward, action, 3, x=x)).max(axis=1)
    assert moved[17] == 0.0
    assert (moved == 0.0).sum() == 40
    assert (moved > 0.0).sum() == 160


def test_time_order_knows_no_later_row() -> None:
    x, action, reward, _ = linear_log(2_000)
    q = fit_q(reward, action, 3, x=x, order="time")
    for t in (0, 5, 16, 100, 777, 1_999):
        later = np.arange(2_000) >= t
        other = fit_q(np.where(later, 55.0, reward), np.where(later, 2, action), 3, x=x, order="time")
        np.testing.assert_array_equal(q[: t + 1], other[: t + 1])
    other = fit_q(np.where(np.arange(2_000) < 50, 55.0, reward), action, 3, x=x, order="time")
    assert (np.abs(other - q).max(axis=1) > 0.0)[100:].all()


def test_what_nothing_is_known_of() -> None:
    """The first rows in time, and a model that was never taken."""
    reward, action = np.full(100, 0.9), np.zeros(100, np.int64)
    q = fit_q(reward, action, 2, order="time", bounds=(0.0, 1.0))
    np.testing.assert_allclose(q[:16], 0.5)
    np.testing.assert_allclose(q[16:], 0.9)
    x, action, reward, _ = linear_log(500)
    low, high = np.quantile(reward, [0.2, 0.8])
    cut = fit_q(np.clip(reward, low, high), action, 3, x=x, bounds=(low, high))
    assert cut.min() == low
    assert cut.max() == high


def test_classes_are_features() -> None:
    logs = fixed_logs(1, 40_000, 2)
    names = np.array(["code", "chat", "other"])[logs.classes[0]]
    q = fit_q(logs.reward[0], logs.action[0], 4, classes=names)
    np.testing.assert_allclose(q, WORLD[logs.classes[0]], atol=0.06)
    by_index = fit_q(logs.reward[0], logs.action[0], 4, classes=logs.classes[0])
    np.testing.assert_allclose(q, by_index, rtol=1e-9)


def test_clusters_share_a_fold() -> None:
    x, action, reward, _ = linear_log(200)
    users = np.repeat(np.arange(40), 5)
    changed = np.where(users == 3, reward + 100.0, reward)
    moved = np.abs(
        fit_q(changed, action, 3, x=x, cluster=users) - fit_q(reward, action, 3, x=x, cluster=users)
    )
    assert (moved[users == 3] == 0.0).all()
    with pytest.raises(LogError, match="3 clusters do not make 5"):
        fit_q(reward, action, 3, cluster=np.arange(200) % 3)


def test_a_model_of_nonsense_is_refused() -> None:
    for reward, action in [([np.nan, 1.0], [0, 1]), ([0.0, 1.0], [0, 2]), ([0.0, 1.0], [-1, 1])]:
        with pytest.raises(LogError, match="finite rewards"):
            fit_q(np.array(reward), np.array(action), 2, folds=2)


def test_overlap_by_hand() -> None:
    found = weights_diagnostics(
        [0, 1, 1, 0],
        [0.5, 0.25, 0.5, 0.8],
        [[0.6, 0.4], [0.5, 0.5], [0.2, 0.8], [1.0, 0.0]],
        logging_pmf=[[0.5, 0.5], [0.75, 0.25], [0.5, 0.5], [0.8, 0.2]],
        classes=["code", "code", "chat", "chat"],
    )
    assert found.ess == pytest.approx(6.05**2 / 9.5625)
    assert (found.max_weight, found.max_weight_share, found.mean_weight) == pytest.approx(
        (2.0, 2.0 / 6.05, 6.05 / 4)
    )
    np.testing.assert_allclose(found.logged, [2.0, 2.0])
    np.testing.assert_allclose(found.wanted, [2.3, 1.7])
    np.testing.assert_allclose(found.model_ess, [2.45**2 / (1.44 + 1.5625), 3.6**2 / (4.0 + 2.56)])
    np.testing.assert_allclose(found.model_max_weight, [1.25, 2.0])
    assert found.unsupported == 0.0
    assert set(found.by_class) == {"code", "chat"}
    assert found.by_class["code"].ess == pytest.approx(3.2**2 / 5.44)
    assert weights_diagnostics([0], [0.5], [[1.0, 0.0]]).unsupported is None


def test_overlap_shows_what_the_log_never_could() -> None:
    half = np.tile([0.5, 0.5, 0.0, 0.0], (3, 1))
    blind = fixed_logs(1, 1_000, 4, half).arrays(0, TARGET, pmf=True)
    seen = fixed_logs(1, 1_000, 4, LOGGING).arrays(0, TARGET, pmf=True)
    names = ("action", "propensity", "target_pmf", "logging_pmf", "classes")
    found = weights_diagnostics(**{name: blind[name] for name in names})
    # Models 2 and 3 have .2, .2 and .8 of the target in the three classes.
    assert found.unsupported == pytest.approx(0.4, abs=0.05)
    assert found.mean_weight == pytest.approx(0.6, abs=0.1)
    assert found.model_ess[2] == found.model_ess[3] == 0.0
    assert weights_diagnostics(**{name: seen[name] for name in names}).unsupported == 0.0
    with pytest.raises(LogError, match="classes needs one entry"):
        weights_diagnostics(seen["action"], seen["propensity"], seen["target_pmf"], classes=["code"])


@pytest.mark.parametrize(
    ("propensity", "target"),
    [(1.0, [0.5, 0.5, 0.0]), (0.25, [1.0, 0.0, 0.0])],
    ids=["the log had no choice", "propensities too small"],
)
def test_weights_that_do_not_average_1_are_refused(propensity: float, target: list[float]) -> None:
    n = 2_000
    value = estimate(
        "ips",
        reward=(np.arange(n) % 2).astype(float),
        action=np.zeros(n, np.int64),
        propensity=np.full(n, propensity),
        target_pmf=np.tile(target, (n, 1)),
    )
    assert value.refusal is not None
    assert "average" in value.refusal
    assert np.isnan(value.low)


@pytest.mark.parametrize(("drawn", "agrees"), [(18, None), (24, "0.396 to 0.604 agrees"), (28, "")])
def test_bad_luck_is_told_apart_from_what_luck_does_not_explain(drawn: int, agrees: str | None) -> None:
    """A model expected 6.7 times in 400 rows and found 18, 24 or 28 times: an interval, one at a higher level
    only, or none. (24 or more come once in six million logs.)"""
    n = 400
    action = np.ones(n, np.int64)
    action[: 10 * drawn : 10] = 0
    value = estimate(
        "ips",
        reward=(np.arange(n) // 10 % 2).astype(float),
        action=action,
        propensity=np.where(action == 0, 1 / 60, 59 / 60),
        target_pmf=np.tile([1.0, 0.0], (n, 1)),
        interval="sequence",
    )
    if agrees is None:
        assert value.refusal is None
        assert 0.0 < value.low < value.high < 1.0
        return
    assert value.refusal is not None
    assert np.isnan(value.low)
    assert agrees in value.refusal
    assert ("cannot be right" in value.refusal) == (not agrees)


def test_ends_that_contradict_each_other_are_refused() -> None:
    n = 2_000
    value = estimate(
        "ips",
        reward=(np.arange(n) % 2).astype(float),
        action=np.arange(n) % 2,
        propensity=np.full(n, 1e-12),
        target_pmf=np.full((n, 2), 0.5),
        interval="sequence",
    )
    assert value.refusal is not None
    assert "cannot be right" in value.refusal
