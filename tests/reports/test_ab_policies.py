"""What changed under the name of an experiment is told with its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from banditroute import Router
from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.reports.ab_live import ab_of_views
from banditroute.routing.tally import catch_up
from banditroute.store import open_store
from banditroute.store.views import Views
from tests.router.experiments import EVERYBODY


def test_another_policy_under_the_same_name_is_told(tmp_path: Path) -> None:
    """The treatment's policy changes, then its name; the control stays what it is."""

    def play(name: str, policy: str) -> tuple[str, ...]:
        variants = (ExperimentVariant("control", "fixed:large", 0.5), ExperimentVariant(name, policy, 0.5))
        own = Experiment("e", variants)
        settings = replace(EVERYBODY, experiments=(own,))
        store = open_store("sqlite:///log.db", base=tmp_path)
        with Router(settings, store) as router:
            for i in range(20):
                decision = router.route(request_class="code", unit=f"u{i}")
                router.feedback(decision.id, quality=0.9)
            catch_up(store, settings)
            return tuple(ab_of_views(Views(store, settings), settings).notes)

    assert not any("figures mix" in note or "left out" in note for note in play("new", "fixed:small"))
    told = [note for note in play("new", "thompson") if "figures mix" in note]
    assert len(told) == 1
    assert told[0].startswith("new was fixed:small until 20")
    assert " UTC, and thompson since: the figures mix them." in told[0]
    assert any(
        note.startswith("Variant new is not configured any more: its ") for note in play("newer", "thompson")
    )
