"""From the router's own store to an answer: route, report, export and evaluate in a world of known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from banditroute import Router
from banditroute.config.settings import PolicySettings, RequestClass, Settings, StoreSettings
from banditroute.core.base import Floats
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.export import export_log
from banditroute.offline.logs.reading import read_log
from banditroute.routing.engine import opened_store
from banditroute.types import Decision, Weights
from banditroute.upstream.simulated import SimulatedWorld

WEIGHTS = Weights(usd=20.0)
REQUESTS = 400


class Served:
    """A world that a router served, its decisions in order, and what every model would have earned."""

    def __init__(self, folder: Path, floor: float, seed: int) -> None:
        self.world = SimulatedWorld(seed=seed)
        self.settings = Settings(
            store=StoreSettings(url=f"sqlite:///{folder}/banditroute.db"),
            models=self.world.models,
            classes=tuple(RequestClass(name) for name in self.world.classes),
            policy=PolicySettings(floor=floor, horizon=REQUESTS),
        )
        self.models = [model.id for model in self.world.models]
        self.requests, self.outcomes = self.world.requests(REQUESTS), self.world.outcomes(REQUESTS)
        self.decisions: list[Decision] = []
        with Router(self.settings) as router:
            for i in range(REQUESTS):
                self.decisions.append(self._serve(router, i))
                if i % 20 == 19:
                    router.catch_up()
        self.path = folder / "decisions.parquet"
        store = opened_store(self.settings)
        export_log(store, self.settings, self.path)
        store.close()

    def _serve(self, router: Router, i: int) -> Decision:
        decision = router.route(
            request_class=self.world.classes[self.requests.request_class[i]],
            input_tokens=int(self.requests.input_tokens[i]),
        )
        a = self.models.index(decision.model)
        router.feedback(
            decision.id,
            quality=float(self.outcomes.quality[i, a]),
            usd=float(self.outcomes.usd[i, a]),
            output_tokens=int(self.outcomes.output_tokens[i, a]),
        )
        return decision

    @property
    def reward(self) -> Floats:
        """What every model would have earned on every request, `(n, k)`."""
        return self.outcomes.utility(WEIGHTS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return Served(tmp_path_factory.mktemp("served"), floor=0.1, seed=3)


def test_the_exported_log_is_what_was_decided(served: Served) -> None:
    log = read_log(served.path)
    assert isinstance(log, DecisionLog)
    assert log.propensity is not None
    assert log.pmf is not None
    assert log.request_ids.tolist() == [decision.id for decision in served.decisions]
    assert log.propensity.tolist() == [decision.propensity for decision in served.decisions]
    assert [log.models[a] for a in log.action] == [decision.model for decision in served.decisions]
    for row, decision in zip(log.pmf, served.decisions, strict=True):
        assert {m: p for m, p in zip(log.models, row.tolist(), strict=True) if p} == {
            c.model: c.propensity for c in decision.candidates if c.propensity
        }


def test_it_is_taken_for_a_learners_and_its_mean_is_what_was_earned(served: Served) -> None:
    result = evaluate(served.path, ["random"], settings=served.settings)
    assert result.log["logged_by"] == "learning"
    assert result.log["since"] == "its policy column names thompson"
    earned = [
        served.reward[i, served.models.index(decision.model)] for i, decision in enumerate(served.decisions)
    ]
    leading = result.policies[0].leading
    assert leading is not None
    assert leading.value == pytest.approx(np.mean(earned))


def missed(served: Served) -> tuple[int, int]:
    """How many default intervals, of values and of differences, miss what would have been earned."""
    names = [f"fixed:{model}" for model in served.models]
    result = evaluate(served.path, names, settings=served.settings, estimators=["dr"])
    logged = np.mean(
        [
            sum(c.propensity * served.reward[i, served.models.index(c.model)] for c in decision.candidates)
            for i, decision in enumerate(served.decisions)
        ]
    )
    wrong, apart = 0, 0
    for found, truth in zip(result.policies[1:], served.reward.mean(axis=0), strict=True):
        assert found.refused is None
        assert found.leading is not None
        assert found.difference is not None
        wrong += not found.leading.low <= truth <= found.leading.high
        apart += not found.difference.low <= truth - logged <= found.difference.high
    return wrong, apart


def test_its_intervals_hold_what_every_model_would_have_earned(served: Served) -> None:
    """6 intervals that each miss with 5% at most: 3 of them with 0.2%, were they independent."""
    wrong, apart = missed(served)
    assert wrong < 3
    assert apart < 3


@pytest.mark.full
@pytest.mark.parametrize("floor", [0.02, 0.1])
def test_they_do_so_over_many_stores(floor: float, tmp_path: Path) -> None:
    """40 stores of 6 models: at most 6.6% of the intervals may miss."""
    wrong, apart = 0, 0
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        more = missed(Served(folder, floor, seed))
        wrong, apart = wrong + more[0], apart + more[1]
    assert wrong <= 0.066 * 240, wrong
    assert apart <= 0.066 * 240, apart
