"""The judge as it is run: checked with the configuration, in the service's process, or by its own verb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute.cli import cli
from banditroute.config.load import load_settings
from banditroute.config.settings import Upstream
from banditroute.config.starter import starter_text
from banditroute.errors import ConfigError
from banditroute.judge.run import JudgeThread, judge_thread
from banditroute.judge.simulated import SimulatedJudge
from banditroute.store import open_store
from banditroute.store.jobs import JobStore
from banditroute.upstream.answers import SimulatedChat, written_answer
from tests.judge.cases import SETTINGS, fill, settings
from tests.reproducible import clear_of_midnight
from tests.service.live import ask, serving

ROOT = Path(__file__).parents[2]


def configured(folder: Path, judge: str) -> Path:
    path = folder / "banditroute.toml"
    path.write_text(f"{starter_text()}\n[judge]\n{judge}\n")
    return path


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ('model = "gpt-4x"', 'names "gpt-4x", which is not declared; did you mean "gpt-4o"?'),
        ('model = "any"\nupstream = "simulatd"', 'did you mean "simulated"?'),
        ('model = "gpt-4o"\nrubric = "pairwise"', "name one of the models"),
        ('model = "gpt-4o"\nrubric = "pairwise"\nreference = "gpt"', 'reference in [judge] names "gpt"'),
        ('model = "gpt-4o"\nclasses = ["code", "chatt"]', 'did you mean "chat"?'),
        ('model = "gpt-4o"\nusd_per_million_input = 1.0', "add usd_per_million_output"),
    ],
)
def test_names_that_nothing_bears_are_refused_with_their_line(tmp_path: Path, judge: str, told: str) -> None:
    path = configured(tmp_path, judge)
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    assert told in str(refusal.value)
    assert str(refusal.value).startswith(str(path))


def test_a_judge_that_only_judges_needs_an_upstream_and_other_is_a_class(tmp_path: Path) -> None:
    path = configured(
        tmp_path,
        'model = "any"\nupstream = "simulated"\nclasses = ["other"]\n'
        "usd_per_million_input = 1.0\nusd_per_million_output = 2.0",
    )
    assert load_settings(path).judge.model == "any"


def test_check_reads_the_rubric(tmp_path: Path) -> None:
    path = configured(tmp_path, 'model = "gpt-4o"\nrubric = "mine.toml"')
    result = CliRunner().invoke(cli, ["check", "--config", str(path)])
    assert isinstance(result.exception, ConfigError)
    assert "mine.toml" in str(result.exception)


def test_the_verb_works_off_what_is_due_and_says_so(tmp_path: Path) -> None:
    path = configured(tmp_path, 'model = "claude-sonnet"\nusd_per_day = 10')
    configuration = load_settings(path)
    clear_of_midnight(60.0)
    store = open_store(configuration.store.url)
    fill(store, 12, at=time.time(), under=configuration)
    JobStore(store.engine).enqueue("d0", "old/pointwise-1", 0.1, "base", time.time())
    command = [sys.executable, "-m", "banditroute", "judge", "--config", str(path), "--once", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60, env=os.environ
    )
    report = json.loads(done.stdout)
    assert report["judged"] == {"done": 12}
    assert report["jobs"] == {"pending": 0, "running": 0, "done": 12, "skipped": 0, "failed": 0}
    assert report["jobs_of_other_instruments"] == 1
    assert 0.0 < report["usd"] == pytest.approx(report["usd_today"]["base"])
    assert "12 jobs wait" in done.stderr
    assert store.last_seq() == 12
    store.close()


@pytest.mark.parametrize(
    ("judge", "told"), [("", "No judge is configured"), ('model = "gpt-4o"', "memory://")]
)
def test_the_verb_refuses_in_words(tmp_path: Path, judge: str, told: str) -> None:
    path = configured(tmp_path, judge)
    if told == "memory://":
        path.write_text(path.read_text().replace("sqlite:///banditroute.db", "memory://"))
    result = CliRunner().invoke(cli, ["judge", "--config", str(path)])
    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)


def test_the_service_judges_in_its_own_process() -> None:
    store = open_store("memory://")
    fill(store, 20, at=time.time())
    jobs = JobStore(store.engine)
    with serving(SETTINGS, store):
        deadline = time.monotonic() + 30
        while jobs.counts()["done"] < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert jobs.counts()["done"] == 20


def test_from_a_request_to_a_verdict_over_http() -> None:
    """The application routes, answers and reports; the verdict comes by itself, and is folded."""
    under = settings(model="the-judge", upstream="simulated", base_rate=1.0,
                     usd_per_million_input=1.0, usd_per_million_output=1.0)  # fmt: skip
    with serving(under, open_store("memory://")) as where:
        _, routed = ask(where, "POST", "/v1/route", {"prompt": "Summarize the minutes below."})
        assert routed["wants_response"]
        answer = written_answer(routed["model"], "the minutes", 0.9)
        told = {"decision_id": routed["decision_id"], "latency_ms": 900, "response": answer}
        status, _ = ask(where, "POST", "/v1/feedback", told)
        assert status == 200
        deadline = time.monotonic() + 30
        verdicts: list[dict[str, object]] = []
        while not verdicts and time.monotonic() < deadline:
            time.sleep(0.05)
            _, receipt = ask(where, "GET", f"/v1/decisions/{routed['decision_id']}")
            verdicts = [outcome for outcome in receipt["outcomes"] if outcome["source"] == "judge"]
        (verdict,) = verdicts
        assert verdict["factor"] == "quality"
        seen = SimulatedJudge(SimulatedChat()).seen("the-judge", answer)
        assert verdict["value"] == pytest.approx(seen, abs=1e-4)
        assert ask(where, "GET", f"/v1/state?min_seq={verdict['seq']}")[0] == 200


def test_no_thread_without_a_judge_or_with_one_elsewhere() -> None:
    store = open_store("memory://")
    assert judge_thread(settings(model=""), store) is None
    assert judge_thread(settings(worker=False), store) is None


def test_a_missing_key_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    under = replace(SETTINGS, upstreams=(Upstream("simulated", "openai", api_key_env="NO_SUCH_KEY"),))
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        JudgeThread(under, open_store("memory://"))


def test_the_thread_ends_in_order_also_when_it_never_began() -> None:
    store = open_store("memory://")
    JudgeThread(SETTINGS, store).close()
    thread = JudgeThread(SETTINGS, store)
    thread.start()
    started = time.monotonic()
    thread.close()
    assert time.monotonic() - started < 4.0
