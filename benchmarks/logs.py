"""Reading a log of a million rows: seconds and peak memory, per format and shape.

    python benchmarks/logs.py [--rows 1000000] [--rounds 3] [--folder DIR]

Two logs are generated: one row per request with a propensity (8 models, candidates in every row), and
full information (a row for each of 8 models). Each reading is a process of its own that does nothing
else; seconds are of `read_log` alone, by the clock and of both cores together, memory is the peak of the
process, Python and numpy included. The median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

MODELS = [f"model-{letter}" for letter in "abcdefgh"]

READ = """
import json, pathlib, resource, sys, time
from banditroute.offline import read_log
clock, cpu = time.perf_counter(), time.process_time()
log = read_log(sys.argv[1])
told = {"seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu, "requests": len(log)}
status = pathlib.Path("/proc/self/status")  # rusage would count what the parent had when it forked
if status.exists():
    told["mb"] = next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM")) / 1024
else:
    told["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
print(json.dumps(told))
"""

SHARED = """
    'req-' || lpad(CAST((i * 7919) % 1000003 AS VARCHAR), 9, '0') AS request_id, 1.7e9 + i * 2.5 AS "at",
    'class-' || CAST(i % 6 AS VARCHAR) AS request_class, 100 + i % 2000 AS input_tokens
"""

OUTCOME = """
    round(random(), 4) AS quality, random() * 0.01 AS usd, random() * 5 AS "seconds",
    CAST(random() * 900 AS BIGINT) AS output_tokens
"""


def generate(folder: Path, rows: int) -> dict[str, Path]:
    """Both logs in every format, by shape and format."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    listed = ", ".join(f"'{model}'" for model in MODELS)
    logged = (
        f"SELECT {SHARED}, [{listed}][1 + CAST(floor(random() * 8) AS INT)] AS model, {OUTCOME}, "
        f"0.125 AS propensity, '{json.dumps(MODELS)}' AS candidates, "
        "'user-' || CAST(floor(random() * 20000) AS VARCHAR) AS unit, 'thompson' AS policy "
        f"FROM range({rows}) t(i)"
    )
    full = f"SELECT {SHARED}, model, {OUTCOME} FROM range({rows // 8}) t(i), unnest([{listed}]) u(model)"
    paths = {}
    for shape, query in (("logged decisions", logged), ("full information", full)):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE log AS {query}")
        for ending in ("parquet", "csv", "jsonl"):
            path = paths[f"{shape}, {ending}"] = folder / f"{shape.split()[0]}.{ending}"
            form = {"jsonl": "json"}.get(ending, ending)
            connection.execute(f"COPY log TO '{path}' (FORMAT {form})")
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Where the logs are made; a temporary folder by default.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        paths = generate(Path(folder), options.rows)
        told: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
        for _ in range(options.rounds):
            for name, path in paths.items():
                done = subprocess.run([sys.executable, "-c", READ, path], check=True, capture_output=True)
                told[name].append(json.loads(done.stdout))
    print(f"{options.rows:,} rows, median of {options.rounds}")
    print(f"{'log':<28}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}")
    for name, rounds in told.items():
        figures = (statistics.median(one[key] for one in rounds) for key in ("seconds", "cpu", "mb"))
        print(
            f"{name:<28}"
            + "".join(f"{figure:>9.{digits}f}" for figure, digits in zip(figures, (2, 2, 0), strict=True))
        )


if __name__ == "__main__":
    main()
