"""A service with traffic, whose names try to break out of the page, and one without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.config.feedback import EVERY, BudgetSettings, Guardrail
from banditroute.config.settings import RequestClass, Settings
from banditroute.store import open_store
from banditroute.store.views import Views
from tests.router.setting import MODELS, SETTINGS
from tests.service.live import ask, serving, until

EVIL_MODEL = "<script>alert('m')</script>"
EVIL_CLASS = '"><img src=x onerror=alert(1)>'
EVIL_UNIT = "</td><script>alert('u')</script>{{7*7}}"

HOSTILE = replace(
    SETTINGS,
    models=(*MODELS[:2], replace(MODELS[2], id=EVIL_MODEL)),
    classes=(RequestClass("code"), RequestClass(EVIL_CLASS)),
    rules=(),
    guardrails=(Guardrail(EVERY, "small"),),
    budget=BudgetSettings(usd_per_day=1.0),
    experiments=(
        Experiment(
            "try-it",
            (
                ExperimentVariant("control", "fixed:small", 0.5),
                ExperimentVariant("treatment", "thompson", 0.5),
            ),
        ),
    ),
)
REQUESTS = 60


@pytest.fixture(scope="session")
def empty() -> Iterator[str]:
    """The address of a service that nobody has asked for anything."""
    with serving(SETTINGS, open_store("memory://")) as address:
        yield address


@pytest.fixture(scope="session")
def busy() -> Iterator[str]:
    """The address of a service with traffic."""
    with filled(HOSTILE) as address:
        yield address


class filled:  # noqa: N801  (a context manager, used as a function)
    """Serves a configuration after some requests, whose read model is up to date."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = open_store("memory://")
        self._serving = serving(settings, self._store)

    def __enter__(self) -> str:
        where = self._serving.__enter__()
        for i in range(REQUESTS):
            asked = {
                "request_class": ("code", EVIL_CLASS)[i % 2],
                "input_tokens": 500 + i,
                "unit": f"{EVIL_UNIT}{i}",
            }
            _, made = ask(where, "POST", "/v1/route", asked)
            told = {
                "decision_id": made["decision_id"],
                "quality": 0.8,
                "output_tokens": 100,
                "latency_ms": 900 + i,
            }
            assert ask(where, "POST", "/v1/feedback", told)[0] == 200
        until(Views(self._store, self._settings).is_current)
        return where

    def __exit__(self, *raised: object) -> None:
        self._serving.__exit__(None, None, None)
