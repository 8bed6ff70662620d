"""Seeded logs of decisions with known truth: of a policy that holds still, and of one that learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from banditroute.core.propensity import thompson_pmf

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORLD = np.array([[0.92, 0.85, 0.80, 0.60], [0.80, 0.85, 0.78, 0.70], [0.70, 0.60, 0.75, 0.72]])
"""Mean reward of 4 models in 3 classes, which are equally frequent."""

LOGGING = np.array([[0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]])
TARGET = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]])


TASTES = np.array([[0.62, 0.50, 0.40], [0.45, 0.55, 0.50]])
"""Mean reward of 3 models in 2 equally frequent classes, over users half of whom like them more than that,
half of them less."""


@dataclass(frozen=True)
class Logs:
    """`reps` logs of n rows: classes, actions, rewards `(reps, n)`, the pmf that drew them `(reps, n, k)`."""

    classes: Ints
    action: Ints
    reward: Floats
    pmf: Floats

    def arrays(self, rep: int, target: Floats, *, pmf: bool = False) -> dict[str, NDArray[np.generic]]:
        """What `estimate` takes, for a target `(classes, k)`."""
        drawn, action = self.pmf[rep], self.action[rep]
        arrays: dict[str, NDArray[np.generic]] = {
            "reward": self.reward[rep],
            "action": action,
            "propensity": drawn[np.arange(len(action)), action],
            "target_pmf": target[self.classes[rep]],
            "classes": self.classes[rep],
        }
        return arrays | ({"logging_pmf": drawn} if pmf else {})


def truth(target: Floats) -> float:
    """What a target earns on average."""
    return float((target * WORLD).sum(axis=1).mean())


def fixed_logs(reps: int, n: int, seed: int, logging: Floats = LOGGING) -> Logs:
    """Logs of a policy that draws by class; rewards are 0 or 1."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(len(WORLD), size=(reps, n))
    pmf = logging[classes]
    action = _drawn(pmf, rng)
    reward = (rng.random((reps, n)) < WORLD[classes, action]).astype(np.float64)
    return Logs(classes, action, reward, pmf)


def learners_logs(
    reps: int, n: int, floor: float, seed: int, *, noise: float | None = None, refresh: int = 10
) -> Logs:
    """Logs of Gaussian Thompson sampling by class, `floor` of it uniform; refitted every so many rows.

    Rewards are 0 or 1, or Beta with sd `noise`.
    """
    rng = np.random.default_rng(seed)
    c, k = WORLD.shape
    classes = rng.integers(c, size=(reps, n))
    action, reward, pmf = np.empty((reps, n), np.int64), np.empty((reps, n)), np.empty((reps, n, k))
    count, total = np.zeros((reps, c, k)), np.zeros((reps, c, k))
    every, anyone = np.arange(reps), np.ones((reps * c, k), np.bool_)
    for t in range(n):
        if t % refresh == 0:
            precision = 1.0 / 0.3**2 + count / (noise or 0.25) ** 2
            mean = (0.9 / 0.3**2 + total / (noise or 0.25) ** 2) / precision
            sd = 1.0 / np.sqrt(precision)
            now = thompson_pmf(mean.reshape(-1, k), sd.reshape(-1, k), anyone, floor).reshape(reps, c, k)
        g = classes[:, t]
        pmf[:, t] = now[every, g]
        a = _drawn(pmf[:, t], rng)
        m = WORLD[g, a]
        if noise is None:
            y = (rng.random(reps) < m).astype(np.float64)
        else:
            weight = m * (1.0 - m) / noise**2 - 1.0
            y = rng.beta(m * weight, (1.0 - m) * weight)
        action[:, t], reward[:, t] = a, y
        count[every, g, a] += 1.0
        total[every, g, a] += y
    return Logs(classes, action, reward, pmf)


def users_logs(
    reps: int, n: int, users: int, floor: float, seed: int, taste: Floats, *, uneven: bool = False
) -> tuple[Logs, Ints]:
    """Logs of such a learner over `TASTES`, and who asked `(reps, n)`, in any order; `uneven`: some far more.

    Half of the users like the models by `taste` `(3,)` more than the mean, the others by as much less.
    """
    rng = np.random.default_rng(seed)
    c, k = TASTES.shape
    classes = rng.integers(c, size=(reps, n))
    often = np.arange(1, users + 1) ** (-0.7 if uneven else 0.0)
    user = rng.choice(users, p=often / often.sum(), size=(reps, n))
    liking = rng.choice([-1.0, 1.0], size=(reps, users))
    action, reward, pmf = np.empty((reps, n), np.int64), np.empty((reps, n)), np.empty((reps, n, k))
    count, total = np.zeros((reps, c, k)), np.zeros((reps, c, k))
    every, anyone = np.arange(reps), np.ones((reps * c, k), np.bool_)
    for t in range(n):
        if t % 20 == 0:
            precision = 1.0 / 0.3**2 + count / 0.25**2
            mean, sd = (0.9 / 0.3**2 + total / 0.25**2) / precision, 1.0 / np.sqrt(precision)
            now = thompson_pmf(mean.reshape(-1, k), sd.reshape(-1, k), anyone, floor).reshape(reps, c, k)
        g = classes[:, t]
        pmf[:, t] = now[every, g]
        a = _drawn(pmf[:, t], rng)
        y = (rng.random(reps) < TASTES[g, a] + liking[every, user[:, t]] * taste[a]).astype(np.float64)
        action[:, t], reward[:, t] = a, y
        count[every, g, a] += 1.0
        total[every, g, a] += y
    return Logs(classes, action, reward, pmf), user


def _drawn(pmf: Floats, rng: np.random.Generator) -> Ints:
    """One index per row; never one of probability 0."""
    u = rng.random((*pmf.shape[:-1], 1))
    below = pmf.cumsum(axis=-1)
    return np.asarray((below / below[..., -1:] <= u).sum(axis=-1), np.int64)
