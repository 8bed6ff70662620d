"""Testimony <-> arrays, for snapshots, and how far two testimonies are apart."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from banditroute.core.feedback.blocks import Blocks, blocks_distance
from banditroute.core.feedback.instruments import Instrument, empty_instrument
from banditroute.core.feedback.speakers import Speakers
from banditroute.core.feedback.testimony import Testimony
from banditroute.core.posterior import SufficientStats

Arrays = dict[str, NDArray[np.generic]]


def testimony_arrays(testimony: Testimony) -> Arrays:
    """Everything that is kept of it, by name; what it shows is found again."""
    arrays: Arrays = {"instruments": _text(sorted(testimony.instruments))}
    for i, (_, own) in enumerate(sorted(testimony.instruments.items())):
        parts = (own.judged.xx, own.judged.xy, own.judged.cells, own.pairs, own.key, own.beside)
        arrays.update({f"instrument{i}{name}": part for name, part in zip("abcdef", parts, strict=True)})
    for name, speakers in (("speaker", testimony.speakers), ("bill", testimony.bills)):
        if speakers is not None:
            arrays.update(_speakers_arrays(name, speakers))
    if testimony.blocks is not None:
        arrays.update(_blocks_arrays("blocks", testimony.blocks))
    arrays["pairs"] = _text(sorted(testimony.pairs))
    for i, (_, together) in enumerate(sorted(testimony.pairs.items())):
        arrays.update(_blocks_arrays(f"pairs{i}", together))
    return arrays


def _speakers_arrays(name: str, speakers: Speakers) -> Arrays:
    return {
        f"{name}_shape": np.array(speakers.shape),
        f"{name}_key": speakers.key,
        f"{name}_sums": speakers.sums,
        f"{name}_names": _text(sorted(speakers.names.items())),
    }


def _speakers_of(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Speakers | None:
    if f"{name}_key" not in arrays:
        return None
    k, c = (int(n) for n in arrays[f"{name}_shape"])
    called = msgspec.json.decode(arrays[f"{name}_names"].tobytes(), type=list[tuple[int, str]])
    key = np.array(arrays[f"{name}_key"], np.int64)
    return Speakers((k, c), key, _floats(arrays[f"{name}_sums"]), dict(called))


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
    speakers, bills = _speakers_of("speaker", arrays), _speakers_of("bill", arrays)
    blocks = _blocks_of("blocks", arrays) if "blocks_at" in arrays else None
    names = msgspec.json.decode(arrays["pairs"].tobytes(), type=list[str])
    pairs = {name: _blocks_of(f"pairs{i}", arrays) for i, name in enumerate(names)}
    return Testimony(instruments, speakers, bills, blocks, pairs)


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
    for own_words, others in ((one.speakers, other.speakers), (one.bills, other.bills)):
        worst = max(worst, _speakers_distance(own_words, others))
    if one.blocks is not None and other.blocks is not None:
        worst = max(worst, blocks_distance(one.blocks, other.blocks))
    for name in one.pairs.keys() & other.pairs.keys():
        worst = max(worst, blocks_distance(one.pairs[name], other.pairs[name]))
    return worst


def _speakers_distance(one: Speakers | None, other: Speakers | None) -> float:
    """Speakers who said nothing that still stands may be there or not."""
    there = [own for own in (one, other) if own is not None]
    if not there:
        return 0.0
    key = np.unique(np.concatenate([own.key for own in there]))
    sums = np.zeros((2, len(key), there[0].sums.shape[1]))
    for place, own in enumerate((one, other)):
        if own is not None:
            sums[place, np.searchsorted(key, own.key)] = own.sums
    scale = 1.0 + np.abs(sums).max(axis=(0, 1), initial=0.0)  # of each kind of sum
    return float((np.abs(sums[0] - sums[1]) / scale).max(initial=0.0))


def _text(value: object) -> NDArray[np.generic]:
    return np.frombuffer(msgspec.json.encode(value), np.uint8)


def _floats(array: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.ascontiguousarray(array, np.float64)
