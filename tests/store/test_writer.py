"""The group commit: what queues while one commit runs becomes the next group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from banditroute.errors import StoreError
from banditroute.store.writer import MAX_GROUP, GroupWriter
from tests.store.events import PATIENCE


class Slow:
    """A disk that commits when it is told to, and remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.started, self.go = Event(), Event()

    def write(self, items: Sequence[int]) -> list[object]:
        self.groups.append(list(items))
        self.started.set()
        assert self.go.wait(PATIENCE)
        return [item * 2 for item in items]


def test_what_queues_during_a_commit_shares_the_next_one() -> None:
    disk = Slow()
    writer = GroupWriter(disk.write)
    first = writer.put(0)
    assert disk.started.wait(PATIENCE)
    rest = [writer.put(i) for i in range(1, MAX_GROUP + 3)]
    assert not first.done()
    disk.go.set()
    assert [p.result(PATIENCE) for p in [first, *rest]] == [2 * i for i in range(MAX_GROUP + 3)]
    assert disk.groups == [[0], list(range(1, MAX_GROUP + 1)), [MAX_GROUP + 1, MAX_GROUP + 2]]
    writer.close()


def test_what_is_patient_joins_groups_one_at_a_time_and_goes_alone_where_there_are_none() -> None:
    disk = Slow()
    writer = GroupWriter(disk.write)
    first = writer.put(0)
    assert disk.started.wait(PATIENCE)
    patient = [writer.put(i, patient=True) for i in (7, 8, 9)]
    second = writer.put(1)
    disk.go.set()
    assert [p.result(PATIENCE) for p in (first, second, *patient)] == [0, 2, 14, 16, 18]
    assert disk.groups == [[0], [1, 7], [8], [9]]
    last = writer.put(5, patient=True)
    writer.close()
    assert last.result(PATIENCE) == 10, "closing waits for nothing"


def test_closing_writes_what_is_queued() -> None:
    disk = Slow()
    disk.go.set()
    writer = GroupWriter(disk.write)
    pending = [writer.put(i) for i in range(100)]
    writer.close()
    assert [p.result(0) for p in pending] == [2 * i for i in range(100)]
    with pytest.raises(StoreError, match="closed"):
        writer.put(1).result(0)


def test_errors_reach_whom_they_concern_and_the_thread_lives() -> None:
    def write(items: Sequence[str]) -> list[object]:
        if "down" in items:
            raise StoreError("the disk is gone.")
        if "bad" in items:
            raise ZeroDivisionError("oops")
        return list(items)

    writer = GroupWriter(write)
    pending = {item: writer.put(item) for item in ("a", "bad", "b")}
    assert pending["a"].result(PATIENCE) == "a"
    assert pending["b"].result(PATIENCE) == "b"
    with pytest.raises(StoreError, match="oops"):
        pending["bad"].result(PATIENCE)
    with pytest.raises(StoreError, match="the disk is gone"):
        writer.put("down").result(PATIENCE)
    assert writer.put("up").result(PATIENCE) == "up"
    writer.close()


def test_giving_up_calls_no_event_back_and_a_closed_loop_harms_nobody() -> None:
    disk = Slow()
    writer = GroupWriter(disk.write)

    async def give_up() -> None:
        waiting = asyncio.ensure_future(writer.put(1))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(give_up())
    second = writer.put(2)
    with pytest.raises(TimeoutError):
        second.result(0.01)
    disk.go.set()
    assert second.result(PATIENCE) == 4
    assert [item for group in disk.groups for item in group] == [1, 2]
    writer.close()


def test_a_commit_wakes_an_event_loop_once() -> None:
    async def scene() -> int:
        loop, calls = asyncio.get_running_loop(), 0
        disk = Slow()
        writer = GroupWriter(disk.write)
        tasks = [asyncio.ensure_future(writer.put(i)) for i in range(20)]
        await asyncio.sleep(0.05)
        wake = loop.call_soon_threadsafe

        def counted(*args: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            return wake(*args, **more)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
        disk.go.set()
        assert await asyncio.gather(*tasks) == [2 * i for i in range(20)]
        writer.close()
        assert calls == len(disk.groups)
        return calls

    assert asyncio.run(scene()) < 20
