"""The simulated models as an upstream: pure functions of what they are asked, with the truth in the text."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from banditroute.errors import UpstreamError
from banditroute.types import Model
from banditroute.upstream.answers import SimulatedChat, class_of, read_answer, written_answer
from banditroute.upstream.chat import Completion, cost, most_input_tokens
from banditroute.upstream.simulated import SimulatedWorld

WORLD = SimulatedWorld()
MODELS = {model.id: model for model in WORLD.models}


def ask(model: Model, prompt: str, **params: object) -> Completion:
    chat = SimulatedChat(WORLD)
    return asyncio.run(chat.complete(model, [{"role": "user", "content": prompt}], params))


def test_the_same_question_has_the_same_answer_and_models_differ() -> None:
    first, again = ask(MODELS["gpt-4o"], "Why?"), ask(MODELS["gpt-4o"], "Why?")
    assert first == again
    assert ask(MODELS["deepseek-v3"], "Why?").text != first.text
    assert ask(MODELS["gpt-4o"], "Why not?").text != first.text


def test_an_answer_says_who_gave_it_and_how_good_it_is() -> None:
    written = read_answer(written_answer("gpt-4o", "A “long”\nquestion " * 20, 0.8312))
    assert written is not None
    assert (written.model, written.quality) == ("gpt-4o", 0.8312)
    assert read_answer("Nothing of the kind.") is None


def test_the_bill_is_that_of_the_list() -> None:
    completion = ask(MODELS["gpt-4o"], "x" * 400)
    assert completion.input_tokens == 100
    assert completion.usd == cost(MODELS["gpt-4o"], 100, completion.output_tokens)


def test_a_limit_on_output_cuts_the_answer_off() -> None:
    cut = ask(MODELS["gpt-4o"], "x", max_tokens=2)
    assert (cut.output_tokens, cut.finish_reason) == (2, "length")


def test_a_prompt_of_the_world_is_recognised() -> None:
    requests = [WORLD.request(i) for i in range(200)]
    assert [class_of(request.prompt) for request in requests] == [r.request_class for r in requests]
    assert class_of("Something else entirely") is None


def test_answers_are_as_good_as_the_world_says() -> None:
    """Means of 60 answers in a class, against the truth; four standard errors: false alarm below 1e-4."""
    truth = WORLD.truth()
    for name in ("reasoning", "translation"):
        requests = [r for i in range(600) if (r := WORLD.request(i)).request_class == name][:60]
        seen = []
        for request in requests:
            try:
                written = read_answer(ask(MODELS["deepseek-v3"], f"{request.prompt} #{request.index}").text)
            except UpstreamError:
                seen.append(0.0)
                continue
            assert written is not None
            seen.append(written.quality)
        expected = truth.quality[truth.models.index("deepseek-v3"), truth.classes.index(name)]
        assert abs(np.mean(seen) - expected) < 4 * np.std(seen) / np.sqrt(len(seen))


def test_who_is_not_in_the_world_has_no_answer() -> None:
    with pytest.raises(UpstreamError, match="has no model nobody"):
        ask(Model("nobody"), "x")


def test_no_text_has_more_tokens_than_the_bound() -> None:
    for text in ("a", "日本語", "\u0000", "🙂" * 50):
        assert most_input_tokens([{"role": "user", "content": text}]) > len(text.encode())
