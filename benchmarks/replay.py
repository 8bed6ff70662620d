"""Speed of a replay in memory: 8 models, 32 features, a learner that is updated at every request.

    python benchmarks/replay.py [--requests 1000000] [--rounds 1]

The peer takes `pip install vowpalwabbit`, and is left out without. One thread. The log is made beforehand;
its requests are encoded, chosen for and learned from in the time that is measured. Wall clock on a busy
machine is noise: processor time stands beside it. Vowpal Wabbit (squarecb) is given prepared text: once
request by request from Python, as the replay does, and once as a file of choices already made, from which it
only learns; both on fewer requests.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core.features import layout_of
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.learning import replay_learning
from banditroute.offline.replay.run import replay
from banditroute.offline.replay.traffic import encode
from banditroute.policies import get_policy
from banditroute.types import Model, Weights

K, CLASSES, NUMERIC = 8, 10, 19  # with the intercept, `other` and the tokens: 32 features

THREE = Weights(quality=1.0, usd=20.0, second=0.01)
ONE = Weights(quality=1.0, usd=0.0)
STATIC = ("fixed:m3", "cheapest", "best_prior", "random", "round_robin", "per_class:{c1: m2, *: m5}")


def make_log(n: int, *, three: bool) -> Log:
    """As many requests with the outcome of every model; with `three`, USD and seconds beside quality."""
    rng = np.random.default_rng(0)
    cls = rng.integers(0, CLASSES, n)
    features = rng.normal(size=(n, NUMERIC))
    level = 0.6 + 0.1 * rng.normal(size=(CLASSES, K))
    slope = 0.03 * rng.normal(size=(NUMERIC, K))
    nothing = np.full((n, K), np.nan)
    usd = np.exp(-7.0 + 0.3 * np.arange(K) + 0.3 * rng.normal(size=(n, K))) if three else nothing
    seconds = np.exp(0.1 * np.arange(K) + 0.5 * rng.normal(size=(n, K))) if three else nothing
    return Log(
        kind="full_information",
        request_ids=np.arange(n).astype(str),
        models=tuple(f"m{a}" for a in range(K)),
        classes=tuple(f"c{g}" for g in range(CLASSES)),
        class_index=cls,
        quality=np.clip(level[cls] + features @ slope + 0.2 * rng.normal(size=(n, K)), 0.0, 1.0),
        usd=usd,
        seconds=seconds,
        output_tokens=nothing,
        input_tokens=rng.integers(5, 4_000, n).astype(np.float64),
        features={f"f{i}": features[:, i].copy() for i in range(NUMERIC)},
    )


def settings_of(log: Log) -> Settings:
    """Models, classes and features of the log."""
    return Settings(
        models=tuple(Model(m, usd_per_request=0.001 * (1 + a)) for a, m in enumerate(log.models)),
        classes=tuple(RequestClass(g) for g in log.classes),
        features=FeatureSettings(dict.fromkeys(log.features, (0.0, 1.0))),
    )


def learner(log: Log, weights: Weights) -> float:
    """Replays Thompson; the mean reward it reached."""
    settings = settings_of(log)
    actions, state = replay_learning(log, get_policy("thompson", settings), settings, weights, 0)
    assert state.frame.layout.size == 32
    order = np.random.default_rng([0, 0]).permutation(len(log))
    return float(log.quality[order, actions].mean())


def static(log: Log, name: str) -> float:
    """Replays a static rule; the mean quality it reached."""
    settings = settings_of(log)
    run = replay(log, get_policy(name, settings), settings, ONE, 0)
    return float(log.quality[run.order, run.actions].mean())


def wabbit_lines(log: Log) -> list[str]:
    """Every request as text, without a label."""
    x, _, _ = encode(log, layout_of(settings_of(log)))
    return ["| " + " ".join(f"f{i}:{v:.4f}" for i, v in enumerate(row) if v) for row in x.tolist()]


def wabbit_live(log: Log, lines: list[str]) -> float:
    """Vowpal Wabbit chooses and learns, request by request."""
    from vowpalwabbit import Workspace

    workspace = Workspace(f"--cb_explore {K} --squarecb --quiet")
    luck = np.random.default_rng(1).random(len(lines))
    earned = 0.0
    for t, line in enumerate(lines):
        pmf = workspace.predict(line)
        a = min(int(np.searchsorted(np.cumsum(pmf), luck[t])), K - 1)
        earned += log.quality[t, a]
        workspace.learn(f"{a + 1}:{1.0 - log.quality[t, a]:.4f}:{pmf[a]:.4f} {line}")
    workspace.finish()
    return earned / len(lines)


def wabbit_file(path: Path) -> float:
    """Vowpal Wabbit learns from a file of uniform choices."""
    from vowpalwabbit import Workspace

    Workspace(f"--cb_explore {K} --squarecb --quiet -d {path}").finish()
    return float("nan")


def main() -> None:
    """Plays the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    learner(make_log(25_000, three=True), THREE)  # compiles the kernels
    print(f"{'':<44}{'requests':>10}{'wall s':>9}{'cpu s':>9}{'µs each':>9}{'quality':>9}{'peak MB':>9}")
    for _ in range(options.rounds):
        play_round(options.requests)


def play_round(n: int) -> None:
    """Every contender once."""
    log = make_log(n, three=False)
    timed("thompson, quality alone", n, partial(learner, log, ONE))
    for name in STATIC:
        timed(name, n, partial(static, log, name))
    del log
    timed("thompson, three factors", n, partial(learner, make_log(n, three=True), THREE))
    if find_spec("vowpalwabbit") is None:
        print("left out: Vowpal Wabbit (vowpalwabbit is not installed)")
        return
    few = make_log(max(1_000, n // 50), three=False)
    lines = wabbit_lines(few)
    timed("Vowpal Wabbit squarecb, request by request", len(few), partial(wabbit_live, few, lines))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "choices.txt"
        chosen = np.random.default_rng(2).integers(0, K, len(lines))
        labels = [f"{a + 1}:{1.0 - few.quality[t, a]:.4f}:{1.0 / K}" for t, a in enumerate(chosen.tolist())]
        path.write_text("".join(f"{label} {line}\n" for label, line in zip(labels, lines, strict=True)))
        timed("Vowpal Wabbit squarecb, learning from a file", len(few), partial(wabbit_file, path))


def timed(name: str, n: int, play: Callable[[], float]) -> None:
    """Runs once and prints a line; the peak is that of the process so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    reached = play()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:<44}{n:>10,}{wall:>9.2f}{cpu:>9.2f}{1e6 * cpu / n:>9.2f}{reached:>9.4f}{peak:>9.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
