"""What a collection is to ask: which models, with which parameters, by which judge, and what it may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec

from banditroute.classify import classify
from banditroute.config.prices import is_priced
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError, LogError
from banditroute.judge.instrument import Instrument, configured_instrument
from banditroute.offline.collection.prompts import Prompt
from banditroute.routing.judging import own_models
from banditroute.types import Model
from banditroute.upstream.chat import CHARACTERS_PER_TOKEN, Message, cost, most_input_tokens

LIMITS = ("max_tokens", "max_completion_tokens")
"""The call parameters that limit an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One cell to be filled: a prompt for a model, and whether there is to be a verdict.

    `key` is a digest of all that the cell depends on. `most_answer` and `most_verdict` are the USD that each
    may cost; a verdict on an answer with longer words than usual may cost more.
    """

    key: str
    prompt: Prompt
    model: Model
    params: Mapping[str, object]
    judged: bool
    most_answer: float
    most_verdict: float

    @property
    def most(self) -> float:
        return self.most_answer + self.most_verdict

    @property
    def messages(self) -> list[Message]:
        return [{"role": "user", "content": self.prompt.text}]


@dataclass(frozen=True, slots=True)
class Plan:
    """The models, the judge if there is one, and the models whose answers it must not score."""

    settings: Settings
    models: Sequence[Model]
    instrument: Instrument | None
    own: frozenset[str]
    max_tokens: int

    def cells(self, prompt: Prompt) -> list[Asked]:
        """The cells of a prompt, in the order of the models."""
        return [self._cell(prompt, model) for model in self.models]

    def judged(self, model: Model) -> bool:
        """Whether the judge scores a model's answers."""
        return self.instrument is not None and model.id not in self.own

    def too_long_for(self, prompt: Prompt) -> str | None:
        """The first model whose context window holds the prompt and the longest answer not, by the usual
        guess of tokens; None where all do."""
        tokens = len(prompt.text) // CHARACTERS_PER_TOKEN
        need = tokens + self._params(prompt.request_class)[1]
        windows = ((model.id, model.context_window) for model in self.models)
        return next((id for id, window in windows if window is not None and need > window), None)

    def classified(self, prompt: Prompt) -> Prompt:
        """The prompt with its class: its own, or the one that the service would find."""
        if prompt.request_class is not None:
            return prompt
        tokens = -(-len(prompt.text) // CHARACTERS_PER_TOKEN)
        return replace(prompt, request_class=classify(prompt.text, tokens, self.settings).request_class)

    def _cell(self, prompt: Prompt, model: Model) -> Asked:
        params, limit = self._params(prompt.request_class)
        judge = self.instrument if self.judged(model) else None
        usual = CHARACTERS_PER_TOKEN * limit
        depends = (
            prompt.request_id, prompt.text, model.id, model.provider, model.upstream_name, params,
            judge and judge.name, judge and judge.reference and judge.reference.id,
        )  # fmt: skip
        asked = Asked(
            key=blake2b(msgspec.json.encode(depends, order="sorted"), digest_size=16).hexdigest(),
            prompt=prompt,
            model=model,
            params=params,
            judged=judge is not None,
            most_answer=0.0,
            most_verdict=0.0 if judge is None else judge.most_usd(prompt.text, "." * usual),
        )
        return replace(asked, most_answer=cost(model, most_input_tokens(asked.messages), limit))

    def _params(self, request_class: str | None) -> tuple[Mapping[str, object], int]:
        """The call parameters of a class, and the tokens that its answers may have."""
        declared = (one.params for one in self.settings.classes if one.name == request_class)
        params = next(declared, {})
        given = next((params[name] for name in LIMITS if name in params), None)
        if isinstance(given, int):
            return params, given
        return {**params, "max_tokens": self.max_tokens}, self.max_tokens


def make_plan(
    settings: Settings,
    models: Sequence[str] = (),
    *,
    judge: str | None = None,
    own: bool = False,
    max_tokens: int = 1_024,
) -> Plan:
    """The plan for the models of those ids, or for all that are configured.

    `judge` names another judge than `[judge]`: a configured model, or one of the only upstream; `own` lets it
    score its own model's answers. Raises ConfigError where a model or the judge is not known, or its price.
    """
    chosen = list(_chosen(settings, models))
    if len(chosen) < 2:
        raise LogError(
            "A log that compares needs the answers of at least 2 models; declare another in [[models]], or "
            "name several with --model."
        )
    if unpriced := [model.id for model in chosen if not is_priced(model)]:
        raise ConfigError(
            f"The price of {', '.join(unpriced)} is not known, so what is spent could not be capped; set "
            "usd_per_million_input and usd_per_million_output in [[models]]."
        )
    settings = _with_judge(settings, judge, own)
    instrument = configured_instrument(settings) if settings.judge.model else None
    partial = own_models(settings) if instrument and not settings.judge.own else frozenset[str]()
    scored = frozenset(model.id for model in chosen) & partial
    return Plan(settings, chosen, instrument, scored, max_tokens)


def _chosen(settings: Settings, names: Sequence[str]) -> Iterator[Model]:
    known = {model.id: model for model in settings.models}
    if not names:
        yield from settings.models
    for name in dict.fromkeys(names):
        if name not in known:
            raise ConfigError(f"There is no model {name}; the models are {', '.join(known)}.")
        yield known[name]


def _with_judge(settings: Settings, judge: str | None, own: bool) -> Settings:
    """The settings with the judge that was asked for; what `[judge]` says of another model does not hold."""
    said = settings.judge
    if judge is not None and judge != said.model:
        said = replace(
            said, model=judge, upstream="", usd_per_million_input=None, usd_per_million_output=None
        )
    return replace(settings, judge=replace(said, own=said.own or own))
