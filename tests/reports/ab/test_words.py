"""The verdict: one sentence that claims nothing an interval does not bear out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from banditroute.reports.ab.findings import Cap, MetricEffect
from banditroute.reports.ab.words import Evidence, change, verdict
from banditroute.reports.findings import Range


def effect(metric: str, mean: float, low: float | None, high: float | None) -> MetricEffect:
    return MetricEffect(
        metric=metric,
        treatment="treatment",
        control="control",
        stage="too_early" if low is None else "sure",
        treatment_mean=0.8 + mean,
        control_mean=0.8,
        difference=Range(mean, low, high),
        ratio=None,
        p=None,
        known=3_000,
        units=1_204,
        alike=1_204.0,
        first_look=2_000 if metric == "usd" else 500,
        cap=None,
        gain=None,
        more_units=None,
        looks=None,
    )


def cost(ratio: Range | None, low: float | None, high: float | None, mean: float = -0.0044) -> MetricEffect:
    return structs.replace(effect("usd", mean, low, high), ratio=ratio)


CHEAPER = cost(Range(0.39, 0.36, 0.42), -0.0047, -0.0041)
SAME_QUALITY = effect("quality", -0.003, -0.009, 0.003)
SEEN = Evidence(
    treatment="treatment",
    control="control",
    treatment_requests=600,
    control_requests=604,
    metric="quality",
    margin=0.01,
    primary=SAME_QUALITY,
    cost=CHEAPER,
)

CHEAP = "treatment costs 61% less (58 to 64)"
MARGIN = "the agreed margin of 1 point"
INSIDE = f"quality −0.3 points (−0.9 to +0.3): inside {MARGIN}"
UNSURE = "quality −0.3 points (−2.0 to +1.4): not decided yet"
STAYS = "more units, should the difference stay as it is"

CASES = [
    (
        {},
        "not_worse_and_cheaper",
        f"{CHEAP}, {INSIDE}.",
    ),
    (
        {"primary": effect("quality", -0.006, -0.009, -0.003)},
        "not_worse_and_cheaper",
        f"{CHEAP}, quality −0.6 points (−0.9 to −0.3): a loss, but inside {MARGIN}.",
    ),
    (
        {"primary": effect("quality", 0.02, 0.01, 0.03)},
        "better",
        f"{CHEAP}, quality +2.0 points (+1.0 to +3.0): better than control.",
    ),
    (
        {"primary": effect("quality", -0.05, -0.07, -0.03)},
        "worse",
        f"{CHEAP}, quality −5.0 points (−7.0 to −3.0): worse than control by more than {MARGIN}.",
    ),
    (
        {"primary": effect("quality", -0.05, -0.07, -0.03), "margin": 0.0},
        "worse",
        f"{CHEAP}, quality −5.0 points (−7.0 to −3.0): worse than control.",
    ),
    (
        {"primary": structs.replace(effect("quality", -0.003, -0.02, 0.014), more_units=5_421)},
        "undecided",
        f"{CHEAP}, {UNSURE} (about 5,500 {STAYS}); {MARGIN} may be exceeded.",
    ),
    (
        {"primary": effect("quality", -0.003, -0.02, 0.014), "margin": 0.02},
        "undecided",
        f"{CHEAP}, {UNSURE}; the agreed margin of 2 points may be exceeded.",
    ),
    (
        {"primary": effect("quality", 0.003, None, None)},
        "too_early",
        f"{CHEAP}, quality +0.30 points: too early to tell, before 500 units (1,204 so far).",
    ),
    (
        {"cost": cost(None, None, None)},
        "not_worse",
        f"treatment: cost cannot be told before it is known of 2,000 units (1,204 so far), {INSIDE}.",
    ),
    (
        {"cost": None},
        "not_worse",
        f"treatment: what it costs is not known, {INSIDE}.",
    ),
    (
        {"cost": cost(Range(1.03, 0.96, 1.11), -0.0003, 0.0008)},
        "not_worse",
        f"treatment costs about the same (4% less to 11% more), {INSIDE}.",
    ),
    (
        {"cost": cost(Range(1.12, 1.08, 1.16), 0.0006, 0.0012)},
        "not_worse",
        f"treatment costs 12% more (8 to 16), {INSIDE}.",
    ),
    (
        {"cost": cost(Range(3.14, 2.9, 3.4), 0.006, 0.007)},
        "not_worse",
        f"treatment costs 3.1 times as much (2.9 to 3.4), {INSIDE}.",
    ),
    (
        {"cost": cost(None, 0.001, 0.0014, 0.0012)},
        "not_worse",
        f"treatment costs $0.0012 more per request ($0.0010 to $0.0014), {INSIDE}.",
    ),
    (
        {"cost": structs.replace(cost(None, 0.0, 0.0, 0.0), treatment_mean=0.0, control_mean=0.0)},
        "not_worse",
        f"treatment and control are both free, {INSIDE}.",
    ),
    (
        {
            "cost": structs.replace(
                CHEAPER, cap=Cap(low=None, high=0.05, declared=True, requests=0.03, amount=0.12)
            )
        },
        "not_worse_and_cheaper",
        f"{CHEAP}, {INSIDE}; USD beyond $0.050 is cut, 12% of it.",
    ),
    (
        {"treatment_requests": 0, "primary": None, "cost": None},
        "no_data",
        "Nothing to compare yet: treatment has served no request.",
    ),
    (
        {"treatment_requests": 0, "control_requests": 0, "primary": None},
        "no_data",
        "Nothing to compare yet: neither control nor treatment has served a request.",
    ),
    (
        {"primary": None},
        "no_data",
        "Nothing to compare yet: quality is not known of both variants.",
    ),
    (
        {"broken": "units went 6,100 to control, 3,900 to treatment"},
        "broken",
        "Do not trust this experiment: units went 6,100 to control, 3,900 to treatment.",
    ),
    (
        {"metric": "usd", "primary": CHEAPER, "margin": 0.0005},
        "better",
        "treatment: USD per request −$0.0044 (−$0.0047 to −$0.0041): better than control.",
    ),
    (
        {"metric": "seconds", "primary": effect("seconds", 0.3, 0.12, 0.48), "margin": 0.5},
        "not_worse_and_cheaper",
        f"{CHEAP}, seconds per request +0.30 s (+0.12 to +0.48): a loss, but inside the agreed margin "
        "of 0.5 s.",
    ),
    (
        {"metric": "error", "primary": effect("error", 0.03, 0.02, 0.04), "margin": 0.01},
        "worse",
        f"{CHEAP}, error rate +3.0 points (+2.0 to +4.0): worse than control by more than {MARGIN}.",
    ),
]


@pytest.mark.parametrize(("seen", "decision", "says"), CASES)
def test_the_verdict(seen: dict[str, object], decision: str, says: str) -> None:
    found = verdict(replace(SEEN, **seen))  # type: ignore[arg-type]
    assert (found.decision, found.verdict) == (decision, says)


@pytest.mark.parametrize(
    ("low", "high", "decision", "shows"),
    [
        (-0.00996, 0.003, "not_worse_and_cheaper", "(−0.996 to +0.300): inside"),
        (-0.01004, 0.003, "undecided", "(−1.004 to +0.300): not decided"),
        (0.0001, 0.012, "better", "(+0.01 to +1.20): better"),
        (-0.03, -0.0104, "worse", "(−3.00 to −1.04): worse"),
        (-0.009, 0.003, "not_worse_and_cheaper", "(−0.9 to +0.3): inside"),
    ],
)
def test_a_limit_looks_like_no_margin_that_it_is_not_at(
    low: float, high: float, decision: str, shows: str
) -> None:
    found = verdict(replace(SEEN, primary=effect("quality", 0.5 * (low + high), low, high)))
    assert found.decision == decision
    assert shows in found.verdict
    usd = verdict(replace(SEEN, metric="usd", margin=0.001, primary=effect("usd", 0.0, -0.001, 0.0010004)))
    assert (usd.decision, "to +$0.0010004)" in usd.verdict) == ("undecided", True)


def test_digits_are_those_of_the_whole_interval() -> None:
    assert change(Range(0.0004, -0.005, 0.006), "quality") == "0 (−0.5 to +0.6)"
    assert change(Range(0.0004, -0.001, 0.0018), "quality") == "+0.04 (−0.10 to +0.18)"
    assert change(Range(12.4, -8.0, 30.6), "output_tokens") == "+12 (−8 to +31)"
    assert change(Range(-0.0044, None, None), "usd") == "−$0.0044"
