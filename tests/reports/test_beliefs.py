"""What a service believes, and why it chose: as tables and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banditroute import Client
from banditroute.errors import LogError
from banditroute.reports import beliefs_of, receipt_of
from tests.router.setting import SETTINGS
from tests.service.live import serving


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(SETTINGS) as where, Client(f"http://{where}") as client:
        yield client


def test_what_was_heard_is_shown(client: Client, tmp_path: Path) -> None:
    nothing = beliefs_of(client.state())
    assert nothing.classes == []
    with pytest.raises(LogError, match="Nothing was heard"):
        nothing.plot()
    decision = client.route(request_class="code", input_tokens=100)
    told = client.feedback(decision.id, quality=0.5, output_tokens=50, latency_ms=900)
    beliefs = beliefs_of(client.state(min_seq=told.event_seq))
    assert beliefs.classes == ["code"]
    assert beliefs.models == ["small", "middle", "large"]
    html = beliefs._repr_html_()
    assert f"<td>code</td><td>{decision.model}</td>" in html
    assert html.count("<tr>") == 2, "a head, and one row for the one model that was heard of"
    for factor in ("quality", "usd", "seconds"):
        beliefs.plot(tmp_path / f"{factor}.png", factor)
        assert (tmp_path / f"{factor}.png").stat().st_size > 5_000
    with pytest.raises(LogError, match="There is no factor reward"):
        beliefs.plot(factor="reward")


def test_a_receipt_says_why(client: Client) -> None:
    decision = client.route(request_class="code", limits={"deny": ["large"]}, input_tokens=100)
    client.feedback(decision.id, quality=0.25)
    receipt = receipt_of(client.decision(decision.id))
    assert receipt.sentence.startswith(f"{decision.model} was chosen for a request of class code by thompson")
    html = receipt._repr_html_()
    assert "<td>quality</td><td>0.25</td><td>user</td>" in html
    assert "<td>large</td>" in html.partition("Could not be chosen")[2]
    forced = client.route(request_class="code", model="middle")
    assert receipt_of(client.decision(forced.id)).sentence.endswith("nothing was drawn.")
