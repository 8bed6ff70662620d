"""`GET /v1/reports/savings` on a running service."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from banditroute.errors import StoreError
from banditroute.reports.live import LiveSavings
from banditroute.reports.savings import Asked
from banditroute.service.reports import KEPT, NotReady, Reports
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE, Answer, ask, serving

PATH = "/v1/reports/savings"


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        assert ask(address, "GET", PATH)[1]["error"]["code"] == "nothing_to_bill"
        for i in range(60):
            _, made = ask(address, "POST", "/v1/route", {"request_class": "code", "input_tokens": 500 + i})
            told = {"decision_id": made["decision_id"], "quality": 0.8, "output_tokens": 100 + i}
            assert ask(address, "POST", "/v1/feedback", told)[0] == 200
        yield address


def get(where: str, **query: str) -> Answer:
    asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    return ask(where, "GET", f"{PATH}?{asked}")


def test_the_report_is_that_of_the_event_log(where: str, store: Store) -> None:
    status, report = get(where, baseline="large", requests_per_month="1e6", days="30")
    assert status == 200
    alone = LiveSavings(SETTINGS, store).report(30, Asked(baseline="large", requests_per_month=1e6))
    assert report["verdict"] == alone.verdict
    assert report["requests"] == 60
    assert report["actual"]["usd"]["mean"] == pytest.approx(alone.actual.usd.mean)
    assert report["actual"]["monthly"]["mean"] == pytest.approx(1e6 * alone.actual.usd_per_request.mean)
    rules = {bill["rule"]: bill["usd"]["mean"] for bill in report["rules"]}
    assert rules["fixed:small"] < rules["fixed:middle"] < rules["fixed:large"]


def test_an_answer_is_kept_for_a_while(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standing = SimpleNamespace(monotonic=lambda: 0.0, perf_counter=time.perf_counter, sleep=time.sleep)
    monkeypatch.setattr("banditroute.service.reports.time", standing)
    before = get(where, baseline="middle")[1]

    def again(*_: object) -> None:
        raise StoreError("it was made again")

    monkeypatch.setattr(LiveSavings, "report", again)
    assert get(where, baseline="middle")[1] == before
    assert get(where, baseline="small")[0] == 503
    monkeypatch.undo()
    assert get(where, baseline="small")[0] == 200, "a failure is not kept"


@pytest.mark.parametrize(
    ("query", "param", "said"),
    [
        ({"baseline": "larg"}, "baseline", 'did you mean "large"'),
        ({"baseline": "fixed:larg"}, "baseline", 'did you mean "large"'),
        ({"baseline": "rules:/etc/hostname"}, "baseline", "Simulate and evaluate"),
        ({"baseline": "thompson"}, "baseline", "Simulate and evaluate"),
        ({"baseline": "x" * 501}, "baseline", "at most 500"),
        ({"days": "0"}, "days", "greater"),
        ({"days": "1.5"}, "days", "integer"),
        ({"requests_per_month": "nan"}, "requests_per_month", "finite"),
        ({"requests_per_month": "0"}, "requests_per_month", "greater"),
    ],
)
def test_wrong_parameters_are_refused(where: str, query: dict[str, str], param: str, said: str) -> None:
    status, reply = get(where, **query)
    assert (status, reply["error"]["param"]) == (422, param)
    assert said in reply["error"]["message"]


def test_who_waits_too_long_is_put_off(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditroute.service.reports.LONGEST_WAIT", 0.0)
    status, reply = get(where, days="18")
    assert (status, reply["error"]["code"]) == (503, "report_not_ready")


def test_too_many_at_once_are_put_off_and_finished_ones_make_room() -> None:
    """Nobody keeps a report from others by asking for many."""
    free = threading.Event()
    reports: Reports[int] = Reports(lambda key: free.wait(PATIENCE) and {"key": key}, 60.0)

    async def ask() -> list[bytes]:
        waiting = [asyncio.create_task(reports.get(key)) for key in range(KEPT)]
        await asyncio.sleep(0)
        with pytest.raises(NotReady, match="being made"):
            await reports.get(KEPT)
        free.set()
        await asyncio.gather(*waiting)
        return [await reports.get(key) for key in range(KEPT, KEPT + 3)]

    assert asyncio.run(ask()) == [b'{"key":%d}' % key for key in range(KEPT, KEPT + 3)]


def test_it_is_documented(where: str) -> None:
    schema = ask(where, "GET", "/openapi.json")[1]
    operation = schema["paths"][PATH]["get"]
    assert {one["name"] for one in operation["parameters"]} == {"baseline", "days", "requests_per_month"}
    assert "verdict" in schema["components"]["schemas"]["SavingsReport"]["properties"]
