"""Acknowledged means durable: a real process is killed while it appends, and nothing it had
acknowledged may be missing afterwards."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from banditroute.store import open_store
from tests.store.events import PATIENCE

APPENDING = """
import sys, threading
from pathlib import Path
from banditroute.store import open_store
from tests.store.events import PATIENCE
from banditroute.types import Outcome
from tests.store.events import decision

store = open_store("sqlite:///log.db", base=Path(sys.argv[1]))
lock = threading.Lock()

def say(line):
    with lock:
        sys.stdout.write(line + "\\n")
        sys.stdout.flush()

def work(worker):
    i = 0
    while True:
        name = f"{sys.argv[2]}-{worker}-{i}"
        store.append_decisions([decision(name)]).result()
        say(f"decision {name}")
        told = [Outcome(name, "quality", i % 10 / 10), Outcome(name, "usd", 0.001, "meter")]
        receipt = store.append_outcomes(told).result()
        say(f"outcomes {name} {receipt.event_seq}")
        i += 1

for worker in range(4):
    threading.Thread(target=work, args=(worker,)).start()
"""


def test_killed_at_any_moment_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    moments = random.Random(2)
    acknowledged: list[list[str]] = []
    for run in range(5):
        with (tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", APPENDING, str(tmp_path), str(run)],
                stdout=said,
                cwd=Path(__file__).parents[2],
            )
            deadline = time.monotonic() + PATIENCE
            # The first run goes on until outcomes were acknowledged too, however slow the disk is.
            while ("outcomes" if run == 0 else "\n") not in (tmp_path / "said").read_text():
                if time.monotonic() > deadline or process.poll() is not None:
                    pytest.fail("the appending process did not start")
                time.sleep(0.01)
            time.sleep(moments.uniform(0.0, 0.3))
            process.kill()
            process.wait()
        lines = (tmp_path / "said").read_text().split("\n")[:-1]  # the last one may be cut off
        acknowledged += [line.split() for line in lines]

        store = open_store("sqlite:///log.db", base=tmp_path)
        for what, name, *seq in acknowledged:
            record = store.record(name)
            assert record is not None, f"{name} was acknowledged and is gone"
            if what == "outcomes":
                assert [o.factor for o in record.outcomes] == ["quality", "usd"]
                assert record.outcomes[-1].seq == int(seq[0])
        last = store.last_seq()
        assert last == store.counts()["outcomes"]
        assert last % 2 == 0
        store.close()
    assert {what for what, *_ in acknowledged} == {"decision", "outcomes"}
