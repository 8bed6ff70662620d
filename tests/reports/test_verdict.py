"""The line in plain words, at its edges."""

from __future__ import annotations

import pytest

from banditroute.reports.findings import Range
from banditroute.reports.verdict import points, usd, verdict


@pytest.mark.parametrize(
    ("paid", "other", "gain", "said"),
    [
        (
            41.2,
            Range(160.0, 143.0, 178.0),
            Range(-0.004, -0.009, 0.001),
            "You paid $41.20; everything to gpt-4o would have cost $160 (143–178): you saved 74%, "
            "at 0.4 points lower quality (−0.9 to +0.1).",
        ),
        (10.0, Range(10.0), Range(0.0), "$10.00: the same, at the same quality."),
        (10.0, Range(10.5, 9.0, 12.0), None, "(9.00–12.00): no clear difference, at a quality that cannot"),
        (13.0, Range(10.0, 9.0, 11.0), Range(0.02), ": you paid 30% more, at 2.0 points higher quality."),
        (50.0, Range(10.0), Range(0.0001, -0.01, 0.01), "5.0 times as much, at about the same quality"),
        (0.0, Range(0.0), Range(0.0), "You paid $0; everything to gpt-4o would have cost $0: both are free"),
        (0.0, Range(3.0, 2.0, 4.0), Range(0.1), "would have cost $3.00 (2.00–4.00): you saved 100%"),
        (3.0, Range(0.0), Range(0.1), "would have cost $0, at 10.0 points higher quality."),
        (0.00012, Range(0.00048), None, "You paid $0.00012; everything to gpt-4o would have cost $0.00048"),
    ],
    ids=["saved", "same", "unclear", "dearer", "many times", "free", "paid nothing", "free rule", "tiny"],
)  # fmt: skip
def test_the_verdict(paid: float, other: Range, gain: Range | None, said: str) -> None:
    assert said in verdict("fixed:gpt-4o", paid, other, gain)


def test_it_names_rules_and_what_was_replayed() -> None:
    told = verdict("cheapest", 2.0, Range(4.0), None, simulated="thompson", interval=False)
    assert told.startswith(
        "thompson would have cost $2.00; the rule cheapest would have cost $4.00: it saves 50%"
    )
    assert told.endswith("(too few requests for intervals).")


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0, "$0"),
        (1234567.8, "$1,234,568"),
        (99.994, "$99.99"),
        (100.4, "$100"),
        (0.0999, "$0.100"),
        (0.0123456, "$0.012"),
        (3.2e-7, "$0.00000032"),
        (-2.5, "−$2.50"),
    ],
)
def test_amounts(amount: float, told: str) -> None:
    assert usd(amount) == told


def test_points_are_signed_and_never_minus_zero() -> None:
    assert [points(value) for value in (0.0123, -0.0004, 0.0004, -0.1)] == ["+1.2", "0", "0", "−10.0"]
