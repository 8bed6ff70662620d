"""An event log of three weeks, as a service leaves it, with an experiment and two guardrails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import structs

from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.config.feedback import Guardrail
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.routing.tally import catch_up
from banditroute.store import Store, open_store
from tests.reports.logs import SETTINGS, drawn
from tests.reports.test_live import decision, outcomes

EXPERIMENT = Experiment(
    "learned-vs-premium",
    (
        ExperimentVariant("control", "fixed:large", 0.5),
        ExperimentVariant("treatment", "thompson", 0.5),
    ),
)
WEEKLY = replace(
    SETTINGS, experiments=(EXPERIMENT,), guardrails=(Guardrail("code", "large"), Guardrail("chat", "large"))
)
FIRST = 20_000
"""The day on which the log begins."""

UNITS = 300


def variant_of(unit: int) -> str:
    """Every other user."""
    return "treatment" if unit % 2 else "control"


def three_weeks(n: int = 1_200) -> tuple[DecisionLog, Store]:
    """A log, and an event log that holds the same with every user in the experiment."""
    log = drawn(3, n=n)
    log = replace(log, input_tokens=np.floor(log.input_tokens))
    store, names = open_store("memory://"), log.request_ids.tolist()
    made = []
    for i, name in enumerate(names):
        own = decision(name, log, i)
        unit = i % UNITS
        context = structs.replace(own.context, unit=f"u{unit}")
        made.append(
            structs.replace(
                own,
                context=context,
                experiment=EXPERIMENT.name,
                variant=variant_of(unit),
                variant_share=0.5,
            )
        )
    store.append_decisions(made).result()
    store.append_outcomes([one for i, name in enumerate(names) for one in outcomes(name, log, i)]).result()
    catch_up(store, WEEKLY)
    return log, store
