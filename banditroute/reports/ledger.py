"""The live event log as cells, read from the sums that are kept of it."""

from __future__ import annotations

import math

import numpy as np

from banditroute.config.settings import Settings
from banditroute.reports.cells import Cells, cells_of
from banditroute.reports.decisions import class_places, list_prices
from banditroute.reports.savings import NothingToBill
from banditroute.store.tables import SUMS
from banditroute.store.views import DAY, Views


def live_cells(views: Views, settings: Settings, since: float | None = None) -> Cells:
    """The sums of the days from `since` on, all by default. Raises NothingToBill where there are none."""
    rows = views.parts(-math.inf if since is None else since)
    if not rows:
        when = "" if since is None else " in these days"
        raise NothingToBill(
            f"There is no decision{when} yet, so there is nothing to bill; route requests, and report "
            "usd or output_tokens of the answers."
        )
    days, parts, names, answered, *columns = zip(*rows, strict=True)
    ids = [model.id for model in settings.models]
    models = (*ids, *sorted(set(answered) - set(ids)))
    known = sorted(set(names))
    classes, place = class_places(known, settings)
    position = dict(zip(known, place.tolist(), strict=True))
    model = np.array([models.index(name) for name in answered], np.int64)
    own = dict(zip(SUMS, np.array(columns, np.float64), strict=True))
    prices = list_prices(models, settings)[model]
    listed = np.where(np.isnan(prices[:, 0]), 0.0, own["listed"])
    read, written = np.nan_to_num(prices).T
    fields = [
        own["requests"],
        own["billed"] + listed,
        own["usd"] + read * own["listed_input"] + written * own["listed_output"],
        own["sized"],
        own["input_tokens"],
        own["written"],
        own["output_tokens"],
        own["scored"] + own["failed"],
        own["quality"] + settings.reward.error_quality * own["failed"],
    ]
    return cells_of(
        models,
        classes,
        day=np.array(days, np.int64) // DAY,
        group=np.array(parts, np.int64),
        cls=np.array([position[name] for name in names], np.int64),
        model=model,
        fields=np.stack(fields, axis=1),
        timed=True,
    )
