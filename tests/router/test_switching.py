"""Starting and stopping experiments while a router runs: nobody is moved, and a restart forgets nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute import Router
from banditroute.config.settings import StoreSettings
from banditroute.errors import RequestError
from banditroute.routing.controls import record_control
from banditroute.routing.experiments import standings
from banditroute.routing.fields import ControlFields
from banditroute.store import open_store
from banditroute.store.controls import MemoryControls
from tests.router.experiments import EVERYBODY, TWO, expected
from tests.router.setting import SETTINGS


def switched(router: Router, store_controls: object, running: bool) -> None:
    fields = ControlFields("experiment", "learned-vs-premium", running=running)
    record_control(fields, TWO, store_controls)  # type: ignore[arg-type]
    router.catch_up()


@pytest.mark.parametrize("url", ["memory://", "sqlite:///log.db"])
def test_stopped_and_started_everybody_is_where_he_was(url: str, tmp_path: Path) -> None:
    """While one is stopped its units are served as if there were none; a restart keeps it so."""
    settings = replace(TWO, path=tmp_path / "banditroute.toml", store=StoreSettings(url=url))
    store = open_store(url, base=tmp_path)
    units = [f"user-{i}" for i in range(80)]

    def variants(router: Router) -> list[tuple[str | None, str | None]]:
        decided = (router.route(unit=unit, request_class="code") for unit in units)
        return [(own.experiment, own.variant) for own in decided]

    before = [expected(unit, "code") for unit in units]
    without = [(None, None) if own[0] == "learned-vs-premium" else own for own in before]
    router = Router(settings, store)
    assert variants(router) == before
    switched(router, store.controls, False)
    assert variants(router) == without != before
    assert [one.status for one in standings(settings, store.controls, 0.0)] == ["stopped", "running"]
    if url != "memory://":
        router.close()
        store = open_store(url, base=tmp_path)
        router = Router(settings, store)
        assert variants(router) == without, "a restart does not start what was stopped"
    switched(router, store.controls, True)
    assert variants(router) == before
    router.close()


def test_a_running_router_hears_of_it_by_itself() -> None:
    store = open_store("memory://")
    with Router(EVERYBODY, store) as router:
        assert router.route(unit="u").experiment is not None
        store.controls.append("experiment", "learned-vs-premium", body={"running": False})
        store.controls.append("experiment", "gone-since", body={"running": True})
        deadline = time.monotonic() + 20.0
        while router.route(unit="u").experiment is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert router.route(unit="u").experiment is None


def test_one_configured_not_to_run_waits_for_its_start() -> None:
    settings = replace(SETTINGS, experiments=(replace(EVERYBODY.experiments[0], running=False),))
    store = open_store("memory://")
    with Router(settings, store) as router:
        assert router.route(unit="u").experiment is None
        switched(router, store.controls, True)
        assert router.route(unit="u").experiment == "learned-vs-premium"


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        (ControlFields("experiment", "learned-vs-premum", running=True), "subject", "learned-vs-premium"),
        (ControlFields("experiment", "learned-vs-premium"), "running", "running = true"),
        (ControlFields("experiment", "learned-vs-premium", "usd", True), "factor", "Only reset"),
        (ControlFields("reset", "small", running=True), "running", "nothing else"),
    ],
)
def test_what_cannot_be_switched_is_refused(fields: ControlFields, param: str, says: str) -> None:
    controls = MemoryControls()
    with pytest.raises(RequestError, match=says) as refusal:
        record_control(fields, TWO, controls)
    assert refusal.value.param == param
    assert controls.after(0) == ()
