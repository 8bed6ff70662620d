"""What the sections of a configuration say, each in a sentence or two of plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from banditroute.commands.experiment_words import tell
from banditroute.config.feedback import (
    EVERY,
    AlertSettings,
    AuthSettings,
    BudgetSettings,
    Guardrail,
    JudgeSettings,
    TrialSettings,
    TrustSettings,
)
from banditroute.config.settings import RewardSettings, ServerSettings, Settings, StoreSettings
from banditroute.config.telemetry import LoggingSettings, TelemetrySettings


@dataclass(frozen=True, slots=True)
class Section:
    """One section: whether it says anything of its own, what that comes to, and its values as JSON has them
    (an amount without a limit is None)."""

    name: str
    given: bool
    sentences: tuple[str, ...]
    values: object


def sections(settings: Settings) -> list[Section]:
    """All sections apart from models, classes, rules and the policy, which have tables of their own."""
    own = settings.alerts
    hidden = asdict(own) | {"webhook": _host(own.webhook)}
    return [
        _section("server", settings.server, _server, given=True),
        _section("store", settings.store, _store, given=True),
        _section("reward", settings.reward, _reward, given=True),
        _section("auth", settings.auth, _auth, settings.auth != AuthSettings()),
        _section("judge", settings.judge, _judge, bool(settings.judge.model)),
        _section("budget", settings.budget, _budget, settings.budget != BudgetSettings()),
        _section("trust", settings.trust, _trust, settings.trust != TrustSettings()),
        Section("alerts", own.changes or bool(own.webhook), tuple(_alerts(own)), _plain(hidden)),
        _section("trial", settings.trial, _trial, settings.trial != TrialSettings()),
        Section(
            "telemetry",
            bool(settings.telemetry.endpoint),
            tuple(_telemetry(settings.telemetry)),
            _plain(asdict(settings.telemetry) | {"endpoint": _host(settings.telemetry.endpoint)}),
        ),
        _section("logging", settings.logging, _logging, settings.logging != LoggingSettings()),
        Section(
            "guardrails",
            bool(settings.guardrails),
            tuple(sentence for one in settings.guardrails for sentence in _guardrail(one)),
            [_plain(asdict(one)) for one in settings.guardrails],
        ),
        Section(
            "experiments",
            bool(settings.experiments),
            tuple(sentence for one in settings.experiments for sentence in tell(one)),
            [_plain(asdict(one)) for one in settings.experiments],
        ),
    ]


def _section(name: str, own: Any, tell: Callable[[Any], Iterator[str]], given: bool) -> Section:
    return Section(name, given, tuple(tell(own)), _plain(asdict(own)))


def _server(own: ServerSettings) -> Iterator[str]:
    yield f"Listens on {own.host}, port {own.port}."


def _store(own: StoreSettings) -> Iterator[str]:
    kept = "prompts and answers too" if own.prompts else "no prompts"
    yield f"Keeps every decision and outcome in {own.url}, and {kept}."


def _reward(own: RewardSettings) -> Iterator[str]:
    weights = own.weights
    costs = [f"{weights.usd:g} × USD"] if weights.usd else []
    costs += [f"{weights.second:g} × seconds"] if weights.second else []
    worth = " − ".join([f"{weights.quality:g} × quality", *costs])
    yield f"An answer is worth {worth}; a failed call without a score has quality {own.error_quality:g}."


def _auth(own: AuthSettings) -> Iterator[str]:
    yield "Everybody needs an API key." if own.required else "API keys are needed beyond loopback."
    if own.requests_per_minute:
        yield f"A key without a rate of its own may send {own.requests_per_minute:g} requests a minute."


def _judge(own: JudgeSettings) -> Iterator[str]:
    against = f" against answers of {own.reference}" if own.reference else ""
    of = f" in {', '.join(own.classes)}" if own.classes else ""
    yield (
        f"{own.model} scores {_percent(own.base_rate)} of all answers{of}, and up to "
        f"{_percent(own.value_rate)} more where that could change a choice, with the rubric {own.rubric}"
        f"{against}, for at most {own.usd_per_day:g} USD a day."
    )
    redacted = [f"{len(own.redact)} patterns"] if own.redact else []
    redacted += [own.redactor] if own.redactor else []
    taken = f", redacted by {' and '.join(redacted)}" if redacted else ""
    yield f"Texts are kept for {own.retention_days:g} days{taken}."
    if own.own:
        yield "It scores its own model's answers too."
    if not own.worker:
        yield "It runs apart: start `banditroute judge`."


def _budget(own: BudgetSettings) -> Iterator[str]:
    targets = [
        f"{value:g} {unit}"
        for value, unit in (
            (own.usd_per_day, "USD a day"),
            (own.usd_per_request, "USD a request"),
            (own.seconds_per_request, "seconds a request"),
        )
        if value is not None
    ]
    if targets:
        yield (
            f"Aims at {' and '.join(targets)} in the mean, by a shadow price of at most "
            f"{own.max_shadow_usd:g} per USD and {own.max_shadow_second:g} per second."
        )
    if own.exploration_usd_per_day is not None:
        yield f"Trying models may cost {own.exploration_usd_per_day:g} USD a day."


def _trust(own: TrustSettings) -> Iterator[str]:
    yield (
        f"One principal counts for at most {_percent(own.max_share)} of what a model is known by; scores of "
        f"one answer by several people err alike by {own.rater_correlation:g}; a judge may favour a model by "
        f"{own.judge_sd:g} until people show that it does not."
    )
    off = [
        what
        for on, what in ((own.quarantine, "quarantine"), (own.nonresponse, "the correction for who answers"))
        if not on
    ]
    if off:
        yield f"Off: {' and '.join(off)}."


def _alerts(own: AlertSettings) -> Iterator[str]:
    if own.changes:
        rate = own.false_alarms_per_year
        times = "time" if rate == 1.0 else "times"
        yield f"Looks for models that change, wrongly about {rate:g} {times} a year."
    if own.webhook:
        signed = f"signed with the secret in {own.secret_env}" if own.secret_env else "unsigned"
        yield f"Alarms are posted to {_host(own.webhook)}, {signed}."


def _trial(own: TrialSettings) -> Iterator[str]:
    if own.tier_shares:
        shares = ", ".join(f"{tier} at most {_percent(share)}" for tier, share in own.tier_shares.items())
        yield f"Until confirmed within {own.margin:g} of the best, models get in each class: {shares}."
    limits = [f"{_percent(own.max_share)} of all choices"] if own.max_share < 1.0 else []
    limits += [f"{own.usd_per_day:g} USD a day"] if math.isfinite(own.usd_per_day) else []
    if limits:
        yield f"A model with fewer than {own.outcomes} scores gets at most {' and '.join(limits)}."
    if own.eager:
        yield f"All such models together get at least {_percent(own.eager)}, while they may turn out best."
    if own.require_probe:
        yield f"Nothing goes to a model before it has passed {_percent(own.probe_share)} of the golden set."


def _telemetry(own: TelemetrySettings) -> Iterator[str]:
    if own.endpoint:
        share = "every trace" if own.sample == 1.0 else f"{_percent(own.sample)} of all traces"
        besides = ", with what people and judges wrote" if own.comments else ""
        yield f"Sends {share} to {_host(own.endpoint)} as {own.service_name}{besides}."


def _logging(own: LoggingSettings) -> Iterator[str]:
    how = "one JSON object a line" if own.format == "json" else "lines of text"
    decisions = "no decision" if own.decisions == "off" else f"decisions at {own.decisions}"
    yield f"Logs from {own.level} on, as {how}; {decisions}."


def _guardrail(own: Guardrail) -> Iterator[str]:
    what = "every class" if own.request_class == EVERY else own.request_class
    ends = "people say otherwise"
    if math.isfinite(own.retry_hours):
        ends = f"{ends}, or {own.retry_hours:g} hours have passed"
    yield (
        f"In {what}, mean quality is at least that of {own.baseline} less {own.margin:g}, with confidence "
        f"{own.confidence:g}; {own.baseline} keeps at least {_percent(own.min_share)} of the choices, and "
        f"all of them once the promise is broken, until {ends}."
    )


def _percent(share: float) -> str:
    return f"{100.0 * share:g}%"


def _host(address: str) -> str:
    """The host alone: the rest of a webhook's address is often a secret."""
    return urlsplit(address).hostname or ""


def _plain(value: object) -> object:
    """What JSON can say."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isinf(value) else value
