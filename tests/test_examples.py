"""The example logs are what their script writes."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

from banditroute.upstream.simulated import SimulatedWorld

FOLDER = Path(__file__).parents[1] / "examples"


def test_the_example_logs_are_what_their_script_writes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.write_benchmark(tmp_path / "benchmark.csv", SimulatedWorld(seed=3))
    make.write_decisions(tmp_path / "decisions.csv", SimulatedWorld(seed=4))
    for name in ("benchmark.csv", "decisions.csv"):
        assert (tmp_path / name).read_text() == (FOLDER / name).read_text()
    make.write_experiment(tmp_path / "experiment.csv.gz", SimulatedWorld(seed=5))
    packed = [(folder / "experiment.csv.gz").read_bytes() for folder in (tmp_path, FOLDER)]
    assert gzip.decompress(packed[0]) == gzip.decompress(packed[1])
