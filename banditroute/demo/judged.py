"""The judge of the demo: a simulated one of known bias, so that what was learned of it can be checked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from banditroute.client import Client
from banditroute.config.rubrics import instrument_name
from banditroute.config.settings import Settings
from banditroute.core.base import Floats
from banditroute.judge.simulated import JudgeProfile, SimulatedJudge
from banditroute.offline.verbatim import VerbatimTable
from banditroute.store import open_store
from banditroute.store.jobs import JobStore
from banditroute.upstream.answers import SimulatedChat
from banditroute.upstream.simulated import SimulatedOutcomes

CONFIG = """
# The demo's judge: none of the models, with a bias and a noise that the router does not know. A day's money
# is no limit here, since the demo plays a day's traffic in seconds.
[judge]
model = "simulated-judge"
upstream = "simulated"
usd_per_million_input = 0.15
usd_per_million_output = 0.60
base_rate = 0.15
value_rate = 0.10
usd_per_day = 100_000
"""

PATIENCE = 60.0
"""Seconds that the judge may take for what is left when all requests are played."""


@dataclass(frozen=True, slots=True)
class Excess:
    """What the judge gives a model's answers too much on average, in quality (0 to 1): as calibrated from the
    `pairs` that people scored too, with its 95% interval, and in truth."""

    model: str
    pairs: float
    value: float
    low: float
    high: float
    truth: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of judging: `verdicts` (of which people scored `pairs` too) at `usd` in all; `waiting` are
    answers that were still to be judged. A difference in quality counts `slope` times to the judge, in truth
    `true_slope`. `answers` says who answers, as `/v1/state` has it; None before anything is known."""

    instrument: str
    verdicts: int
    waiting: int
    usd: float
    pairs: float
    slope: float
    slope_sd: float
    true_slope: float
    excess: Sequence[Excess]
    answers: Mapping[str, float] | None

    def to_dict(self) -> dict[str, object]:
        """The JSON of `demo --json`."""
        return asdict(self)

    def table(self) -> VerbatimTable:
        """What calibration found, beside the truth."""
        table = VerbatimTable(title="What the judge gives too much", title_justify="left", title_style="bold")
        table.add_column("model", no_wrap=True)
        for name in ("scored by both", "calibrated", "95%", "true"):
            table.add_column(name, justify="right", no_wrap=True)
        for one in self.excess:
            interval = f"{one.low:+.3f} to {one.high:+.3f}"
            table.add_row(one.model, f"{one.pairs:.0f}", f"{one.value:+.3f}", interval, f"{one.truth:+.3f}")
        return table

    def sentences(self) -> list[str]:
        """Verdicts and spend, the judge's scale, and who answers."""
        waiting = f" ({self.waiting:,} more wait)" if self.waiting else ""
        said = [
            f"{self.instrument} judged {self.verdicts:,} answers for {self.usd:.3f} USD{waiting}; people "
            f"scored {self.pairs:.0f} of them too, and by these its scores are corrected.",
            f"A difference in quality counts {self.slope:.2f} ± {1.96 * self.slope_sd:.2f} times to it (in "
            f"truth {self.true_slope:.2f}).",
        ]
        if self.answers is None:
            return said
        known = self.answers
        return [
            *said,
            f"People scored {known['rate']:.0%} of {known['scored'] + known['silent']:.0f} judged answers. "
            f"The log odds of a score rise by {known['log_odds']:+.1f} ± {1.96 * known['log_odds_sd']:.1f} "
            f"from quality 0 to 1 (in truth 0); this moves means by at most {known['moved']:.3f}.",
        ]


def judged(url: str, settings: Settings, models: Sequence[str], outcomes: SimulatedOutcomes) -> Judged:
    """What the service has learned of its judge, once all that was sampled is judged."""
    instrument = instrument_name(settings)
    counts, usd, seq = _settled(settings, instrument)
    with Client(url, api_key="") as client:  # the key of a real installation is not for it
        account = client.state(seq)["account"]
    known = next((judge for judge in account["judges"] if judge["instrument"] == instrument), None)
    if known is None:
        known = {"pairs": 0.0, "slope": 1.0, "slope_sd": 0.0, "rectifiers": []}
    truth = SimulatedJudge(SimulatedChat()).profile
    return Judged(
        instrument=instrument,
        verdicts=counts["done"],
        waiting=counts["pending"] + counts["running"],
        usd=usd,
        pairs=known["pairs"],
        slope=known["slope"],
        slope_sd=known["slope_sd"],
        true_slope=truth.slope,
        excess=_excesses(settings, known, models, outcomes),
        answers=account["answers"],
    )


def true_excess(judge: str, model: str, quality: Floats, profile: JudgeProfile) -> float:
    """The mean over answers of what the simulated judge of that name gives too much: its noisy score, cut to
    [0, 1], less the quality `(n,)`."""
    bias = SimulatedJudge(SimulatedChat(), profile).bias(judge, model)
    level = profile.offset + profile.slope * quality + bias
    return float(np.mean(_cut_mean(level, profile.noise) - quality))


def _cut_mean(mean: Floats, sd: float) -> Floats:
    """`E[min(max(X, 0), 1)]` of a normal X."""
    low, high = -mean / sd, (1.0 - mean) / sd
    inside = ndtr(high) - ndtr(low)
    density = (np.exp(-0.5 * low**2) - np.exp(-0.5 * high**2)) / np.sqrt(2.0 * np.pi)
    cut: Floats = mean * inside + sd * density + ndtr(-high)
    return cut


def _excesses(
    settings: Settings, known: Mapping[str, Any], models: Sequence[str], outcomes: SimulatedOutcomes
) -> list[Excess]:
    """The rectifiers hold where quality is what is expected beforehand; the slope takes them to each model's
    own mean quality."""
    found, profile = [], JudgeProfile()
    for one in known["rectifiers"]:
        place = list(models).index(one["model"])
        quality = outcomes.quality[~outcomes.error[:, place], place]
        moved = (known["slope"] - 1.0) * (float(quality.mean()) - settings.policy.prior_quality)
        found.append(
            Excess(
                model=one["model"],
                pairs=one["pairs"],
                value=one["value"] + moved,
                low=one["low"] + moved,
                high=one["high"] + moved,
                truth=true_excess(settings.judge.model, one["model"], quality, profile),
            )
        )
    return found


def _settled(settings: Settings, instrument: str) -> tuple[dict[str, int], float, int]:
    """Waits for the judge: jobs by state, what they cost, and the last event, from the service's own log."""
    store = open_store(settings.store.url)
    try:
        jobs, deadline = JobStore(store.engine), time.monotonic() + PATIENCE
        while True:
            untold = store.answered(1)  # first: what is no note any more is a job already
            counts = jobs.counts(instrument)
            idle = not untold and counts["pending"] + counts["running"] == 0
            if idle or time.monotonic() > deadline:
                return counts, sum(jobs.spent(time.time()).values()), store.last_seq()
            time.sleep(0.1)
    finally:
        store.close()
