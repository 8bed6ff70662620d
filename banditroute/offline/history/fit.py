"""`fit`: priors from history, for notebooks and programs; `banditroute fit` is its command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from banditroute.config.priorfile import write_prior
from banditroute.config.priors import Prior
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import log_path
from banditroute.offline.logs.reading import Log


def fit(
    log: str | Path | Log | DecisionLog,
    out: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    settings: Settings | None = None,
    skip_bad: bool = False,
) -> Prior:
    """What a log teaches, as the prior that `simulate` and `evaluate` take; written to `out` too, if that is
    given, as the file that `banditroute serve --prior` takes.

    The log has a row per request and model, or per request: full information, logged decisions, or what was
    merely observed. `columns`, `where`, `features` and `skip_bad` say how its file is read, as in `simulate`;
    `settings` are the configuration that the prior is for: prices, scale of features, prior quality.
    Raises LogError where the log has nothing to teach, ConfigError where `out` cannot be written.
    """
    if out is not None:
        _check_out(Path(out), log)
    prior = fit_prior(
        log, columns=columns, where=where, features=features, settings=settings, skip_bad=skip_bad
    )
    if out is not None:
        write_prior(prior, Path(out))
    return prior


def _check_out(out: Path, log: str | Path | Log | DecisionLog) -> None:
    """Refuses to write over the log, before the work."""
    if isinstance(log, Log | DecisionLog) or not out.exists():
        return
    if (read := log_path(log)).exists() and out.samefile(read):
        raise LogError(f"{out} is the log that is read; give the prior another name.")
