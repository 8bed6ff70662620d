"""Testimony <-> arrays, for snapshots, and how far two testimonies are apart."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from banditroute.core.feedback.blocks import Blocks, blocks_distance
from banditroute.core.feedback.instruments import Instrument, empty_instrument
from banditroute.core.feedback.speakers import Speakers, no_speakers
from banditroute.core.feedback.testimony import Testimony
from banditroute.core.posterior import SufficientStats

Arrays = dict[str, NDArray[np.generic]]


def testimony_arrays(testimony: Testimony) -> Arrays:
    """Everything that is kept of it, by name; what it shows is found again."""
    arrays: Arrays = {"instruments": _text(sorted(testimony.instruments))}
    for i, (_, own) in enumerate(sorted(testimony.instruments.items())):
        parts = (own.judged.xx, own.judged.xy, own.judged.cells, own.pairs, own.key, own.beside)
        arrays.update({f"instrument{i}{name}": part for name, part in zip("abcdef", parts, strict=True)})
    if (speakers := testimony.speakers) is not None:
        arrays.update(
            speaker_shape=np.array(speakers.shape), speaker_key=speakers.key, speaker_sums=speakers.sums,
            speaker_names=_text(sorted(speakers.names.items())),
        )  # fmt: skip
    if testimony.blocks is not None:
        arrays.update(_blocks_arrays("blocks", testimony.blocks))
    arrays["pairs"] = _text(sorted(testimony.pairs))
    for i, (_, together) in enumerate(sorted(testimony.pairs.items())):
        arrays.update(_blocks_arrays(f"pairs{i}", together))
    return arrays


def _blocks_arrays(name: str, blocks: Blocks) -> Arrays:
    return {
        f"{name}_shape": np.array(blocks.shape),
        f"{name}_at": np.array([blocks.at]),
        f"{name}_starts": np.array(blocks.starts, np.float64),
        f"{name}_sums": blocks.stacked(),
    }


def _blocks_of(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Blocks:
    f, k, c = (int(n) for n in arrays[f"{name}_shape"])
    (at,) = _floats(arrays[f"{name}_at"]).tolist()
    starts = tuple(_floats(arrays[f"{name}_starts"]).tolist())
    return Blocks((f, k, c), at, starts, tuple(_floats(arrays[f"{name}_sums"])))


def testimony_of(arrays: Mapping[str, NDArray[np.generic]]) -> Testimony:
    """The testimony that was kept."""
    instruments = {
        name: Instrument(
            SufficientStats(*(_floats(arrays[f"instrument{i}{part}"]) for part in "abc")),
            _floats(arrays[f"instrument{i}d"]),
            np.array(arrays[f"instrument{i}e"], np.int64),
            _floats(arrays[f"instrument{i}f"]),
        )
        for i, name in enumerate(msgspec.json.decode(arrays["instruments"].tobytes(), type=list[str]))
    }
    speakers, blocks = None, None
    if "speaker_key" in arrays:
        k, c = (int(n) for n in arrays["speaker_shape"])
        called = msgspec.json.decode(arrays["speaker_names"].tobytes(), type=list[tuple[int, str]])
        key = np.array(arrays["speaker_key"], np.int64)
        speakers = Speakers((k, c), key, _floats(arrays["speaker_sums"]), dict(called))
    if "blocks_at" in arrays:
        blocks = _blocks_of("blocks", arrays)
    names = msgspec.json.decode(arrays["pairs"].tobytes(), type=list[str])
    pairs = {name: _blocks_of(f"pairs{i}", arrays) for i, name in enumerate(names)}
    return Testimony(instruments, speakers, blocks, pairs)


def testimony_distance(one: Testimony, other: Testimony) -> float:
    """The largest relative difference of their sums, as `state_distance` counts."""
    worst = 0.0
    for name in {*one.instruments, *other.instruments}:
        known = one.instruments.get(name) or other.instruments[name]
        (k, c, _), d = known.pairs.shape, known.judged.xy.shape[1]
        nothing = empty_instrument(k, c, d)
        a, b = one.instruments.get(name, nothing), other.instruments.get(name, nothing)
        scale = 1.0 + max(float(np.abs(known.judged.xx).max()), float(np.abs(known.pairs).max()))
        parts = ((a.judged.xx, b.judged.xx), (a.judged.xy, b.judged.xy), (a.pairs, b.pairs))
        worst = max(worst, *(float(np.abs(x - y).max()) / scale for x, y in parts))
    if one.speakers is not None or other.speakers is not None:
        worst = max(worst, _speakers_distance(one.speakers, other.speakers))
    if one.blocks is not None and other.blocks is not None:
        worst = max(worst, blocks_distance(one.blocks, other.blocks))
    for name in one.pairs.keys() & other.pairs.keys():
        worst = max(worst, blocks_distance(one.pairs[name], other.pairs[name]))
    return worst


def _speakers_distance(one: Speakers | None, other: Speakers | None) -> float:
    """Speakers who said nothing that still stands may be there or not."""
    known = one or other
    assert known is not None
    a, b = (own or no_speakers(*known.shape) for own in (one, other))
    key = np.union1d(a.key, b.key)
    sums = np.zeros((2, len(key), 3))
    for place, own in enumerate((a, b)):
        sums[place, np.searchsorted(key, own.key)] = own.sums
    scale = 1.0 + float(np.abs(sums).max(initial=0.0))
    return float(np.abs(sums[0] - sums[1]).max(initial=0.0)) / scale


def _text(value: object) -> NDArray[np.generic]:
    return np.frombuffer(msgspec.json.encode(value), np.uint8)


def _floats(array: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.ascontiguousarray(array, np.float64)
