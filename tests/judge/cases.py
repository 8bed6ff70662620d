"""Answers to be judged: decisions in an event log with their texts, and a job for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from banditroute.config.feedback import JudgeSettings
from banditroute.config.rubrics import instrument_name
from banditroute.config.settings import Settings, StoreSettings, Upstream
from banditroute.store import Store
from banditroute.store.jobs import BASE, JobStore, NewJob
from banditroute.types import Decision
from banditroute.upstream.answers import written_answer
from banditroute.upstream.simulated import SimulatedWorld
from tests.store.events import decision

WORLD = SimulatedWorld()

JUDGE = JudgeSettings(model="claude-sonnet", usd_per_day=1_000.0, lease_seconds=30.0)

SETTINGS = Settings(
    store=StoreSettings(url="memory://"),
    upstreams=(Upstream("simulated", dialect="simulated"),),
    models=tuple(replace(model, provider="simulated") for model in WORLD.models),
    judge=JUDGE,
)

MODELS = tuple(model.id for model in WORLD.models if model.id != JUDGE.model)


def settings(**judge: object) -> Settings:
    """The configuration with other values in `[judge]`."""
    return replace(SETTINGS, judge=replace(JUDGE, **judge))  # type: ignore[arg-type]


def answered(i: int, at: float = 0.0) -> tuple[Decision, dict[str, str], float]:
    """A decision, its texts, and the true quality of the answer."""
    model = MODELS[i % len(MODELS)]
    quality = round(0.3 + 0.6 * (i * 37 % 100) / 100, 4)
    prompt = f"Request number {i}: summarise the minutes below."
    texts = {"prompt": prompt, "response": written_answer(model, prompt, quality)}
    return structs.replace(decision(f"d{i}"), at=at, model=model), texts, quality


def fill(
    store: Store, n: int, *, at: float, under: Settings = SETTINGS, reason: str = BASE, start: int = 0
) -> Sequence[str]:
    """Puts n answers into a log, and a job for each; gives the decisions' ids."""
    made = [answered(i, at) for i in range(start, start + n)]
    store.append_decisions([d for d, _, _ in made], texts={d.id: texts for d, texts, _ in made}).result(60)
    name = instrument_name(under)
    JobStore(store.engine).enqueue_all([NewJob(d.id, name, 0.05, reason, at) for d, _, _ in made])
    return [d.id for d, _, _ in made]
