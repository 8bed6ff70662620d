"""Collecting a log: within the cap, whole prompts, each cell paid once, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.errors import ConfigError, LogError, UpstreamError
from banditroute.offline import read_log
from banditroute.offline.collection import asking
from banditroute.offline.collection.findings import Collected
from banditroute.offline.collection.journal import ENDING, Journal
from banditroute.offline.collection.plan import Plan, make_plan
from banditroute.offline.collection.prompts import Prompt, Prompts
from banditroute.offline.collection.run import collect
from banditroute.offline.logs.reading import Log
from tests.offline.collecting import JUDGE, MODELS, Puppet, starter

HANDS = 6


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return starter(tmp_path)


@pytest.fixture
def puppet(monkeypatch: pytest.MonkeyPatch) -> Puppet:
    """Who answers and judges, in place of upstreams; nothing waits before it is tried again."""
    puppet = Puppet()
    monkeypatch.setattr(asking, "_chats", lambda settings, plan: (puppet, puppet))
    monkeypatch.setattr(asking, "PAUSE", 0.0)
    return puppet


def asked(n: int) -> Prompts:
    return Prompts([Prompt(f"q{i}", f"Question number {i:04d}?", "code") for i in range(n)], n)


def run(plan: Plan, prompts: Prompts, out: Path, cap: float = 1e9) -> Collected:
    return collect(plan, prompts, out, cap=cap, hands=HANDS)


def one_costs(plan: Plan) -> float:
    """What the puppet takes for a prompt at most."""
    return sum(cell.most for cell in plan.cells(asked(1).sample[0]))


def test_every_model_answers_every_prompt_once(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    out = tmp_path / "log.parquet"
    plan = make_plan(settings, MODELS, judge=JUDGE)
    done = run(plan, asked(40), out)
    log = read_log(out)
    assert isinstance(log, Log)
    assert (len(log), log.models, log.classes) == (40, MODELS, ("code",))
    assert np.all(log.quality == 0.5)
    assert np.all(log.seconds == 0.5)
    assert set(puppet.asked.values()) == {1, len(MODELS)}  # the judge is asked once for each answer
    assert len(puppet.asked) == 40 * (len(MODELS) + 1)
    assert 1 < puppet.most_at_a_time <= HANDS
    assert done.spent == pytest.approx(puppet.usd)
    assert done.usd_answers == pytest.approx(log.usd.sum())
    assert done.usd_verdicts > 0.0
    assert done.usd_elsewhere == 0.0
    assert done.next_step is None
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_cap_holds_and_stops_between_prompts(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    """Each call costs the most that it can, so nearly as many prompts are done as fit."""
    out = tmp_path / "log.jsonl"
    plan = make_plan(settings, MODELS, judge=JUDGE)
    most = one_costs(plan)
    first = run(plan, asked(40), out, cap=10.5 * most)
    assert puppet.usd == pytest.approx(first.spent)
    assert 0 < first.requests < 40
    assert 9.5 * most < first.spent + most
    assert first.spent <= 10.5 * most
    assert len(puppet.asked) == first.requests * (len(MODELS) + 1), "half a prompt was asked"
    assert first.next_step is not None
    assert "--usd" in first.next_step
    assert len(read_log(out)) == first.requests
    again = run(plan, asked(40), out, cap=10.5 * most)
    assert again.spent == first.spent, "the cap is for all starts together"
    last = run(plan, asked(40), out, cap=1e3)
    assert last.requests == len(read_log(out)) == 40
    assert last.spent == pytest.approx(puppet.usd)
    assert max(puppet.asked.values()) == len(MODELS), "a cell was paid twice"


def test_a_cap_under_which_nothing_fits_is_refused_before_anything_is_paid(
    tmp_path: Path, settings: Settings, puppet: Puppet
) -> None:
    plan = make_plan(settings, MODELS, judge=JUDGE)
    with pytest.raises(LogError, match="first prompt alone"):
        run(plan, asked(3), tmp_path / "log.csv", cap=0.9 * one_costs(plan))
    assert puppet.usd == 0.0
    assert [path.name for path in tmp_path.iterdir()] == ["banditroute.toml"]


def test_longer_answers_than_expected_are_still_within_the_cap(
    tmp_path: Path, settings: Settings, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict that costs more than was promised needs more promised, and is not asked for where there is
    no more."""
    monkeypatch.setattr(puppet, "_reply", lambda model, text: "ä" * 60_000)
    plan = make_plan(settings, MODELS, judge=JUDGE)
    cap = 3.0 * one_costs(plan)
    with pytest.raises(LogError, match="No prompt is finished"):
        run(plan, asked(5), tmp_path / "log.csv", cap=cap)
    assert 0.0 < puppet.usd <= cap


def test_another_sample_or_other_models_use_what_is_paid(
    tmp_path: Path, settings: Settings, puppet: Puppet
) -> None:
    out = tmp_path / "log.parquet"
    plan, wider = (make_plan(settings, models, judge=JUDGE) for models in (MODELS, (*MODELS, "gpt-4o")))
    run(plan, asked(40), out, cap=5.0 * one_costs(plan))
    before = dict(puppet.asked)
    done = run(wider, asked(20), out)
    assert done.requests == 20
    again = [pair for pair, times in before.items() if pair[0] != JUDGE and puppet.asked[pair] != times]
    assert again == []
    assert len(read_log(out).models) == 3


def test_an_outage_is_no_answer(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    out = tmp_path / "log.csv"
    plan = make_plan(settings, MODELS, judge=JUDGE)
    puppet.failing = {"gpt-4o-mini"}
    with pytest.raises(UpstreamError, match=r"gpt-4o-mini failed [5-9] times in a row"):
        run(plan, asked(40), out)
    assert not out.exists()
    puppet.failing = set()
    done = run(plan, asked(40), out)
    log = read_log(out)
    assert isinstance(log, Log)
    assert np.all(log.quality == 0.5), "the outage left zeros"
    assert done.models[1].errors == 0
    assert max(times for (model, _), times in puppet.asked.items() if model != JUDGE) == 1
    short = tmp_path / "short.csv"
    puppet.failing = {"gpt-4o-mini"}
    with pytest.raises(UpstreamError, match="gpt-4o-mini failed 2 times in a row"):
        run(plan, asked(2), short)


def test_a_call_that_fails_counts_as_in_service(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    settings = replace(settings, reward=replace(settings.reward, error_quality=0.125))
    puppet.fails_on = "number 0007"
    done = run(make_plan(settings, MODELS, judge=JUDGE), asked(20), tmp_path / "log.parquet")
    log = read_log(tmp_path / "log.parquet")
    assert isinstance(log, Log)
    assert [of.errors for of in done.models] == [1, 1]
    row = log.request_ids.tolist().index("q7")
    assert log.quality[row].tolist() == [0.125, 0.125]
    assert np.all(np.delete(log.quality, row, axis=0) == 0.5)
    told = duckdb.sql(
        f"SELECT DISTINCT error, source, judge FROM '{tmp_path}/log.parquet' WHERE error NOT NULL"
    )
    assert sorted(told.fetchall()) == [(f"{model} is out.", "meter", None) for model in MODELS]


def test_an_answer_without_a_verdict_leaves_its_prompt_out_until_there_is_one(
    tmp_path: Path, settings: Settings, puppet: Puppet
) -> None:
    out = tmp_path / "log.parquet"
    plan = make_plan(settings, MODELS, judge=JUDGE)
    puppet.confusing = ()
    with pytest.raises(UpstreamError, match="5 verdicts in a row failed"):
        run(plan, asked(20), out)
    puppet.confusing = ("number 0003", "gpt-4o-mini says")
    without = run(plan, asked(20), out)
    assert without.requests == len(read_log(out)) == 19
    assert any("No verdict for 1 answers" in note for note in without.notes)
    assert without.next_step is not None
    puppet.confusing = None
    done = run(plan, asked(20), out)
    assert done.requests == 20
    assert done.usd_elsewhere > 0.0
    assert done.spent == pytest.approx(puppet.usd)


def test_verdicts_that_fail_now_and_then_are_no_outage(
    tmp_path: Path, settings: Settings, puppet: Puppet
) -> None:
    puppet.confusing = ("4?", "gpt-4o-mini says")
    done = run(make_plan(settings, MODELS, judge=JUDGE), asked(80), tmp_path / "log.parquet")
    assert done.requests == 72


def test_a_failure_that_may_have_been_charged_is_spent(
    tmp_path: Path, settings: Settings, puppet: Puppet
) -> None:
    puppet.fails_on, puppet.bills_failures = "number 0003", True
    plan = make_plan(settings, MODELS, judge=JUDGE)
    done = run(plan, asked(10), tmp_path / "log.parquet")
    charged = asking.TRIES * sum(cell.most_answer for cell in plan.cells(asked(4).sample[3]))
    assert done.spent == pytest.approx(puppet.usd + charged)
    puppet.fails_on, puppet.failing, puppet.usd = "", {JUDGE}, 0.0
    with pytest.raises(UpstreamError, match="verdicts in a row"):
        run(plan, asked(10), tmp_path / "other.parquet")
    journal = Journal(tmp_path / "other.parquet")
    assert journal.spent > puppet.usd + 5 * asking.TRIES * 0.005, "each verdict may cost half a cent and more"
    journal.close()


def test_a_judge_leaves_its_own_answers_alone(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    out = tmp_path / "log.parquet"
    done = run(make_plan(settings, (*MODELS, JUDGE), judge=JUDGE), asked(10), out)
    log = read_log(out)
    assert isinstance(log, Log)
    own = log.models.index(JUDGE)
    assert np.isnan(log.quality[:, own]).all()
    assert not np.isnan(np.delete(log.quality, own, axis=1)).any()
    assert list(done.unscored) == [JUDGE]
    assert "10 answers have no quality" in done.sentences()[-1]
    assert "--own" in done.sentences()[-1]
    other = tmp_path / "own.parquet"
    run(make_plan(settings, (*MODELS, JUDGE), judge=JUDGE, own=True), asked(10), other)
    assert not np.isnan(read_log(other).quality).any()


def test_prompts_are_redacted_or_left_out(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    judge = replace(settings.judge, redact=(r"number \d+",))
    plan = make_plan(replace(settings, judge=judge), MODELS, judge=JUDGE)
    run(plan, asked(3), tmp_path / "with.parquet")
    assert set(read_log(tmp_path / "with.parquet").prompts or []) == {"Question [redacted]?"}
    assert ("gpt-4o-mini", "Question number 0001?") in puppet.asked, "the models are asked what was asked"
    collect(plan, asked(3), tmp_path / "without.parquet", cap=1e9, keep_prompts=False)
    assert read_log(tmp_path / "without.parquet").prompts is None


def test_without_a_judge_quality_is_empty(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    done = run(make_plan(settings, MODELS), asked(3), tmp_path / "log.parquet")
    assert np.isnan(read_log(tmp_path / "log.parquet").quality).all()
    assert done.usd_verdicts == 0.0
    assert "no judge" in done.sentences()[-1]


def test_what_cannot_be_done_is_refused(tmp_path: Path, settings: Settings, puppet: Puppet) -> None:
    out = tmp_path / "log.parquet"
    plan = make_plan(settings, MODELS, judge=JUDGE)
    with pytest.raises(LogError, match="at least 2"):
        make_plan(settings, ["gpt-4o"])
    with pytest.raises(ConfigError, match="no model gpt-9"):
        make_plan(settings, ["gpt-9", "gpt-4o"])
    free = replace(settings.models[0], usd_per_input_token=None, usd_per_output_token=None)
    with pytest.raises(ConfigError, match="price of deepseek-v3"):
        make_plan(replace(settings, models=(free, *settings.models[1:])))
    with pytest.raises(LogError, match="too long for deepseek-v3"):
        run(plan, Prompts([Prompt("q", "word " * 60_000, "code")], 1), out)
    held = Journal(out)
    with pytest.raises(LogError, match="Another process"):
        run(plan, asked(2), out)
    held.close(done=True)
    run(plan, asked(2), out)
    with pytest.raises(LogError, match="is there already"):
        run(plan, asked(2), out)
    other = tmp_path / "other.csv"
    other.with_name(other.name + ENDING).write_text("{}\n")
    with pytest.raises(LogError, match=r"line 1, is no line of a collection"):
        run(plan, asked(2), other)
