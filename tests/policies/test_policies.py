"""What each policy chooses, and how it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from banditroute.config.settings import PolicySettings, RequestClass, Settings
from banditroute.core.base import Choice, Slate
from banditroute.core.propensity import best_model_probabilities
from banditroute.errors import ConfigError
from banditroute.policies import baseline_specs, get_policy
from banditroute.types import Context, Model

MODELS = (
    Model("mini", tier="budget", usd_per_input_token=1.5e-7, usd_per_output_token=6e-7, prior_quality=0.7),
    Model("mid", tier="standard", usd_per_request=0.002, prior_quality=0.85),
    Model("max", tier="premium", usd_per_input_token=5e-6, usd_per_output_token=2.5e-5, prior_quality=0.85),
    Model("new", tier="standard"),
)
SETTINGS = Settings(models=MODELS, classes=(RequestClass("code"), RequestClass("chat")))


def slate(
    *contexts: Context,
    eligible: list[bool] | None = None,
    mean: list[float] | None = None,
    sd: list[float] | None = None,
    usd: list[float] | None = None,
    ids: list[str] | None = None,
) -> Slate:
    """One row per context, the same numbers in each."""
    n = len(contexts := contexts or (Context(),))
    rows = [
        np.tile(row, (n, 1))
        for row in (
            [True] * 4 if eligible is None else eligible,
            mean or [0.7, 0.8, 0.9, 0.6],
            sd or [0.05, 0.05, 0.05, 0.05],
            usd or [0.001, 0.003, 0.02, 0.003],
        )
    ]
    names = ids or [f"id-{i}" for i in range(n)]
    return Slate(MODELS, contexts, names, rows[0], rows[1], rows[2], rows[1], rows[3], rows[3])


def chosen(choice: Choice) -> list[str]:
    """The models of a policy that leaves nothing to chance."""
    assert ((choice.pmf == 0.0) | (choice.pmf == 1.0)).all()
    return [MODELS[a].id for a in choice.pmf.argmax(axis=1)]


def choose(spec: str, *contexts: Context, settings: Settings = SETTINGS, **row: object) -> Choice:
    return get_policy(spec, settings).choose(slate(*contexts, **row))  # type: ignore[arg-type]


def test_thompson_is_the_exact_probability_of_being_best_with_the_floor_mixed_in_last() -> None:
    settings = Settings(models=MODELS, policy=PolicySettings(floor=0.1))
    row = slate(mean=[0.7, 0.85, 0.9, 0.2], eligible=[True, True, True, False])
    exact = best_model_probabilities(row.mean, row.sd, row.eligible)
    choice = get_policy("thompson", settings).choose(row)
    np.testing.assert_allclose(choice.pmf, 0.9 * exact + 0.1 * row.eligible / 3, atol=2e-6)
    assert choice.parameters == {"floor": 0.1}


def test_thompson_never_draws_what_is_negligible() -> None:
    pmf = choose("thompson", mean=[0.9, 0.9, 0.2, 0.2], sd=[0.01] * 4).pmf[0]
    assert pmf.tolist() == pytest.approx([0.5, 0.5, 0.0, 0.0], abs=1e-9)
    assert (pmf[2:] == 0.0).all()


def test_greedy_shares_ties_and_epsilon_spreads_over_what_is_eligible() -> None:
    mean, eligible = [0.8, 0.8, 0.9, 0.1], [True, True, False, True]
    assert choose("greedy", mean=mean, eligible=eligible).pmf[0].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert choose("greedy:0.3", mean=mean, eligible=eligible).pmf[0].tolist() == pytest.approx(
        [0.45, 0.45, 0.0, 0.1]
    )


def test_fixed_falls_back_to_the_best_prior_and_says_so() -> None:
    assert chosen(choose("fixed:mini")) == ["mini"]
    choice = choose("fixed:max", eligible=[True, True, False, False])
    assert chosen(choice) == ["mid"]
    assert choice.reasons == ["max is not eligible: best prior of the eligible models"]


def test_cheapest_goes_by_expected_cost_and_breaks_ties_by_list_price() -> None:
    assert chosen(choose("cheapest")) == ["mini"]
    assert chosen(choose("cheapest", usd=[0.01, 0.002, 0.001, 0.002])) == ["max"]
    assert chosen(choose("cheapest", usd=[0.002] * 4)) == ["mini"]
    assert chosen(choose("cheapest", usd=[0.002] * 4, eligible=[False, True, True, True])) == ["mid"]
    assert chosen(choose("cheapest", usd=[float("nan")] * 4, eligible=[False, False, True, True])) == ["max"]


def test_best_prior_takes_the_dearer_of_a_tie_and_counts_the_unknown_as_the_prior() -> None:
    """`new` has no prior quality: it counts as the configured 0.9, or as 0.5."""
    assert chosen(choose("best_prior")) == ["new"]
    humble = Settings(models=MODELS, policy=PolicySettings(prior_quality=0.5))
    assert chosen(choose("best_prior", settings=humble)) == ["max"]
    assert chosen(choose("best_prior", settings=humble, eligible=[True, True, False, True])) == ["mid"]


def test_round_robin_draws_by_the_decision_id_alone() -> None:
    first, again = (choose("round_robin", Context(), Context(), ids=["a", "b"]) for _ in range(2))
    assert first.draws is not None
    assert again.draws is not None
    assert first.draws.tolist() == again.draws.tolist()
    assert first.draws[0] != first.draws[1]
    assert first.pmf.tolist() == [[0.25] * 4] * 2


def test_per_class_takes_the_class_then_the_star_then_the_best_prior() -> None:
    contexts = (Context("code"), Context("chat"), Context("odd"))
    assert chosen(choose("per_class:{code: mini, *: mid}", *contexts)) == ["mini", "mid", "mid"]
    choice = choose("per_class:{code: mini}", *contexts)
    assert chosen(choice) == ["mini", "new", "new"]
    assert choice.reasons == [
        None,
        *["no model is named for this class: best prior of the eligible models"] * 2,
    ]


def test_complexity_steps_through_tiers_and_takes_the_cheapest_of_each() -> None:
    contexts = [Context(complexity=score) for score in (0.0, 0.34, 0.35, 0.64, 0.65, 1.0, None)]
    usd = [0.001, 0.003, 0.02, 0.002]
    assert chosen(choose("complexity", *contexts, usd=usd)) == [
        "mini",
        "mini",
        "new",
        "new",
        "max",
        "max",
        "max",
    ]


def test_complexity_looks_up_before_it_looks_down() -> None:
    low, middle = Context(complexity=0.1), Context(complexity=0.5)
    assert chosen(choose("complexity", low, eligible=[False, True, True, False])) == ["mid"]
    assert chosen(choose("complexity", middle, eligible=[True, False, True, False])) == ["max"]
    choice = choose("complexity", middle, eligible=[True, False, False, False])
    assert chosen(choice) == ["mini"]
    assert choice.reasons == ["complexity 0.50: tier standard, none eligible, next step"]


def test_complexity_by_price_needs_no_tiers() -> None:
    contexts = [Context(complexity=score) for score in (0.1, 0.5, 0.9)]
    assert chosen(choose("complexity:price", *contexts, usd=[0.001, 0.002, 0.02, 0.03])) == [
        "mini",
        "max",
        "new",
    ]


def test_starter_rules_send_law_medicine_and_proofs_up_and_small_things_down() -> None:
    texts = (
        "Prove that there are infinitely many primes.",
        "What are the symptoms of sepsis?",
        "Is the liability of the plaintiff limited?",
        "Translate to French: hello",
        "Is it raining?",
        "Write a poem about rain.",
    )
    choice = choose("rules", *(Context(text=text) for text in texts))
    assert chosen(choice) == ["max", "max", "max", "mini", "mini", "mid"]
    assert choice.reasons is not None
    assert choice.reasons[0] == "proofs and mathematics go to the highest tier"


def test_rules_of_a_file_narrow_and_another_policy_chooses(tmp_path: Path) -> None:
    own = Settings(models=MODELS, path=tmp_path / "banditroute.toml")
    (tmp_path / "mine.toml").write_text(
        'choose = "greedy:0.5"\n[[rules]]\nreason = "code"\nclasses = ["code"]\ntier = "standard"\n'
    )
    policy = get_policy("rules:mine.toml", own)
    assert policy.learns
    code = policy.choose(slate(Context("code")))
    assert code.pmf[0].tolist() == [0.0, 0.75, 0.0, 0.25]
    assert code.reasons == ["code"]
    assert policy.choose(slate(Context("chat"))).pmf[0].tolist() == [0.125, 0.125, 0.625, 0.125]
    stranded = policy.choose(slate(Context("code"), eligible=[True, False, True, False]))
    assert chosen(stranded) == ["max"]
    assert stranded.reasons == ["code: none of its models is eligible, best prior of the others"]


def test_a_split_keeps_a_unit_in_its_variant_and_logs_both_probabilities() -> None:
    spec = "split:{control: fixed:mini 0.25, treatment: greedy:0.4 0.75}"
    contexts = [Context(unit=f"user-{i}") for i in range(400)]
    choice = choose(spec, *contexts)
    assert choice.variants is not None
    assert choice.shares is not None
    again = choose(spec, *contexts, ids=[f"other-{i}" for i in range(400)])
    assert again.variants == choice.variants
    treated = [name == "treatment" for name in choice.variants]
    assert 260 < sum(treated) < 340  # 300 expected, sd 8.7; the hash is fixed, so this cannot flicker
    assert choice.shares.tolist() == [0.75 if t else 0.25 for t in treated]
    expected = [[0.1, 0.1, 0.7, 0.1] if t else [1.0, 0.0, 0.0, 0.0] for t in treated]
    np.testing.assert_allclose(choice.pmf, expected)
    np.testing.assert_allclose(choice.marginal, [[0.325, 0.075, 0.525, 0.075]] * 400)  # type: ignore[arg-type]
    assert choice.parameters == {"treatment.epsilon": 0.4}


def test_two_experiments_divide_the_same_units_independently() -> None:
    contexts = [Context(unit=f"user-{i}") for i in range(400)]
    body = "{a: cheapest 0.5, b: best_prior 0.5}"
    first, second = (choose(f"split:{name}{body}", *contexts).variants for name in ("one", "two"))
    assert first is not None
    assert second is not None
    together = sum(x == y for x, y in zip(first, second, strict=True))
    assert 150 < together < 250  # 200 expected, sd 10


def test_a_split_without_unit_goes_by_the_decision_and_passes_on_how_to_draw() -> None:
    spec = "split:{a: round_robin 0.5, b: per_class:{code: mini, *: mid} 0.5}"
    choice = choose(spec, *[Context()] * 60)
    assert choice.draws is not None
    assert choice.variants is not None
    assert set(choice.variants) == {"a", "b"}
    assert [np.isnan(draw) for draw in choice.draws] == [name == "b" for name in choice.variants]


def test_the_lookahead_of_a_split_is_that_of_the_variant_that_explores() -> None:
    explores = get_policy("thompson", SETTINGS).lookahead
    assert get_policy("split:{a: cheapest 0.5, b: thompson 0.5}", SETTINGS).lookahead == explores
    assert get_policy("split:{a: cheapest 0.5, b: greedy 0.5}", SETTINGS).lookahead is None


def test_baselines_need_nothing_but_models() -> None:
    specs = baseline_specs(Settings(models=MODELS))
    assert specs[:4] == ("fixed:mini", "fixed:mid", "fixed:max", "fixed:new")
    assert not any(get_policy(spec, Settings(models=MODELS)).learns for spec in specs)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", 'no policy ""'),
        ("thomson", 'did you mean "thompson"?.*Write one of: thompson, greedy'),
        ("thompson:0.1", "takes no argument"),
        ("random:7", "takes no argument"),
        ("greedy:2", "from 0 to 1, not '2'"),
        ("greedy:nan", "from 0 to 1, not 'nan'"),
        ("fixed:midi", 'no model "midi"; did you mean "mi.*"?.*The models are: mini, mid, max, new'),
        ("fixed", 'no model ""'),
        ("per_class:code=mini", "write per_class:{"),
        ("per_class:{code: mini", "write per_class:{"),
        ("per_class:{code mini}", "is not 'name: value'"),
        ("per_class:{code: mini, code: mid}", "given twice"),
        ("per_class:{cod: mini}", 'did you mean "code"?'),
        ("per_class:{code: nano}", 'no model "nano"'),
        ("complexity:tier", "'complexity:price'"),
        ("rules:nowhere.toml", "no rules file"),
        ("split:{a: cheapest 0.5, b: random 0.6}", "sum to 1.1; they must sum to 1"),
        ("split:{a: cheapest, b: random 0.6}", "needs a policy and a share"),
        ("split:{a: cheapest x, b: random 0.6}", "share of 'a' must be a number"),
        ("split:{a: split:{x: random 1} 0.5, b: random 0.5}", "is itself a split"),
        ("split:{a: fixed:mini} 0.5, b: random 0.5}", "braces"),
        ("split:", "write split:{"),
    ],
)
def test_a_policy_that_is_written_wrong_is_refused_with_the_way_out(spec: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        get_policy(spec, SETTINGS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("rules = 3", "at least one rule"),
        ("[[rules]\n", ":1: this is not valid TOML"),
        (
            '[[rules]]\nreason = "r"\ntiers = "x"\n',
            r':3: there is no key "tiers" in a rule; did you mean "tier"\?',
        ),
        ('[[rules]]\ntier = "budget"\n', ":1: a rule needs a reason"),
        ('[[rules]]\nreason = "r"\nmodel = "midd"\n', ':3: there is no model "midd"; did you mean "mid"?'),
        (
            '[[rules]]\nreason = "r"\ntier = "premum"\n',
            ':3: there is no tier "premum"; did you mean "premium"?',
        ),
        ('[[rules]]\nreason = "r"\npattern = "("\n', ":3: pattern "),
        ('[[rules]]\nreason = "r"\nmin_tokens = "many"\n', ":3: min_tokens "),
        ('choose = "rules"\n[[rules]]\nreason = "r"\n', "a policy that decides by itself"),
        ('chose = "random"\n[[rules]]\nreason = "r"\n', 'did you mean "choose"?'),
        ('choose = "thomson"\n[[rules]]\nreason = "r"\n', 'did you mean "thompson"?'),
    ],
)
def test_a_wrong_rules_file_is_refused_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(ConfigError, match=says):
        get_policy("rules:mine.toml", Settings(models=MODELS, path=tmp_path / "banditroute.toml"))
