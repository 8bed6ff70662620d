"""Decide and learn in one process, one request at a time: banditroute beside its peers, in one run.

    pip install vowpalwabbit mabwiser        # once; peers are not dependencies of the project
    python benchmarks/inprocess.py [--requests 3000] [--rounds 5]

8 models, 32 features. Each round plays the same requests through every contender in turn; the table
gives the median over rounds in microseconds per request (one decision and one update), and the
ratio to the first row.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core import kernels
from banditroute.core.base import Floats
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.state import QUALITY
from banditroute.policies import get_policy
from banditroute.types import Context, Factor, Model, Observation

K, D, CLASSES = 8, 32, 6


def settings() -> Settings:
    """8 models, and as many caller's features as make a vector of 32."""
    models = tuple(
        Model(f"m{a}", usd_per_input_token=1e-6, usd_per_output_token=(a + 1) * 1e-6) for a in range(K)
    )
    classes = tuple(RequestClass(f"c{g}") for g in range(CLASSES))
    numeric = {f"f{i}": (0.0, 1.0) for i in range(D - 2 - CLASSES - 1)}
    return Settings(models=models, classes=classes, features=FeatureSettings(numeric))


def requests(n: int) -> tuple[list[Context], Floats]:
    """Contexts, and the quality `(n, k)` each model would reach."""
    rng = np.random.default_rng(0)
    names = list(settings().features.numeric)
    contexts = [
        Context(
            f"c{rng.integers(CLASSES)}", input_tokens=int(rng.integers(20, 4_000)),
            features=dict(zip(names, rng.normal(size=len(names)).tolist(), strict=True)),
        )
        for _ in range(n)
    ]  # fmt: skip
    return contexts, np.clip(0.6 + 0.03 * np.arange(K) + 0.2 * rng.normal(size=(n, K)), 0.0, 1.0)


def kernels_only(contexts: list[Context], quality: Floats) -> None:
    """The compiled loop body called from Python; one utility drawn per model, no propensity, no receipt."""
    state = initial_state(settings(), factors=("quality",))
    x, cls = state.frame.layout.encode(contexts)
    sums, fit = state.stats[QUALITY], state.posterior[QUALITY]
    assert sums is not None
    assert fit is not None
    sums, fit, center = sums.copy(), fit.movable(), state.frame.priors[QUALITY].center
    mean, variance = np.empty((1, K)), np.empty((1, K))
    normal = np.random.default_rng(1).standard_normal
    for t in range(len(contexts)):
        kernels.predict(x[t : t + 1], cls[t : t + 1], fit.theta, fit.cov, fit.kappa, mean, variance)
        a = int((mean[0] + np.sqrt(variance[0]) * normal(K)).argmax())
        y = quality[t, a] - center
        kernels.observe(sums.xx, sums.xy, sums.cells, a, cls[t], x[t], y, quality[t, a], 1.0)
        kernels.rank_one(fit.theta, fit.cov, fit.noise, fit.kappa, a, cls[t], x[t], y, 1.0)


def with_receipts(contexts: list[Context], quality: Floats, factors: tuple[Factor, ...]) -> None:
    """The public `decide` and `learn`: exact propensities, eligibility, a full receipt each time."""
    configured = settings()
    state, policy = initial_state(configured, factors=factors), get_policy("thompson", configured)
    for t, context in enumerate(contexts):
        (decision,) = decide(state, [Request("d", 0.0, t, context)], policy, configured)
        a = int(decision.model[1:])
        values = {"quality": quality[t, a], "output_tokens": 200.0 + t % 50, "seconds": 1.0 + a}
        outcomes = [Observation(context, decision.model, f, values[f], 0.0) for f in factors]
        state = learn(state, outcomes, seq=t, at=0.0, refit=False)


def vowpal_wabbit(contexts: list[Context], quality: Floats) -> None:
    """Contextual bandit with squarecb exploration, examples built from prepared strings."""
    from vowpalwabbit import Workspace

    x, _ = initial_state(settings()).frame.layout.encode(contexts)
    shared = ["shared | " + " ".join(f"f{i}:{v:.4f}" for i, v in enumerate(row) if v) for row in x]
    arms = [f"| a{a}" for a in range(K)]
    workspace = Workspace("--cb_explore_adf --squarecb -q :: --quiet")
    rng = np.random.default_rng(1)
    for t in range(len(contexts)):
        pmf = workspace.predict([shared[t], *arms])
        a = min(int(np.searchsorted(np.cumsum(pmf), rng.random())), K - 1)
        labelled = list(arms)
        labelled[a] = f"0:{1.0 - quality[t, a]:.4f}:{pmf[a]:.4f} {arms[a]}"
        workspace.learn([shared[t], *labelled])
    workspace.finish()


def mabwiser(contexts: list[Context], quality: Floats) -> None:
    """Linear Thompson sampling, one `predict` and one `partial_fit` per request."""
    from mabwiser.mab import MAB, LearningPolicy

    x, _ = initial_state(settings()).frame.layout.encode(contexts)
    bandit = MAB(list(range(K)), LearningPolicy.LinTS(alpha=0.3), seed=1)
    bandit.fit(np.arange(K), quality[0], x[:K])
    for t in range(len(contexts)):
        a = bandit.predict(x[t : t + 1])
        bandit.partial_fit(np.array([a]), np.array([quality[t, a]]), x[t : t + 1])


CONTENDERS: dict[str, tuple[Callable[[list[Context], Floats], None], float]] = {
    "banditroute kernels, quality, no propensity": (kernels_only, 1.0),
    "banditroute decide + learn, quality, receipt": (lambda c, q: with_receipts(c, q, ("quality",)), 1.0),
    "banditroute decide + learn, three factors, receipt": (
        lambda c, q: with_receipts(c, q, ("quality", "output_tokens", "seconds")), 1.0,
    ),
    "Vowpal Wabbit squarecb": (vowpal_wabbit, 1.0),
    "MABWiser LinTS": (mabwiser, 0.1),
}  # fmt: skip
"""Contender and the share of the requests it plays (the slow ones fewer)."""


def main() -> None:
    """Plays the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    contexts, quality = requests(options.requests)
    taken: dict[str, list[float]] = {}
    for round_ in range(options.rounds + 1):  # the first is a warm-up
        for name, (play, share) in CONTENDERS.items():
            n = max(20, int(share * len(contexts)))
            start = time.perf_counter()
            try:
                play(contexts[:n], quality[:n])
            except ImportError as missing:
                print(f"left out: {name} ({missing.name} is not installed)") if round_ == 0 else None
                continue
            if round_:
                taken.setdefault(name, []).append((time.perf_counter() - start) / n * 1e6)
    first = statistics.median(next(iter(taken.values())))
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:52s} {middle:9.1f} µs  ({min(times):.1f} to {max(times):.1f})  {middle / first:7.1f} x")


if __name__ == "__main__":
    main()
