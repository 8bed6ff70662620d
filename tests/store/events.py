"""Events to store: a decision with something in every field, outcomes about it."""

from __future__ import annotations

from msgspec import structs

from banditroute.store import Receipt, Store
from banditroute.types import Candidate, Context, Decision, Exclusion, Limits, Outcome, Preferences, Weights

PATIENCE = 120.0
"""Seconds after which a write is taken to hang; a slow disk never takes as long."""


def decision(decision_id: str = "d1") -> Decision:
    return Decision(
        id=decision_id,
        at=1_700_000_000.25,
        context=Context(
            request_class="code",
            input_tokens=812,
            features={"difficulty": 0.1 + 0.2},
            unit="u",
            tags={"app": "é"},
        ),
        preferences=Preferences(
            Weights(usd=3.33), Limits(require=("tools", "region:eu"), max_usd=0.02), tier="x"
        ),
        candidates=(
            Candidate("a", 1 / 3, 0.9, 1e-7, 2.1, 0.83, 0.01),
            Candidate("b", 2 / 3, 0.8, 2e-7, 1.1, 0.8, 0.02),
        ),
        excluded=(Exclusion("c", "context_window", "needs 9,100 tokens, has 8,192"),),
        model="b",
        propensity=2 / 3,
        policy="thompson",
        seed=2**63 - 1,
        draw=0.75,
        state_seq=7,
        variant="treatment",
        variant_share=0.5,
        marginal=0.6,
        parameters={"floor": 0.02},
        params={"max_tokens": 256, "stop": ["a", "b"], "nested": {"x": None}},
        fallbacks=("a",),
        shadow={"model": "a", "propensity": 1.0},
        root_id="d0",
        attempt=2,
        wants_response=True,
    )


def quality(value: float | None, decision_id: str = "d1", **more: object) -> Outcome:
    return structs.replace(Outcome(decision_id, "quality", value, at=1_700_000_001.5), **more)  # type: ignore[arg-type]


def tell(store: Store, *outcomes: Outcome, **more: str) -> Receipt:
    return store.append_outcomes(outcomes, **more).result(PATIENCE)  # type: ignore[arg-type]
