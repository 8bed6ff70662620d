"""Whether a configuration can be served: every part that may refuse it is built once, before anything starts.

`serve` and `check` ask the same, so that what one passes the other does not refuse. Ports that are taken and
disks that are full are found out when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from banditroute.config.lines import Path
from banditroute.config.problems import Problems
from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError, ConfigError
from banditroute.store import Store

Part = tuple[Path, str, Callable[[], object]]
"""Where a part stands in the file, what the sentence about it begins with, and what builds it."""


def check_ready(settings: Settings, problems: Problems) -> None:
    """Raises ConfigError with a sentence, and its place in the file, for all that `serve` would refuse."""
    for parts in (_policies, _mode, _feedback, _judge_here):
        for path, label, build in parts(settings):
            try:
                build()
            except ConfigError as error:
                problems.add(path, f"{label}{error}")
        problems.raise_any()


def check_place(settings: Settings, problems: Problems) -> None:
    """Raises ConfigError where the event log could be neither opened nor made."""
    from banditroute.config.address import log_file
    from banditroute.store.engine import check_place as check

    file = log_file(settings.store.url)
    if file is not None:
        try:
            check(file)
        except BanditrouteError as error:
            problems.add(("store", "url"), f"url in [store]: {error}")
            problems.raise_any()


def check_address(settings: Settings, store: Store, problems: Problems, *, insecure: bool) -> None:
    """Raises ConfigError where the configured address must not be listened on without keys."""
    from banditroute.service.run import CannotListen, check_host
    from banditroute.store.keys import KeyStore

    try:
        check_host(settings.server.host, KeyStore(store.engine), insecure=insecure)
    except CannotListen as error:
        problems.add(("server", "host"), f"host in [server]: {error}")
        problems.raise_any()


def start_warnings(settings: Settings, store: Store) -> list[str]:
    """What people should know at start: of rules that lack what they go by, and as the event log has it, of
    models that the golden set speaks against, and of keys that are asked for and not there."""
    from banditroute.routing.probing import probe_warnings
    from banditroute.store.keys import KeyStore

    warnings = [*_groundless(settings), *probe_warnings(settings, store.controls.after(0, "probe"))]
    if settings.auth.required and not KeyStore(store.engine).held():
        warnings.append("[auth] asks for API keys and none holds; see `banditroute keys --help`.")
    return warnings


def _groundless(settings: Settings) -> Iterator[str]:
    from banditroute.policies import get_policy
    from banditroute.policies.grounds import groundless

    policy = settings.policy
    for key, name in (("name", policy.name), ("baseline", policy.baseline)):
        if (lacks := groundless(get_policy(name, settings), settings.models)) is not None:
            yield f"{key} in [policy], {name}: {lacks}; in doubt it takes the first in the file."


def _policies(settings: Settings) -> Iterator[Part]:
    from banditroute.core.state import frame_of
    from banditroute.policies import get_policy
    from banditroute.policies.experiments import live_experiment

    policy = settings.policy
    yield ("policy", "name"), "name in [policy]: ", lambda: get_policy(policy.name, settings)
    yield ("policy", "baseline"), "baseline in [policy]: ", lambda: get_policy(policy.baseline, settings)
    for i, own in enumerate(settings.experiments):
        label = f'policy of a variant in [[experiments]] "{own.name}": '
        yield ("experiments", i, "variants"), label, partial(live_experiment, own, settings)
    if settings.prior is not None:
        yield ("policy", "prior"), "prior in [policy]: ", lambda: frame_of(settings)


def _mode(settings: Settings) -> Iterator[Part]:
    """Policies that are right by themselves need not go together."""
    from banditroute.intake import RequestReader
    from banditroute.routing.choose import Chooser

    yield ("policy", "mode"), "mode in [policy]: ", lambda: Chooser(settings)
    yield ("classify",), "[classify]: ", lambda: RequestReader(settings)


def _feedback(settings: Settings) -> Iterator[Part]:
    from banditroute.judge.instrument import configured_instrument
    from banditroute.routing.alerts import webhook_secret
    from banditroute.routing.redaction import Redactor
    from banditroute.service.tracing import check_telemetry

    judge = settings.judge
    yield ("telemetry", "endpoint"), "", lambda: check_telemetry(settings.telemetry)
    yield ("judge", "redactor"), "", lambda: Redactor(judge)
    yield ("alerts", "secret_env"), "", lambda: webhook_secret(settings.alerts)
    if judge.model:
        yield ("judge", "rubric"), "[judge]: ", lambda: configured_instrument(settings)


def _judge_here(settings: Settings) -> Iterator[Part]:
    """A worker of its own finds out for itself whether it has its key."""
    from banditroute.judge.instrument import configured_instrument
    from banditroute.judge.run import open_chat

    if settings.judge.model and settings.judge.worker:
        yield ("judge", "model"), "[judge]: ", lambda: open_chat(settings, configured_instrument(settings))
