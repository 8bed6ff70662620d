"""A log in two parts: one to fit rules on, the other to play every policy on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.core.base import Bools
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import check_mappings, counted, log_path
from banditroute.offline.logs.queries import Progress
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.options import parse_pairs, refuse_reading
from banditroute.offline.simulation.admission import require_full_information

Training = str | float | Mapping[str, str]
"""How a training part is named: `split=val` (rows whose columns have these values), or a share, `0.3`."""

Kept = Callable[[Mapping[str, str]], Log]
"""Reads the log again, only the rows whose columns have some values."""

_STREAM = 4  # of the random streams that a seed stands for


@dataclass(frozen=True, slots=True)
class Parts:
    """What rules are fitted on, what every policy is played on, and in words how the log was divided."""

    training: Log
    evaluation: Log
    how: str


def log_and_parts(
    log: str | Path | Log | DecisionLog,
    columns: Mapping[str, str] | None,
    where: Mapping[str, str] | str | None,
    features: Sequence[str],
    train: Training | None,
    train_seed: int,
    skip_bad: bool = False,
    reading: Progress | None = None,
    needed: Sequence[str] = (),
) -> tuple[Log, Parts | None]:
    """The log that policies are played on, and where a training part was asked for, both parts.

    `skip_bad` leaves out what is broken, requests without some of the `needed` columns too. `reading` is told
    how far the log is read."""
    if isinstance(log, Log | DecisionLog):
        refuse_reading(columns, where, features, skip_bad)
    else:
        _require_file(log_path(log))
    wanted = (parse_pairs(where, "--where") if isinstance(where, str) else where) or {}
    check_mappings(where=wanted)

    def read(values: Mapping[str, str]) -> Log:
        assert not isinstance(log, Log | DecisionLog)
        rows = {**wanted, **values}
        found = read_log(
            log, columns=columns, where=rows, features=features, skip_bad=skip_bad, progress=reading
        )
        full = require_full_information(found)
        return without_gaps(full, needed) if skip_bad else full

    whole = require_full_information(log) if isinstance(log, Log | DecisionLog) else read({})
    if train is None:
        return whole, None
    parts = divide(whole, train, seed=train_seed, kept=None if whole is log else read)
    return parts.evaluation, parts


def without_gaps(log: Log, needed: Sequence[str]) -> Log:
    """The requests whose every answer has the `needed` columns, with a note on the others. What no answer has
    is no fault of one, and what none has whole is left for others to refuse."""
    for column in needed:
        absent = np.isnan(getattr(log, column))
        broken = absent.any(axis=1)
        if not broken.any() or broken.all():
            continue
        left = counted(int(broken.sum()), "request lacks", "requests lack")
        note = f"Left out: {left} {column} for some of their models."
        log = replace(take(log, ~broken), notes=(*log.notes, note))
    return log


def _require_file(path: Path) -> None:
    """Refuses what is or was meant to be the name of a scenario."""
    if path.suffix.lower() == ".toml" or (path.suffix == "" and not path.exists()):
        raise LogError(
            f"{path} is no log, which is a CSV, JSONL or Parquet file. If it is a scenario, play it with "
            f"banditroute.offline.simulate_scenario({str(path)!r}), or `banditroute simulate {path}`."
        )


def divide(log: Log, training: Training, *, seed: int = 0, kept: Kept | None = None) -> Parts:
    """The log in two. A share takes the first requests by time; where the log has no times, random ones,
    by the seed. Raises LogError where either part would be empty."""
    share = _share(training)
    if share is not None:
        return _by_share(log, share, seed)
    values = parse_pairs(training, "--train") if isinstance(training, str) else dict(training)  # type: ignore[arg-type]
    how = ", ".join(f"{name}={value}" for name, value in values.items())
    if kept is None:
        raise LogError(f"A log in memory has no column to take {how} from; give its path, or a share.")
    training_part = kept(values)
    chosen = np.isin(log.request_ids, training_part.request_ids)
    if not chosen.any():  # --where keeps others: the training part is beside the log, not in it
        if training_part.models != log.models:
            raise LogError(f"--train {how} has other models than the rows that --where keeps.")
        return Parts(training_part, log, f"those with {how}")
    if chosen.all():
        raise LogError(f"--train {how} takes all {len(log):,} requests; it must leave some for the policies.")
    return Parts(take(log, chosen), take(log, ~chosen), f"those with {how}")


def _share(training: Training) -> float | None:
    """A share in (0, 1), or None where columns are named."""
    if isinstance(training, Mapping):
        return None
    try:
        share = float(training)
    except ValueError:
        return None
    if not 0.0 < share < 1.0:
        raise LogError(
            f"The training share is {training}; write a number between 0 and 1, as in --train 0.3."
        )
    return share


def _by_share(log: Log, share: float, seed: int) -> Parts:
    if len(log) < 2:
        raise LogError("The log has one request; a training part and a rest need two or more.")
    size = min(max(round(share * len(log)), 1), len(log) - 1)
    order = np.arange(len(log))
    if log.at is None:
        order = np.random.default_rng([seed, _STREAM]).permutation(len(log))
    chosen = np.zeros(len(log), dtype=np.bool_)
    chosen[order[:size]] = True
    how = f"a random {share:.3g} of all" if log.at is None else f"the first {share:.3g} of all"
    return Parts(take(log, chosen), take(log, ~chosen), how)


def take(log: Log, rows: Bools) -> Log:
    """Some requests of a log, in its order; models and classes stay those of the whole."""
    kept = np.flatnonzero(rows)
    arrays = ("request_ids", "class_index", "quality", "usd", "seconds", "output_tokens", "input_tokens")
    return replace(
        log,
        **{name: getattr(log, name)[kept] for name in arrays},
        at=None if log.at is None else log.at[kept],
        unit=None if log.unit is None else [log.unit[i] for i in kept.tolist()],
        prompts=None if log.prompts is None else [log.prompts[i] for i in kept.tolist()],
        judged=None if log.judged is None else log.judged.of(kept),
        features={name: values[kept] for name, values in log.features.items()},
    )
