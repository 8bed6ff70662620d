"""The calculator by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.errors import LogError
from banditroute.reports.calculator import Plan, calculate
from banditroute.reports.usage import Traffic, Usage, one_class, read_usage
from tests.reports.logs import LARGE, SMALL

MIDDLE = replace(SMALL, id="middle", usd_per_input_token=2e-6, usd_per_output_token=8e-6, prior_quality=0.9)
MODELS = (SMALL, MIDDLE, LARGE)
# A request of 1,000 + 100 tokens costs 0.0014 at small, 0.0028 at middle, 0.014 at large.
TRAFFIC = Traffic((Usage("code", 1_000, 1_000, 100, "large"), Usage("chat", 2_000, 1_000, 100, "small")))


def plan(plans: object, name: str) -> Plan:
    return next(one for one in plans if one.name == name)  # type: ignore[attr-defined]


def test_bills_by_hand() -> None:
    answer = calculate(TRAFFIC, MODELS)
    assert answer.now.monthly == pytest.approx(14.0 + 2.8)
    assert answer.now.yearly == pytest.approx(12 * 16.8)
    assert answer.now.quality == pytest.approx((0.9 + 2 * 0.8) / 3)
    assert plan(answer.plans, "fixed:large").monthly == pytest.approx(42.0)
    assert plan(answer.plans, "fixed:large").saving_share == pytest.approx(1 - 42.0 / 16.8)
    assert plan(answer.plans, "cheapest").monthly == pytest.approx(4.2)
    assert plan(answer.plans, "cheapest").holds is False
    held = plan(answer.plans, "per_class")
    assert [choice.models for choice in held.choices] == [["middle"], ["small"]]
    assert held.monthly == pytest.approx(2.8 + 2.8)
    assert held.holds is True
    assert answer.routing is not None
    assert (answer.routing.low, answer.routing.high) == pytest.approx((5.6, 16.8))
    assert answer.routing.saving == pytest.approx(1 - 5.6 / 16.8)
    assert "down to $5.60 (67% less)" in answer.verdict


def test_a_floor_above_today_is_told_to_cost_more() -> None:
    answer = calculate(TRAFFIC, (SMALL, LARGE), 0.9)
    assert answer.routing is not None
    assert answer.routing.low == pytest.approx(42.0)
    assert answer.routing.saving == pytest.approx(-1.5)
    assert "would cost at least $42.00, 150% more" in answer.verdict
    assert "no model here keeps a quality of 0.99" in calculate(TRAFFIC, MODELS, 0.99).verdict


def test_a_class_that_two_models_share_may_stay_as_it_is() -> None:
    """The mean quality of the mix is 0.85; whoever reaches it alone costs more than the mix."""
    mix = Traffic((Usage("code", 1_000, 1_000, 100, "large"), Usage("code", 1_000, 1_000, 100, "small")))
    answer = calculate(mix, (SMALL, LARGE))
    assert plan(answer.plans, "per_class").monthly == pytest.approx(28.0)
    assert answer.routing is not None
    assert answer.routing.low == pytest.approx(15.4)
    assert "routing would save nothing" in answer.verdict


def test_qualities_of_a_class_beat_priors() -> None:
    known = replace(TRAFFIC, quality={"code": {"middle": 0.5}})
    held = plan(calculate(known, MODELS).plans, "per_class")
    assert held.choices[0].models == ["large"]


def test_without_qualities_nothing_is_promised() -> None:
    answer = calculate(TRAFFIC, [replace(model, prior_quality=None) for model in MODELS])
    assert answer.routing is None
    assert "cannot be told" in answer.verdict
    assert [one.name for one in answer.plans] == ["fixed:small", "cheapest", "fixed:middle", "fixed:large"]


def test_unknown_prices_are_refused_today_and_left_out_otherwise() -> None:
    unpriced = replace(LARGE, id="new", usd_per_output_token=None)
    assert [one.rule for one in calculate(TRAFFIC, (*MODELS, unpriced)).refused] == ["new"]
    with pytest.raises(LogError, match="The price of new is not known"):
        calculate(one_class(1, 1, 1, "new"), (*MODELS, unpriced))


def test_usage_files(tmp_path: Path) -> None:
    table = tmp_path / "usage.csv"
    table.write_text('request_class,requests,input_tokens,output_tokens,model\ncode,"7,000",900,400,large\n')
    assert read_usage(table, "week").usage[0].requests == pytest.approx(1_000 * 365.25 / 12)
    toml = tmp_path / "usage.toml"
    toml.write_text(
        'period = "day"\n[[usage]]\nrequest_class = "code"\nrequests = 100\ninput_tokens = 900\n'
        'output_tokens = 400\nmodel = "large"\n[quality.code]\nsmall = 0.7\n'
    )
    read = read_usage(toml)
    assert read.usage == (Usage("code", 100 * 365.25 / 12, 900.0, 400.0, "large"),)
    assert read.quality == {"code": {"small": 0.7}}


HEAD = "request_class,requests,input_tokens,output_tokens,model\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("u.csv", "", "has no column requests"),
        ("u.csv", HEAD, "has no usage"),
        ("u.csv", HEAD + "code,many,1,1,large\n", "row 1 has 'many' for requests"),
        ("u.csv", HEAD + "code,-1,1,1,large\n", "row 1 has '-1' for requests"),
        ("u.csv", HEAD + "code,0,1,1,large\n", "row 1 has no requests"),
        ("u.csv", HEAD + "code,1,nan,1,large\n", "for input_tokens"),
        ("u.csv", HEAD + "code,1,1,1,\n", "has no model"),
        ("u.csv", HEAD + "code,1,1,1,large,9\n", "more cells than columns"),
        ("u.txt", HEAD, "an extension that is not known"),
        ("u.toml", "usage = 3", "has no usage"),
        ("u.toml", "[[usage]]\nrequests = 1\n", "has no model"),
        ("u.toml", "[[usage]\n", "not valid TOML"),
        ("u.toml", 'period = "hour"\n', 'the period "hour" is not known'),
        ("u.toml", "usages = 3", 'did you mean "usage"'),
        (
            "u.toml",
            '[[usage]]\nrequests=1\ninput_tokens=1\noutput_tokens=1\nmodel="large"\n[quality.all]\nsmall=7\n',
            "must be from 0 to 1",
        ),
        (
            "u.toml",
            '[[usage]]\nrequests=1\ninput_tokens=1\noutput_tokens=1\nmodel="large"\n[quality.cod]\nsmall=0.7\n',
            "is of no class here",
        ),
    ],
)
def test_wrong_usage_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LogError) as refusal:
        read_usage(path)
    assert said in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="There is no file"):
        read_usage(tmp_path / "none.csv")
