"""The event logs that the judge works on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banditroute.store import Store, open_store


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()
