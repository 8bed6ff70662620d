"""From a running service to a warm one: serve, export beside it, evaluate, fit, and serve with the prior."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from banditroute.client import Client
from banditroute.upstream.simulated import SimulatedWorld
from tests.acceptance.test_service_process import BANDITROUTE, PATIENCE, config, served

__all__ = ["config"]

REQUESTS = 600
TARGET = "fixed:deepseek-v3"


def typed(*args: object) -> subprocess.CompletedProcess[str]:
    command = [*BANDITROUTE, *map(str, args)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)


def done(*args: object) -> dict[str, Any]:
    """The JSON of a command that must succeed."""
    ended = typed(*args, "--json", "-")
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


def route_all(client: Client, world: SimulatedWorld) -> int:
    """Routes and scores the requests of the world; the number of the last event."""
    seq = 0
    for i in range(REQUESTS):
        request = world.request(i)
        decision = client.route(request_class=request.request_class, input_tokens=request.input_tokens)
        answer = world.outcome(i, decision.model)
        seq = client.feedback(
            decision.id, quality=answer.quality, usd=answer.usd, output_tokens=answer.output_tokens
        ).event_seq
    return seq


def test_the_whole_story_of_the_laboratory(config: Path, tmp_path: Path) -> None:
    """The log is a learner's: the default interval is a confidence sequence, a normal one is refused."""
    log, prior = tmp_path / "decisions.parquet", tmp_path / "prior.json"
    # Without a floor a learner may have given up the target in some class, and the log could not answer.
    config.write_text(config.read_text().replace("[policy]\n", "[policy]\nfloor = 0.02\n"))
    with served(config) as (_, url), Client(url) as client:
        seq = route_all(client, SimulatedWorld(seed=1))
        client.state(seq)  # waits until all was learned and is in the event log
        exported = typed("export", "--config", config, "-o", log, "--json")
        assert exported.returncode == 0, exported.stderr
        assert client.route().id, "the service serves beside the export"
    told = json.loads(exported.stdout)
    assert (told["rows"], told["drawn"]) == (REQUESTS, REQUESTS)

    asked = ("evaluate", log, "--config", config, "--policy", TARGET)
    found = done(*asked)
    assert found["interval"] == "sequence"
    target = next(one for one in found["policies"] if one["policy"] == TARGET)
    leading = target["estimates"][0]
    assert target["identified"], target["reason"]
    assert leading["low"] <= leading["value"] <= leading["high"]
    refused = typed(*asked, "--interval", "normal", "--json", "-")
    assert refused.returncode == 1, "nothing that was asked for is answered"
    normal = next(one for one in json.loads(refused.stdout)["policies"] if one["policy"] == TARGET)
    assert not normal["identified"]

    fitted = done("fit", log, "--config", config, "-o", prior)
    outcomes = [model["outcomes"] for model in fitted["factors"]["quality"]["models"].values()]
    assert sum(outcomes) == REQUESTS
    cold = config.with_name("second.toml")
    cold.write_text(config.read_text().replace("banditroute.db", "second.db"))
    assert "second.db" in cold.read_text()
    with served(cold, "--prior", str(prior)) as (_, url), Client(url) as client:
        state = client.state()
    assert state["seq"] == 0
    assert state["prior"]["digest"] == fitted["digest"]
