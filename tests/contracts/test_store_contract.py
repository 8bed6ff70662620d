"""What every store must do, asked of each of them alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec import structs

from banditroute.errors import Conflict, RequestError, StoreError, UnknownDecision
from banditroute.store import Receipt, Record, Snapshot, Store, open_store
from banditroute.types import Outcome
from tests.store.events import decision, quality, tell


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


def values(store: Store, decision_id: str = "d1") -> list[float | None]:
    record = store.record(decision_id)
    assert record is not None
    return [outcome.value for outcome in record.outcomes]


def test_a_decision_comes_back_equal_without_its_prompt(store: Store) -> None:
    made = decision()
    prompted = structs.replace(made, context=structs.replace(made.context, text="my secret"))
    store.append_decisions([prompted]).result(10)
    assert store.record("d1") == Record(made, ())
    assert store.texts("d1") == {}
    assert store.record("other") is None


def test_read_only_mappings_are_stored(store: Store) -> None:
    made = structs.replace(decision(), params=MappingProxyType({"max_tokens": 1}))
    store.append_decisions([made]).result(10)
    record = store.record("d1")
    assert record is not None
    assert record.decision.params == {"max_tokens": 1}


def test_an_outcome_comes_back_with_its_number_and_principal(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    told = (
        quality(0.9, rater="ann", weight=0.5),
        Outcome("d1", "usd", 0.01, "meter", at=3.0, principal="meter"),
    )
    assert tell(store, *told, principal="app", idempotency_key="k") == Receipt(2, 0, 2)
    kept = (
        structs.replace(told[0], seq=1, principal="app", idempotency_key="k"),
        structs.replace(told[1], seq=2, idempotency_key="k"),
    )
    assert store.record("d1") == Record(decision(), kept)


def test_decisions_are_pending_until_somebody_says_how_good_the_answer_was(store: Store) -> None:
    store.append_decisions([decision(f"d{i}") for i in range(1, 5)]).result(10)
    assert store.pending() == 4
    tell(store, Outcome("d1", "usd", 0.01, "meter"), Outcome("d2", "error", 1.0, "meter"))
    tell(store, quality(0.9, "d3"))
    assert store.pending() == 2
    assert store.pending(limit=2) == 1  # d4 alone, of the last two


def test_the_standing_value_again_is_a_duplicate(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    tell(store, quality(0.9))
    tell(store, quality(0.5, source="judge"))
    assert tell(store, quality(0.9, at=9.0)) == Receipt(0, 1, 1)
    assert values(store) == [0.9, 0.5]


def test_a_revision_is_kept_beside_what_it_revises(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    for value in (0.9, 0.4, 0.9):
        assert tell(store, quality(value)).accepted == 1
    assert values(store) == [0.9, 0.4, 0.9]
    assert tell(store, quality(0.9)) == Receipt(0, 1, 3)


def test_another_source_or_rater_is_another_fact(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    told = (quality(0.9), quality(0.9, source="metric"), quality(0.9, rater="ann"), quality(0.9, rater="ben"))
    assert tell(store, *told) == Receipt(4, 0, 4)


def test_another_principal_is_another_fact(store: Store) -> None:
    """Nobody revises or takes back what another said, also once it is read from the log again."""
    store.append_decisions([decision()]).result(10)
    tell(store, quality(0.9), principal="alice")
    assert tell(store, quality(None), principal="mallory") == Receipt(0, 1, 0)
    assert tell(store, quality(0.9), principal="mallory") == Receipt(1, 0, 2)
    assert tell(store, quality(0.1), principal="mallory") == Receipt(1, 0, 3)
    assert tell(store, quality(0.9), principal="alice") == Receipt(0, 1, 1)
    assert tell(store, quality(None), principal="alice") == Receipt(1, 0, 4)
    assert tell(store, quality(0.1), principal="mallory") == Receipt(0, 1, 3)


def test_a_retraction_is_an_event_of_its_own_once(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    assert tell(store, quality(None)) == Receipt(0, 1, 0)
    tell(store, quality(0.9))
    assert tell(store, quality(None)) == Receipt(1, 0, 2)
    assert tell(store, quality(None)) == Receipt(0, 1, 2)
    assert tell(store, quality(0.9)) == Receipt(1, 0, 3)
    assert values(store) == [0.9, None, 0.9]


def test_a_list_may_contradict_and_repeat_itself(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    assert tell(store, quality(0.9), quality(0.4), quality(0.4), quality(None)) == Receipt(3, 1, 3)
    assert values(store) == [0.9, 0.4, None]


def test_an_unknown_decision_refuses_the_whole_list(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    with pytest.raises(UnknownDecision, match="nobody"):
        tell(store, quality(0.9), quality(0.9, "nobody"), idempotency_key="k")
    assert store.last_seq() == 0
    assert values(store) == []
    assert tell(store, quality(0.8), idempotency_key="k") == Receipt(1, 0, 1)  # the key was not used up


def test_the_same_key_and_digest_get_the_first_event_again(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    first = (quality(0.9), Outcome("d1", "usd", 0.01))
    assert tell(store, *first, idempotency_key="k", digest="x") == Receipt(2, 0, 2)
    tell(store, quality(0.1))
    assert tell(store, *first, idempotency_key="k", digest="x") == Receipt(0, 2, 2)
    assert values(store) == [0.9, 0.01, 0.1]  # a replay revises nothing


def test_the_same_key_with_another_body_is_a_conflict(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    tell(store, quality(0.9), idempotency_key="k", digest="x", principal="app")
    with pytest.raises(Conflict):
        tell(store, quality(0.9), idempotency_key="k", digest="y", principal="app")
    tell(store, quality(0.8), idempotency_key="k", digest="y", principal="another")
    tell(store, quality(0.7), idempotency_key="no digest")
    assert tell(store, quality(0.7, at=99.0), idempotency_key="no digest").duplicates == 1
    with pytest.raises(Conflict):
        tell(store, quality(0.6), idempotency_key="no digest")
    assert values(store) == [0.9, 0.8, 0.7]


def test_what_is_no_number_or_no_text_is_refused(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    for wrong in (quality(float("nan")), quality(float("inf")), quality(0.5, rater="\ud800")):
        with pytest.raises(RequestError):
            tell(store, wrong)
    for unstorable in (structs.replace(decision("d2"), propensity=float("nan")), decision("\ud800")):
        with pytest.raises(StoreError, match="cannot be stored"):
            store.append_decisions([unstorable]).result(10)
    assert store.counts() == {"decisions": 1, "outcomes": 0}


def test_a_decision_is_stored_once(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    with pytest.raises(StoreError, match="its own id"):
        store.append_decisions([structs.replace(decision(), model="a")]).result(10)
    record = store.record("d1")
    assert record is not None
    assert record.decision.model == "b"


def test_texts_are_kept_when_handed_in_and_the_last_of_a_kind_stands(store: Store) -> None:
    store.append_decisions([decision()], texts={decision().id: {"prompt": "hello"}}).result(10)
    told = {"d1": {"response": "hi", "comment": "good"}}
    store.append_outcomes([quality(1.0)], texts=told, idempotency_key="k").result(10)
    assert store.append_outcomes([], texts={"d1": {"comment": "bad"}}).result(10) == Receipt(0, 0, 0)
    store.append_outcomes([quality(1.0)], texts=told, idempotency_key="k").result(10)  # a replay
    assert store.texts("d1") == {"prompt": "hello", "response": "hi", "comment": "bad"}
    with pytest.raises(UnknownDecision):
        store.append_outcomes([], texts={"nobody": {"comment": "?"}}).result(10)


def test_changes_page_through_all_outcomes_and_nothing_else(store: Store) -> None:
    for i in range(5):
        store.append_decisions([decision(f"d{i}")]).result(10)
    order = [3, 1, 3, 0, 1, 4, 3]
    for n, i in enumerate(order):
        tell(store, quality(n / 10, f"d{i}"))
    seen: list[tuple[list[str], int]] = []
    upto = 0
    while (page := store.changes(upto, limit=3)).records:
        seen.append(([record.decision.id for record in page.records], page.upto))
        for record in page.records:
            expected = [n + 1 for n, i in enumerate(order) if f"d{i}" == record.decision.id and n < page.upto]
            assert [outcome.seq for outcome in record.outcomes] == expected
        upto = page.upto
    assert seen == [(["d3", "d1"], 3), (["d0", "d1", "d4"], 6), (["d3"], 7)]
    assert store.changes(7).upto == store.last_seq() == 7
    whole = store.changes(0)
    assert [record.decision.id for record in whole.records] == ["d3", "d1", "d0", "d4"]
    assert whole.upto == 7


def test_decisions_page_in_the_order_in_which_they_were_stored(store: Store) -> None:
    for i in (3, 0, 4, 1, 2):
        store.append_decisions(
            [decision(f"d{i}")], texts={f"d{i}": {"prompt": f"p{i}", "other": "x"}}
        ).result(10)
    for i in (2, 3, 3):
        tell(store, quality(i / 10, f"d{i}"))
        tell(store, quality(0.9, f"d{i}", rater="r"))
    seen: list[list[tuple[str, int]]] = []
    upto = 0
    while (page := store.decided(upto, limit=2)).records:
        seen.append([(record.decision.id, len(record.outcomes)) for record in page.records])
        assert page.prompts == {key: key.replace("d", "p") for key, _ in seen[-1]}
        upto = page.upto
    assert seen == [[("d3", 2), ("d0", 0)], [("d4", 0), ("d1", 0)], [("d2", 2)]]
    assert (store.decided(upto).upto, store.decided(upto).records) == (upto, ())


def test_many_threads_number_without_gap_and_lists_stay_together(store: Store) -> None:
    names = [f"d{i}" for i in range(8)]

    def work(worker: int) -> None:
        store.append_decisions([decision(names[worker])]).result(10)
        for i in range(25):
            tell(store, quality(i / 25, names[worker]), Outcome(names[worker], "usd", i / 1e4, "meter"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.counts() == {"decisions": 8, "outcomes": 400}
    assert store.last_seq() == 400
    outcomes = [o for record in store.changes(0).records for o in record.outcomes]
    assert sorted(o.seq for o in outcomes) == list(range(1, 401))
    at = {o.seq: o for o in outcomes}
    assert all(
        at[n].decision_id == at[n + 1].decision_id and at[n].factor == "quality" for n in range(1, 401, 2)
    )


def test_lists_of_one_moment_about_one_decision_see_each_other(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    pending = [store.append_outcomes([quality(value)]) for value in [0.1, 0.2] * 200]
    repeats = [store.append_outcomes([quality(0.2)]) for _ in range(100)]
    assert [p.result(10).event_seq for p in pending] == list(range(1, 401))
    assert {p.result(10) for p in repeats} == {Receipt(0, 1, 400)}
    refused = [store.append_outcomes([quality(0.5, "nobody")]), store.append_outcomes([quality(0.5)])]
    assert isinstance(refused[0].exception(10), UnknownDecision)
    assert refused[1].result(10) == Receipt(1, 0, 401)


def test_acknowledgements_can_be_awaited(store: Store) -> None:
    async def scene() -> None:
        await asyncio.gather(*(store.append_decisions([decision(f"d{i}")]) for i in range(50)))
        receipts = await asyncio.gather(*(store.append_outcomes([quality(0.5, f"d{i}")]) for i in range(50)))
        assert [receipt.event_seq for receipt in receipts] == list(range(1, 51))
        with pytest.raises(UnknownDecision):
            await store.append_outcomes([quality(0.5, "nobody")])
        told: list[Receipt] = []
        promised = store.append_outcomes([quality(0.6)])
        promised.then(asyncio.get_running_loop(), lambda: told.append(promised.result()))
        assert await promised == Receipt(1, 0, 51)
        promised.then(asyncio.get_running_loop(), lambda: told.append(promised.result()))
        async with asyncio.timeout(20.0):
            while len(told) < 2:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert told == [Receipt(1, 0, 51)] * 2  # each once, also the one that asked afterwards
        abandoned = asyncio.ensure_future(store.append_outcomes([quality(0.7)]))
        await asyncio.sleep(0)
        abandoned.cancel()
        await store.append_outcomes([quality(0.8)])

    asyncio.run(scene())
    assert values(store)[-2:] == [0.7, 0.8]  # giving up waiting does not call an event back


def test_the_last_snapshot_is_found(store: Store) -> None:
    assert store.load_snapshot() is None
    for seq in (4, 9):
        last = Snapshot(seq, 1.5, "f" * 64, bytes(range(256)) * seq)
        store.save_snapshot(last).result(10)
    assert store.load_snapshot() == last


def test_a_closed_store_says_so(store: Store) -> None:
    queued = [store.append_decisions([decision(f"d{i}")]) for i in range(100)]
    store.close()
    store.close()
    assert all(q.exception(10) is None for q in queued)
    for refused in (store.append_decisions([decision()]), store.append_outcomes([quality(1.0)])):
        with pytest.raises(StoreError, match="closed"):
            refused.result(10)
    with pytest.raises(StoreError, match="closed"):
        store.record("d1")
