"""What the values of exposures may be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from banditroute.core.base import Floats
from banditroute.errors import LogError

_UNIT = ("quality", "people")
_FLAGS = ("error", "fallback")
_AMOUNTS = ("usd", "seconds", "output_tokens")


def check_values(at: Floats, columns: Mapping[str, Floats | None]) -> None:
    """Raises LogError for a time that is no number, and for values that a metric cannot have; NaN is one that
    is not known. A judge's scores (`judged`) may be on a scale of their own."""
    for place in np.flatnonzero(~np.isfinite(at))[:1]:
        raise LogError(f"Column at has {at[place]:g} in row {place + 1:,}; give every request its time.")
    for name, values in columns.items():
        if values is not None:
            _check(name, np.asarray(values, np.float64))


def _check(name: str, values: Floats) -> None:
    fits, must = ~np.isinf(values), "a number"
    if name in _UNIT:
        fits, must = (values >= 0.0) & (values <= 1.0), "between 0 and 1"
    elif name in _FLAGS:
        fits, must = (values == 0.0) | (values == 1.0), "0 or 1"
    elif name in _AMOUNTS:
        fits, must = fits & (values >= 0.0), "a number, 0 or more"
    for place in np.flatnonzero(~(fits | np.isnan(values)))[:1]:
        raise LogError(
            f"Column {name} has {values[place]:g} in row {place + 1:,}; it must be {must}, and NaN where it "
            "is not known."
        )
