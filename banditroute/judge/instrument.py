"""The judge as an instrument: a model and a rubric that make a score of a prompt and its answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from banditroute.config.prices import is_priced, with_list_price
from banditroute.config.rubrics import Rubric, configured_rubric
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError
from banditroute.judge.questions import question
from banditroute.judge.verdicts import MalformedVerdict, Verdict, both_orders, read_comparison, read_score
from banditroute.routing.judging import own_models
from banditroute.types import Decision, Model
from banditroute.upstream.chat import Chat, Message, cost, most_input_tokens

REFERENCE_TOKENS = 2_048
"""The longest answer asked of the reference model."""

_ID = "0" * 16


@dataclass(slots=True)
class Bill:
    """What was spent so far on a verdict, also where there is none in the end."""

    usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Instrument:
    """A judge model with a rubric, and with a reference model where the rubric compares answers."""

    model: Model
    rubric: Rubric
    reference: Model | None = None

    @property
    def name(self) -> str:
        """`MODEL/RUBRIC-VERSION`: the rater of its outcomes."""
        return f"{self.model.id}/{self.rubric.label}"

    def most_usd(self, prompt: str, answer: str) -> float:
        """USD that a verdict can cost at most."""
        limit = self.rubric.max_output_tokens
        if self.reference is None:
            asked = most_input_tokens(question(self.rubric, _ID, prompt, (answer,)))
            return cost(self.model, asked, limit)
        first = most_input_tokens(_plain(prompt))
        asked = most_input_tokens(question(self.rubric, _ID, prompt, (answer, ""))) + 2 * REFERENCE_TOKENS
        return cost(self.reference, first, REFERENCE_TOKENS) + 2.0 * cost(self.model, asked, limit)

    async def judge(self, chat: Chat, prompt: str, answer: str, bill: Bill) -> Verdict:
        """The verdict on an answer. What it costs goes on the `bill` call by call.

        Raises MalformedVerdict where the judge gives none, UpstreamError where it gives no answer.
        """
        if self.reference is None:
            id = _fresh_id(prompt, answer)
            return read_score(await self._ask(chat, id, prompt, (answer,), bill), id)
        other = await _complete(chat, self.reference, _plain(prompt), REFERENCE_TOKENS, bill)
        verdicts = []
        for shown in ((answer, other), (other, answer)):
            id = _fresh_id(prompt, answer, other)
            verdicts.append(read_comparison(await self._ask(chat, id, prompt, shown, bill), id))
        return both_orders(*verdicts)

    async def _ask(self, chat: Chat, id: str, prompt: str, answers: tuple[str, ...], bill: Bill) -> str:
        messages, limit = question(self.rubric, id, prompt, answers), self.rubric.max_output_tokens
        return await _complete(chat, self.model, messages, limit, bill, judging=True)

    def refuses(self, decision: Decision, settings: Settings) -> str | None:
        """Why this instrument must not score a decision; None where it may. A judge is partial to its own
        words, so it does not score them unless `[judge] own` lets it."""
        if settings.judge.own:
            return None
        if decision.model in own_models(settings):
            return f"The answer is the judge's own ({decision.model}); [judge] own = true lets it score that."
        return None


def configured_instrument(settings: Settings) -> Instrument:
    """The instrument that `[judge]` describes. Raises ConfigError where it does not describe one."""
    judge = settings.judge
    if not judge.model:
        raise ConfigError('No judge is configured; name a model in [judge], as in model = "gpt-4o".')
    model, rubric, reference = judge_model(settings), configured_rubric(settings), None
    if rubric.kind == "pairwise":
        reference = next((model for model in settings.models if model.id == judge.reference), None)
        if reference is None:
            raise ConfigError(
                f'The rubric "{judge.rubric}" compares with another model\'s answers; '
                'name a configured model in [judge], as in reference = "gpt-4o".'
            )
        if reference.id in own_models(settings) and not judge.own:
            raise ConfigError(
                "The judge would compare answers with its own; name another reference in [judge], "
                "or set own = true."
            )
    return Instrument(model, rubric, reference)


def judge_model(settings: Settings) -> Model:
    """The model that judges: a configured one, or another one of a configured upstream."""
    judge = settings.judge
    model = next((model for model in settings.models if model.id == judge.model), None)
    if model is None or judge.upstream:
        provider = judge.upstream or (settings.upstreams[0].name if len(settings.upstreams) == 1 else "")
        model = Model(judge.model, provider=provider)
    if judge.usd_per_million_input is not None and judge.usd_per_million_output is not None:
        model = replace(
            model,
            usd_per_input_token=judge.usd_per_million_input / 1e6,
            usd_per_output_token=judge.usd_per_million_output / 1e6,
        )
    upstream = next((upstream for upstream in settings.upstreams if upstream.name == model.provider), None)
    if upstream is None:
        raise ConfigError(
            f'The judge "{judge.model}" is no configured model; declare it, or say in [judge] which '
            'upstream serves it, as in upstream = "openai".'
        )
    model = with_list_price(model, upstream)
    if not is_priced(model):
        raise ConfigError(
            f'The price of the judge "{judge.model}" is not known, so its spend cannot be capped; '
            "set usd_per_million_input and usd_per_million_output in [judge]."
        )
    return model


async def _complete(
    chat: Chat, model: Model, messages: Sequence[Message], limit: int, bill: Bill, *, judging: bool = False
) -> str:
    params: dict[str, object] = {"max_tokens": limit}
    if judging:
        params |= {"temperature": 0, "response_format": {"type": "json_object"}}
    completion = await chat.complete(model, messages, params)
    bill.usd += completion.usd
    bill.input_tokens += completion.input_tokens
    bill.output_tokens += completion.output_tokens
    if judging and completion.finish_reason == "length":
        raise MalformedVerdict(f"The verdict was cut off after {limit} tokens; raise max_output_tokens.")
    return completion.text


def _plain(prompt: str) -> list[Message]:
    return [{"role": "user", "content": prompt}]


def _fresh_id(*material: str) -> str:
    """A random name that the material does not hold."""
    while True:
        id = secrets.token_hex(len(_ID) // 2)
        if not any(id in text for text in material):
            return id
