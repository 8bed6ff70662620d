"""A router that starts from a prior: its state, its snapshot, its rebuild."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import StoreSettings
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from banditroute.router import Router
from banditroute.routing.engine import opened_store
from banditroute.routing.follow import stored_state
from banditroute.service.replies import encode, state_reply

from .setting import SETTINGS

MODELS = ("large", "middle", "small")


def history(best: str) -> Prior:
    """800 requests in which one model was by far the best."""
    rng = np.random.default_rng(0)
    n, nothing = 800, np.full((800, 3), np.nan)
    mean = np.array([0.95 if name == best else 0.6 for name in MODELS])
    return fit_prior(
        Log(
            kind="full_information",
            request_ids=np.arange(n).astype(str),
            models=MODELS,
            classes=("chat", "code"),
            class_index=rng.integers(0, 2, n),
            quality=np.clip(mean + 0.05 * rng.normal(size=(n, 3)), 0.0, 1.0),
            usd=nothing,
            seconds=nothing,
            output_tokens=nothing,
            input_tokens=np.full(n, 500.0),
        )
    )


def test_a_router_starts_from_its_prior_and_says_so() -> None:
    for best in MODELS:
        prior = history(best)
        with Router(replace(SETTINGS, prior=prior)) as router:
            decision = router.route(
                request_class="code", input_tokens=500, weights={"quality": 1.0, "usd": 0.0}
            )
            assert decision.model == best
            assert decision.propensity > 0.99
            said = state_reply(router.state, pending=0, policy="thompson", mode="live", prior=prior)
        assert said.prior is not None
        assert said.prior.digest == prior.digest
        assert said.prior.counts_for["quality"][best] > 100.0
        assert b"counts_for" in encode(said)


def test_a_snapshot_knows_its_prior_and_a_changed_one_is_folded_afresh(tmp_path: Path) -> None:
    prior = history("small")
    settings = replace(SETTINGS, prior=prior, store=StoreSettings(url=f"sqlite:///{tmp_path / 'log.db'}"))
    with Router(settings) as router:
        for i in range(20):
            decision = router.route(request_class="chat", input_tokens=500)
            router.feedback(decision.id, quality=0.9 - 0.01 * (i % 5), latency_ms=900)
        learned = router.catch_up()
        assert router.rebuild().agrees
    changed = replace(settings, prior=sealed(history("large")))
    store = opened_store(settings)
    try:
        known = stored_state(store, settings)
        assert known is not None
        assert known.seq == learned.seq
        assert stored_state(store, changed) is None
    finally:
        store.close()
    with Router(changed) as router:
        assert router.state.seq == learned.seq
        again = router.rebuild()
        assert again.agrees
        assert again.snapshot_seq is None
        sums, before = router.state.stats[0], learned.stats[0]
        assert sums is not None
        assert before is not None
        np.testing.assert_allclose(sums.xx, before.xx)
        assert not np.allclose(router.state.posterior[0].theta, learned.posterior[0].theta)  # type: ignore[union-attr]
