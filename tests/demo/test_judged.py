"""The judge of the demo: its truth is computed exactly, and the application sends what it is to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from banditroute import Router
from banditroute.config.load import load_settings
from banditroute.config.starter import starter_text
from banditroute.demo import judged
from banditroute.demo.application import feedback_fields
from banditroute.demo.judged import CONFIG, Excess, Judged, true_excess
from banditroute.judge.instrument import configured_instrument
from banditroute.judge.simulated import JudgeProfile, SimulatedJudge
from banditroute.routing.judging import enqueue
from banditroute.store import open_store
from banditroute.store.jobs import JobStore
from banditroute.upstream.answers import SimulatedChat, written_answer
from banditroute.upstream.simulated import SimulatedWorld

JUDGE = "simulated-judge"


def test_the_demo_has_a_judge_that_is_none_of_its_models(tmp_path: Path) -> None:
    (tmp_path / "banditroute.toml").write_text(starter_text() + CONFIG)
    settings = load_settings(tmp_path / "banditroute.toml", env={})
    assert configured_instrument(settings).name == f"{JUDGE}/pointwise-1"
    assert settings.judge.model not in {model.id for model in settings.models}


@pytest.mark.parametrize("model", ["gpt-4o", "deepseek-v3"])
def test_the_true_excess_is_what_the_judge_gives_too_much(model: str) -> None:
    """Over 4,000 answers the mean of score less quality has a standard error of 0.002; the bound is five of
    them, one false alarm in a million, and the luck is fixed by the seed."""
    judge = SimulatedJudge(SimulatedChat())
    quality = np.random.default_rng(5).beta(8.0, 1.2, size=4_000)
    seen = [judge.seen(JUDGE, written_answer(model, f"Question {i}?", q)) for i, q in enumerate(quality)]
    truth = true_excess(JUDGE, model, quality, judge.profile)
    assert float(np.mean(seen - quality)) == pytest.approx(truth, abs=0.01)
    uncut = judge.profile.offset + (judge.profile.slope - 1.0) * quality.mean() + judge.bias(JUDGE, model)
    assert truth < uncut, "scores above 1 are cut off"


def test_a_judge_without_noise_or_bias_gives_nothing_too_much() -> None:
    profile = JudgeProfile(offset=0.0, slope=1.0, model_sd=0.0, noise=1e-9)
    assert true_excess(JUDGE, "any", np.array([0.2, 0.9]), profile) == pytest.approx(0.0, abs=1e-8)


def test_the_answer_is_sent_where_it_was_wanted_and_there_is_one() -> None:
    outcomes = SimulatedWorld(seed=2).outcomes(400)
    failed, fine = (int(np.flatnonzero(outcomes.error[:, 0] == error)[0]) for error in (True, False))
    assert feedback_fields(outcomes, fine, 0, "An answer.")["response"] == "An answer."
    assert "response" not in feedback_fields(outcomes, fine, 0)
    assert "response" not in feedback_fields(outcomes, failed, 0, "An answer.")


def test_an_answer_that_becomes_a_job_meanwhile_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker may make jobs of all notes between one look and the next: no look may miss both."""
    (tmp_path / "banditroute.toml").write_text(starter_text() + CONFIG)
    settings = load_settings(tmp_path / "banditroute.toml", env={})
    with Router(settings) as router:
        routed = [router.route(request_class="code", prompt=f"Question {i}?") for i in range(60)]
        wanted = [decision.id for decision in routed if decision.wants_response]
        for id in wanted:
            router.feedback(id, latency_ms=900, response="An answer.")
    assert wanted
    looked = JobStore.counts

    def meanwhile(self: JobStore, instrument: str | None = None) -> dict[str, int]:
        found = looked(self, instrument)
        store = open_store(settings.store.url)
        enqueue(store, self, f"{JUDGE}/pointwise-1")
        store.close()
        return found

    monkeypatch.setattr(JobStore, "counts", meanwhile)
    monkeypatch.setattr(judged, "PATIENCE", 0.3)
    counts, usd, _ = judged._settled(settings, f"{JUDGE}/pointwise-1")
    assert counts["pending"] == len(wanted)
    assert usd == 0.0


def test_what_is_known_of_the_judge_is_said() -> None:
    excess = Excess("gpt-4o", 40.0, -0.12, -0.17, -0.07, -0.13)
    answers = {
        "scored": 60.0,
        "silent": 20.0,
        "rate": 0.75,
        "log_odds": 0.5,
        "log_odds_sd": 1.0,
        "moved": 0.004,
    }
    shown = Judged("j/pointwise-1", 80, 2, 0.031, 60.0, 0.84, 0.1, 0.8, [excess], answers)
    text = " ".join(shown.sentences())
    for part in ("80 answers for 0.031 USD (2 more wait)", "60 of them", "0.84 ± 0.20", "75% of 80", "0.004"):
        assert part in text
    assert shown.table().row_count == 1
    silent = Judged("j/pointwise-1", 0, 0, 0.0, 0.0, 1.0, 0.25, 0.8, [], None)
    assert len(silent.sentences()) == 2
