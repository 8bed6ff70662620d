"""A log's requests as arrays, and as contexts: the same to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.features import Layout
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.catalogue import contexts, log_settings
from banditroute.offline.replay.learning import cold_state
from banditroute.offline.replay.traffic import encode
from banditroute.types import Weights


def test_columns_are_encoded_as_contexts_are_to_the_last_bit(rich_log: Log) -> None:
    tokens = rich_log.input_tokens.copy()
    tokens[:3] = math.nan, 0.0, 12.7
    difficulty = rich_log.features["difficulty"] * 40.0
    log = replace(rich_log, input_tokens=tokens, features={"difficulty": difficulty})
    settings = log_settings(log, Settings(), Weights())
    known = contexts(log, settings, text=False)
    wide = tuple(
        (name, center, scale / 7.0) for name, center, scale in cold_state(log, settings).frame.layout.numeric
    )
    for layout in (
        cold_state(log, settings).frame.layout,
        Layout(("y", "other"), (("absent", 0.3, 2.0), *wide), embedding=3),
    ):
        x, cls, counted = encode(log, layout)
        expected, expected_cls = layout.encode(known)
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(cls, expected_cls)
        assert counted[:3].tolist() == [500.0, 500.0, 12.0]
        part = encode(log, layout, slice(100, 300))
        np.testing.assert_array_equal(part[0], expected[100:300])
    assert np.abs(x).max() == 5.0  # some were clipped
    assert [c.input_tokens for c in known[:3]] == [None, 0, 12]
    assert len(known[10:20]) == 10
    assert known[10:20][3] == known[13]
