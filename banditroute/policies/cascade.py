"""Cheap first: a verifier scores the answer, and where it falls short the next model is asked.

    cascade                                                 cheapest, then the best by reputation
    cascade:{models: small > medium > large, threshold: 0.7}
    cascade:{models: small > large, verify: {error: 0.1, usd: 0.0002, seconds: 0.4}}

A decision is one step, so its pmf and receipt are those of a rule: the first model of the chain that is
eligible. The application (or the gateway) has the answer verified, and escalates by asking again with the
models that were tried denied; that is a new decision, linked to the first. Hence the outcome of a cascade is
not that of one logged decision: off-policy evaluation refuses it. A replay plays all the steps
(`banditroute.offline.replay.chain`), with a verifier as described by `verify`: `error` is the sd of its score
around the quality that counts, `usd` and `seconds` are what each check costs.

Chen, Zaharia and Zou 2023, "FrugalGPT: How to use large language models while reducing cost and improving
performance"; with a threshold that is given, not trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Policy, Slate
from banditroute.errors import ConfigError
from banditroute.policies.order import by_price, by_prior
from banditroute.policies.parts import every_part
from banditroute.policies.spec import braced, known_model, number
from banditroute.policies.static import choose_wanted
from banditroute.types import Model

THRESHOLD = 0.7
USAGE = "cascade:{models: MODEL > MODEL, threshold: 0.7, verify: {error: 0.1, usd: 0.0002, seconds: 0.4}}"


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a check is taken to be in a replay.

    `error` is the sd of its score around the quality; raw judges are seldom nearer than 0.1 to people.
    USD and seconds are per check, on top of the answer's own; nothing unless they are given.
    """

    error: float = 0.1
    usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Cascade:
    """The first eligible model of the chain; the best prior of the others where none is."""

    name: str
    models: tuple[str, ...]
    threshold: float
    verify: Verifier
    prior_quality: float
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        steps = self._steps(slate)
        wanted = [None if step is None else self.models[step] for step in steps]
        choice = choose_wanted(slate.models, slate.eligible, wanted, self.prior_quality)
        last = len(self.models)
        reasons = [
            "cascade: none of its models is eligible, best prior of the others"
            if step is None
            else f"cascade: step {step + 1} of {last}, accepted from a score of {self.threshold:g}"
            for step in steps
        ]
        return Choice(choice.pmf, reasons=reasons, parameters={"threshold": self.threshold})

    def _steps(self, slate: Slate) -> list[int | None]:
        """The first step of each request whose model is eligible, None where none is."""
        places = {model.id: place for place, model in enumerate(slate.models)}
        chain = [step for step, model in enumerate(self.models) if model in places]
        if not chain:
            return [None] * len(slate.contexts)
        eligible = slate.eligible[:, [places[self.models[step]] for step in chain]]
        first = eligible.argmax(axis=1).tolist()
        return [chain[step] if row[step] else None for row, step in zip(eligible, first, strict=True)]


def chained(policy: Policy) -> bool:
    """Whether a policy is a cascade or may hand a request to one: one decision is not the whole story."""
    return any(isinstance(part, Cascade) for part in every_part(policy))


def build(argument: str, settings: Settings) -> Policy:
    """`cascade` or `cascade:{models: a > b, threshold: T, verify: {error: E, usd: U, seconds: S}}`."""
    given = dict(braced(argument, USAGE)) if argument else {}
    unknown = [name for name in given if name not in ("models", "threshold", "verify")]
    if unknown:
        raise ConfigError(f"'cascade' knows models, threshold and verify, not '{unknown[0]}'; write {USAGE}")
    return Cascade(
        f"cascade:{argument}" if argument else "cascade",
        _chain(given["models"], settings) if "models" in given else _by_default(settings),
        number(given.get("threshold", str(THRESHOLD)), 0.0, 1.0, "the threshold of 'cascade'"),
        _verifier(given.get("verify", "")),
        settings.policy.prior_quality,
    )


def _chain(text: str, settings: Settings) -> tuple[str, ...]:
    models = tuple(known_model(name.strip(), settings) for name in text.split(">"))
    if len(models) < 2 or len(set(models)) < len(models):
        raise ConfigError(f"the models '{text}' are no cascade; name at least two, each once: {USAGE}")
    return models


def _by_default(settings: Settings) -> tuple[str, ...]:
    """The cheapest by list price, then the best by reputation; one model alone where they are the same."""
    models: tuple[Model, ...] = settings.models
    if not models:
        raise ConfigError("a cascade needs models; the configuration has none")
    ends = (int(by_price(models)[0]), int(by_prior(models, settings.policy.prior_quality)[0]))
    return tuple(dict.fromkeys(models[place].id for place in ends))


def _verifier(text: str) -> Verifier:
    if text in ("", "perfect"):
        return Verifier() if not text else Verifier(error=0.0)
    given: Mapping[str, str] = dict(braced(text, USAGE))
    tops = {"error": 1.0, "usd": 1e9, "seconds": 1e9}
    unknown = [name for name in given if name not in tops]
    if unknown:
        raise ConfigError(
            f"the verifier of 'cascade' knows error, usd and seconds, not '{unknown[0]}'; {USAGE}"
        )
    return Verifier(
        **{name: number(value, 0.0, tops[name], f"the verifier's {name}") for name, value in given.items()}
    )
