"""Every exclusion and its reason; rules first; an unsure classification is cautious, never a dead end."""

from __future__ import annotations

import re

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.settings import ClassifySettings, Rule
from banditroute.core.base import Bools
from banditroute.core.eligibility import eligible_models, match_rule
from banditroute.core.rules import _ODD
from banditroute.errors import ConfigError
from banditroute.types import Context, Exclusion, Limits, Model, Preferences

MODELS = (
    Model("small", tier="budget", context_window=8_192, capabilities=frozenset({"json"})),
    Model("medium", tier="standard", context_window=128_000, capabilities=frozenset({"json", "tools"})),
    Model(
        "large",
        tier="premium",
        tags=frozenset({"region:eu", "class:legal"}),
        capabilities=frozenset({"tools"}),
    ),
)


def run(
    context: Context | None = None,
    wanted: Preferences | None = None,
    *,
    rules: tuple[Rule, ...] = (),
    masked: frozenset[str] = frozenset(),
    classify: ClassifySettings | None = None,
    **numbers: list[float],
) -> tuple[list[str], dict[str, Exclusion]]:
    """The eligible models of one request, and the exclusions by model."""
    given = {"usd": [0.001, 0.01, 0.1], "seconds_p95": [1.0, 2.0, 9.0], "ttft_p95": [0.2, 0.4, 0.9]}
    given |= {"quality_mean": [0.6, 0.8, 0.9], "quality_sd": [0.01, 0.01, 0.01]} | numbers
    eligible, excluded, matched = eligible_models(
        MODELS,
        [context or Context()],
        [wanted or Preferences()],
        usd=np.array([given["usd"]]),
        seconds_p95=np.array([given["seconds_p95"]]),
        ttft_p95=np.array([given["ttft_p95"]]),
        quality_mean=np.array([given["quality_mean"]]),
        quality_sd=np.array([given["quality_sd"]]),
        rules=rules,
        masked=masked,
        min_quality_probability=0.2,
        classify=classify or ClassifySettings(),
    )
    assert len(matched) == 1
    left = [model.id for model, ok in zip(MODELS, eligible[0], strict=True) if ok]
    reasons = {exclusion.model: exclusion for exclusion in excluded[0]}
    assert sorted([*left, *reasons]) == ["large", "medium", "small"], "each model is left or has one reason"
    return left, reasons


def limited(**limits: object) -> Preferences:
    return Preferences(limits=Limits(**limits))  # type: ignore[arg-type]


def test_nothing_is_excluded_without_a_reason() -> None:
    assert run()[0] == ["small", "medium", "large"]


@pytest.mark.parametrize(
    ("wanted", "left", "reason"),
    [
        (Preferences(tier="standard"), ["medium"], "tier"),
        (Preferences(model="large"), ["large"], "forced"),
        (limited(allow=("small", "large")), ["small", "large"], "allow"),
        (limited(deny=("small",)), ["medium", "large"], "deny"),
        (limited(require=("tools",)), ["medium", "large"], "capability"),
        (limited(require=("region:eu",)), ["large"], "tag"),
        (limited(max_usd=0.01), ["small", "medium"], "max_usd"),
        (limited(max_seconds=5.0), ["small", "medium"], "max_seconds"),
        (limited(max_ttft_seconds=0.3), ["small"], "max_ttft_seconds"),
        (limited(min_quality=0.7), ["medium", "large"], "min_quality"),
    ],
)
def test_each_hint_and_limit_excludes_with_its_reason(
    wanted: Preferences, left: list[str], reason: str
) -> None:
    found, reasons = run(wanted=wanted)
    assert found == left
    assert {exclusion.reason for exclusion in reasons.values()} == {reason}


def test_context_window_counts_the_answer_and_says_both_numbers() -> None:
    left, reasons = run(Context(input_tokens=9_000, max_output_tokens=100))
    assert left == ["medium", "large"]
    assert reasons["small"].detail == "needs 9,100 tokens, has 8,192"
    assert run(Context(input_tokens=8_192))[0] == ["small", "medium", "large"]


def test_min_quality_never_empties_a_pool_that_is_unproven() -> None:
    """An unproven model passes on its prior; the same expectation, once proven, does not."""
    unproven = run(wanted=limited(min_quality=0.95), quality_mean=[0.9] * 3, quality_sd=[0.2] * 3)
    proven = run(wanted=limited(min_quality=0.95), quality_mean=[0.9] * 3, quality_sd=[0.01] * 3)
    assert unproven[0] == ["small", "medium", "large"]
    assert proven[0] == []
    exact = run(wanted=limited(min_quality=0.8), quality_sd=[0.0] * 3)
    assert exact[0] == ["medium", "large"]


def test_min_quality_threshold_is_the_stated_probability() -> None:
    """P(N(m, 0.1) ≥ 0.8) = 0.2 at m = 0.8 − 0.08416: just above passes, just below does not."""
    wanted = limited(min_quality=0.8)
    left, _ = run(wanted=wanted, quality_mean=[0.7157, 0.7160, 0.9], quality_sd=[0.1] * 3)
    assert left == ["medium", "large"]


def test_a_limit_on_something_unknown_excludes() -> None:
    assert run(wanted=limited(max_seconds=5.0), seconds_p95=[float("nan"), 1.0, 1.0])[0] == [
        "medium",
        "large",
    ]


def test_masked_models_say_so() -> None:
    left, reasons = run(masked=frozenset({"medium"}))
    assert left == ["small", "large"]
    assert reasons["medium"].reason == "masked"


def test_a_forced_model_that_cannot_serve_is_excluded_too() -> None:
    left, reasons = run(Context(input_tokens=9_000), Preferences(model="small"))
    assert left == []
    assert {m: e.reason for m, e in reasons.items()} == {
        "small": "context_window",
        "medium": "forced",
        "large": "forced",
    }
    assert run(wanted=Preferences(limits=Limits(require=("tools",)), model="small"))[0] == []


def test_the_first_rule_that_matches_wins_and_holds_against_the_caller() -> None:
    rules = (
        Rule("medical goes to the best", pattern=r"\bdosage\b", tier="premium"),
        Rule("short goes to the smallest", max_tokens=100, model="small"),
    )
    context = Context(text="What DOSAGE is safe?", input_tokens=10)
    left, reasons = run(context, rules=rules)
    assert left == ["large"]
    assert reasons["small"] == Exclusion("small", "rule", "medical goes to the best")
    assert run(context, Preferences(model="small"), rules=rules)[0] == []
    assert run(structs.replace(context, text="hello"), rules=rules)[0] == ["small"]


def test_a_rule_for_a_class_keeps_its_dedicated_models_where_there_are_any() -> None:
    assert run(rules=(Rule("law", request_class="legal"),))[0] == ["large"]
    assert run(rules=(Rule("code", request_class="code"),))[0] == ["small", "medium", "large"]


@pytest.mark.parametrize(
    ("rule", "context", "holds"),
    [
        (Rule("r", keywords=("tax return",)), Context(text="My Tax Return is late"), True),
        (Rule("r", keywords=("tax",)), Context(text="a taxi to town"), False),
        (Rule("r", keywords=("税金",)), Context(text="私の税金について"), True),
        (Rule("r", classes=("code",)), Context("code"), True),
        (Rule("r", classes=("code",)), Context("chat"), False),
        (Rule("r", min_tokens=100), Context(input_tokens=100), True),
        (Rule("r", min_tokens=100), Context(), False),
        (Rule("r", max_tokens=100), Context(input_tokens=101), False),
        (Rule("r", tags={"app": "search", "env": "live"}), Context(tags={"app": "search"}), False),
        (Rule("r", tags={"app": "search"}), Context(tags={"app": "search", "x": "y"}), True),
        (Rule("r", user_tiers=("premium",)), Context(user_tier="premium"), True),
        (Rule("r", user_tiers=("premium",)), Context(), False),
        (Rule("r", classes=("code",), min_tokens=9), Context("code", input_tokens=8), False),
        (Rule("r"), Context(), True),
    ],
)
def test_every_condition_of_a_rule_must_hold(rule: Rule, context: Context, holds: bool) -> None:
    assert (match_rule((rule,), context) == 0) is holds


@pytest.mark.parametrize("keyword", ["kiss me", "dose", "ICD-10", "税金"])
def test_keywords_of_a_long_text_are_those_that_an_expression_finds(keyword: str) -> None:
    """Also beside letters, and in capitals or letters beyond ASCII that count as the same."""
    filler = "the quick brown fox " * 100
    rule = (Rule("r", keywords=("nothing of the kind", keyword)),)
    for word, holds in (
        (keyword, True), (keyword.upper(), True), (keyword.title(), True), ("é " + keyword, True),
        ("\u0130" + filler + keyword, True), ("x" + keyword + "x", keyword == "税金"), (keyword[:-1], False),
        (keyword.replace("s", "\u017f").replace("k", "\u212a").replace("i", "\u0131"), True),
    ):  # fmt: skip
        for text in (word, filler + word + " " + filler):
            assert (match_rule(rule, Context(text=text)) == 0) is holds, (word, len(text))


def test_no_other_letters_count_as_ascii_ones() -> None:
    every = "".join(map(chr, range(0x80, 0x110000)))
    assert "".join(re.findall("[a-z]", every, re.IGNORECASE)) == _ODD


def test_a_rule_with_a_broken_pattern_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="the rule 'odd' is not a regular expression"):
        match_rule((Rule("odd", pattern="("),), Context())


def test_an_unsure_classification_goes_to_the_highest_tier_left() -> None:
    unsure = Context(confidence=0.3)
    left, reasons = run(unsure)
    assert left == ["large"]
    assert reasons["small"].reason == "unsure"
    assert run(unsure, limited(deny=("large",)))[0] == ["medium"], "caution takes the best that limits leave"
    assert run(unsure, classify=ClassifySettings(unsure_tier="standard"))[0] == ["medium"]
    assert run(unsure, classify=ClassifySettings(min_confidence=0.2))[0] == ["small", "medium", "large"]
    assert run(Context(confidence=0.5))[0] == ["small", "medium", "large"]


def test_what_the_caller_or_a_rule_settles_beats_an_unsure_classification() -> None:
    unsure = Context(confidence=0.0)
    assert run(unsure, Preferences(tier="budget"))[0] == ["small"]
    assert run(unsure, Preferences(model="medium"))[0] == ["medium"]
    assert run(unsure, rules=(Rule("all small", tier="budget"),))[0] == ["small"]


def test_a_batch_is_its_requests_one_by_one() -> None:
    contexts = [Context(), Context(input_tokens=9_000), Context(confidence=0.1)]
    wanted = [Preferences(), Preferences(tier="standard"), limited(max_usd=0.05)]
    usd, ones = np.array([[0.001, 0.01, 0.1]] * 3), np.ones((3, 3))

    def eligible(at: slice) -> tuple[Bools, list[tuple[Exclusion, ...]], list[int | None]]:
        return eligible_models(
            MODELS, contexts[at], wanted[at], usd=usd[at], seconds_p95=ones[at], ttft_p95=ones[at],
            quality_mean=ones[at], quality_sd=ones[at],
        )  # fmt: skip

    together, excluded, matched = eligible(slice(None))
    for i in range(3):
        alone = eligible(slice(i, i + 1))
        assert together[i].tolist() == alone[0][0].tolist()
        assert excluded[i] == alone[1][0]
    assert together.tolist() == [[True] * 3, [False, True, False], [False, True, False]]
    assert matched == [None, None, None]
