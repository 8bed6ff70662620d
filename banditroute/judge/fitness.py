"""Whether there is anything to judge: jobs that are over already, and answers that are not to be judged."""

from __future__ import annotations

from banditroute.config.settings import Settings
from banditroute.judge.instrument import Instrument
from banditroute.store import Record
from banditroute.store.jobs import DONE, FAILED, Job
from banditroute.types import JUDGE
from banditroute.upstream.chat import CHARACTERS_PER_TOKEN


def over(job: Job, record: Record | None, attempts: int) -> tuple[str, str | None] | None:
    """How a job ended under a worker that did not live to say so, and why. Only what a worker posted ends a
    job: anybody may claim to be its instrument."""
    known = () if record is None else record.outcomes
    if any(own.source == "judge" and own.rater == job.instrument and own.principal == JUDGE for own in known):
        return DONE, None
    if job.attempts > attempts:
        return FAILED, "Its workers ended before there was a verdict."
    return None


def unfit(
    instrument: Instrument, settings: Settings, record: Record | None, prompt: str, answer: str, most: float
) -> str | None:
    """Why an answer is not to be judged; `most` is what a verdict may cost, in USD."""
    if record is None:
        return "There is no such decision in the event log."
    missing = " and ".join(name for name, text in (("prompt", prompt), ("response", answer)) if not text)
    if missing:
        days = settings.judge.retention_days
        return f"There is no {missing}; texts are kept for {days:g} days, where they may be."
    if refusal := instrument.refuses(record.decision, settings):
        return refusal
    tokens = (len(prompt) + len(answer)) // CHARACTERS_PER_TOKEN
    window = instrument.model.context_window
    if window is not None and tokens > window:
        return f"About {tokens:,} tokens are more than the judge can read ({window:,})."
    if most > (cap := settings.judge.usd_per_day):
        return f"A verdict may cost {most:.4f} USD, and [judge] usd_per_day is {cap:g}."
    return None
