"""From a routed request to a verdict: what was sampled is judged, in the service's process or in another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from banditroute.config.rubrics import instrument_name
from banditroute.judge.run import work
from banditroute.router import Router
from banditroute.store import open_store
from banditroute.upstream.answers import written_answer
from tests.judge.cases import settings


def test_sampled_answers_come_back_as_verdicts_and_the_others_do_not(tmp_path: Path) -> None:
    """The application's process only routes and reports; the judge's opens the same file afterwards."""
    under = settings(base_rate=0.5, value_rate=0.3)
    made = []
    with Router(under, open_store("sqlite:///log.db", base=tmp_path)) as router:
        for i in range(40):
            prompt = f"Request number {i}: summarise the minutes below."
            by_messages = i % 2 == 0  # the prompt may come with the answer, too
            one = router.route(request_class="chat", **({} if by_messages else {"prompt": prompt}))
            answer = written_answer(one.model, prompt, 0.7)
            messages = [{"role": "user", "content": prompt}]
            router.feedback(one.id, latency_ms=100, response=answer, messages=messages if by_messages else [])
            made.append(one)
    asked = {one.id: one for one in made if one.wants_response}
    assert 0 < len(asked) < 40
    store = open_store("sqlite:///log.db", base=tmp_path)
    tally = asyncio.run(work(under, store, asyncio.Event(), once=True))
    assert tally.ended == {"done": len(asked)}
    for one in made:
        record = store.record(one.id)
        assert record is not None
        verdicts = [outcome for outcome in record.outcomes if outcome.source == "judge"]
        assert [v.rater for v in verdicts] == [instrument_name(under)] * (one.id in asked)
        assert all(v.weight == 1.0 / one.judge_propensity for v in verdicts)
    store.close()
