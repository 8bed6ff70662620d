"""Probes: models take the golden set, and who has not passed gets no traffic where that is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute import Router
from banditroute.cli import cli
from banditroute.config.feedback import TrialSettings
from banditroute.config.settings import Settings, Upstream
from banditroute.errors import NoEligibleModel, UpstreamError
from banditroute.golden.answers import Answer
from banditroute.golden.reading import read_golden
from banditroute.golden.run import golden_chat, probe_models
from banditroute.golden.simulated import wrong_answer
from banditroute.routing.probing import (
    FAILED,
    NOT_PROBED,
    Probe,
    barred_by,
    finding,
    probe_warnings,
    probes_in,
    record_probe,
    served_as,
)
from banditroute.store.controls import MemoryControls
from banditroute.types import Model
from banditroute.upstream.chat import Completion, Message
from tests.router.setting import MODELS

GOLDEN = read_golden()
TASKS = {task.prompt: task for task in GOLDEN.tasks}
ABLE = Model("able", capabilities=frozenset({"tools", "json"}))


class Taker:
    """Answers rightly but for the tasks named in `fails`; `down` calls in a row fail first."""

    def __init__(self, fails: Sequence[str] = (), down: int = 0) -> None:
        self.fails, self.down, self.asked = fails, down, 0

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        self.asked += 1
        if self.asked <= self.down:
            raise UpstreamError("It is down.")
        task = TASKS[str(messages[-1]["content"])]
        answer = wrong_answer(task) if task.name in self.fails else Answer.right(task)
        return Completion(answer.text, 10, 5, 0.001, 0.1, tool_calls=answer.calls)

    async def close(self) -> None: ...


def probed(model: Model, taker: Taker) -> Probe | None:
    (report,) = asyncio.run(probe_models([model], GOLDEN, taker, hands=1))
    return report.probe


def test_a_model_that_can_do_it_passes() -> None:
    probe = probed(ABLE, Taker())
    assert probe is not None
    assert probe.areas == {
        area: (n, n) for area in ("tools", "json", "format", "arithmetic", "extraction")
        if (n := sum(task.area == area for task in GOLDEN.tasks))
    }  # fmt: skip
    assert probe.usd == pytest.approx(0.001 * len(GOLDEN.tasks))
    assert finding(ABLE, probe, 0.75) is None
    assert finding(ABLE, probe, 1.0) is None


def test_each_declared_capability_is_held_to_its_own_tasks() -> None:
    fails = ("tool-weather", "tool-units")
    probe = probed(ABLE, Taker(fails))
    assert probe is not None
    assert probe.failed == fails
    assert finding(ABLE, probe, 0.75) == (FAILED, "passed 3 of 5 tasks of tools, needs 75%")
    assert finding(ABLE, probe, 0.6) is None
    assert finding(replace(ABLE, capabilities=frozenset({"json"})), probe, 0.75) is None
    others = [task.name for task in GOLDEN.tasks if task.area not in ("tools", "json")]
    plain = probed(Model("able"), Taker(others[:4]))
    assert finding(Model("able"), plain, 0.75) == (FAILED, "passed 10 of 14 tasks of the others, needs 75%")


def test_a_probe_is_about_what_was_probed() -> None:
    probe = probed(Model("able"), Taker())
    against = finding(ABLE, probe, 0.75)
    assert against is not None
    assert against[0] == NOT_PROBED  # it declares tools since
    moved = finding(Model("able", upstream_name="able-2"), probe, 0.75)
    assert moved is not None
    assert moved[0] == NOT_PROBED


def test_a_capability_of_which_a_set_has_no_task_is_not_asked_for() -> None:
    json_only = replace(GOLDEN, tasks=tuple(task for task in GOLDEN.tasks if task.area == "json"))
    able, plain = asyncio.run(probe_models([ABLE, Model("plain")], json_only, Taker()))
    assert able.probe is not None
    assert able.probe.areas == {"json": (6, 6)}
    assert finding(ABLE, able.probe, 1.0) is None
    assert plain.probe is None  # it took nothing, which says nothing


def test_a_bad_moment_of_the_provider_says_nothing() -> None:
    once = probed(Model("able"), Taker(down=1))
    assert once is not None
    assert once.failed == ()
    assert probed(Model("able"), Taker(down=10_000)) is None


def test_the_last_probe_counts() -> None:
    controls = MemoryControls()
    settings = Settings(models=(ABLE, Model("other")), trial=TrialSettings(require_probe=True))
    assert {name: reason for name, (reason, _) in barred_by(settings, ()).items()} == {
        "able": NOT_PROBED,
        "other": NOT_PROBED,
    }
    for taker in (Taker(), Taker([task.name for task in GOLDEN.tasks if task.area == "json"])):
        probe = probed(ABLE, taker)
        assert probe is not None
        event = record_probe(probe, controls)
        assert replace(Probe.of(event), at=0.0) == probe
    assert set(probes_in(controls.after(0))) == {"able"}
    barred = barred_by(settings, controls.after(0))
    assert {name: reason for name, (reason, _) in barred.items()} == {"able": FAILED, "other": NOT_PROBED}
    assert barred_by(replace(settings, trial=TrialSettings()), controls.after(0)) == {}
    (told,) = probe_warnings(replace(settings, trial=TrialSettings()), controls.after(0))
    assert "model able passed 0 of 6 tasks of json" in told
    assert len(probe_warnings(settings, controls.after(0))) == 2


def test_who_has_not_passed_gets_nothing_until_it_has() -> None:
    """A running router hears of a probe; forced requests are refused too, and receipts say why."""
    settings = Settings(
        models=MODELS,
        upstreams=(Upstream("simulated", dialect="simulated"),),
        trial=TrialSettings(require_probe=True),
    )
    settings = replace(settings, store=replace(settings.store, url="memory://"))
    with Router(settings) as router:
        with pytest.raises(NoEligibleModel) as refusal:
            router.route()
        assert "run `banditroute probe small`" in str(refusal.value)
        controls = router._engine.store.controls
        for model in MODELS:
            fails = [task.name for task in GOLDEN.tasks] if model.id == "large" else []
            probe = probed(model, Taker(fails))
            assert probe is not None
            record_probe(probe, controls)
        router.catch_up()
        decisions = [router.route(dry_run=True) for _ in range(40)]
        assert "large" not in {decision.model for decision in decisions}
        (reason,) = {e.reason for d in decisions for e in d.excluded if e.model == "large"}
        assert reason == FAILED
        with pytest.raises(NoEligibleModel, match="needs 75%"):
            router.route(model="large")
        good = probed(MODELS[2], Taker())
        assert good is not None
        record_probe(good, controls)
        router.catch_up()
        assert router.route(model="large").model == "large"
        seq = router.decision(router.route().id)
        assert not [e for e in seq.decision.excluded if e.reason in (FAILED, NOT_PROBED)]


def test_simulated_models_take_it_too() -> None:
    settings = Settings(
        models=(Model("claude-sonnet"), Model("gpt-4o-mini")),
        upstreams=(Upstream("simulated", dialect="simulated"),),
    )

    async def run() -> list[int]:
        chat = golden_chat(settings, GOLDEN)
        reports = await probe_models(settings.models, GOLDEN, chat)
        return [len(report.probe.failed) for report in reports if report.probe is not None]

    best, small = asyncio.run(run())
    assert best < small < len(GOLDEN.tasks) // 2


def written(folder: Path, *more: str) -> str:
    file = folder / "banditroute.toml"
    models = '[[models]]\nid = "gpt-4o"\ncapabilities = ["tools"]\n[[models]]\nid = "claude-sonnet"\n'
    file.write_text("\n".join([*more, models]))
    return str(file)


def test_the_command_stores_what_it_found(tmp_path: Path) -> None:
    config = written(tmp_path, "[trial]", "require_probe = true")
    before = CliRunner().invoke(cli, ["check", "--config", config])
    assert "model gpt-4o gets no traffic: has not taken the golden set yet" in before.stderr
    assert not (tmp_path / "banditroute.db").exists()
    done = CliRunner().invoke(cli, ["probe", "gpt-4o", "--config", config, "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["models"]
    assert row["model"] == "gpt-4o"
    assert row["passed"]
    assert row["areas"]["tools"] == {"passed": 5, "taken": 5}
    after = CliRunner().invoke(cli, ["check", "--config", config])
    assert "model gpt-4o" not in after.stderr
    assert "model claude-sonnet gets no traffic" in after.stderr


def test_the_command_fails_where_a_model_does(tmp_path: Path) -> None:
    (tmp_path / "hard.toml").write_text(
        '[[tasks]]\nname = "a"\narea = "format"\nprompt = "Say x."\nregex = "x"\nanswer = "x"\n'
    )
    config = written(tmp_path, '[[upstreams]]\nname = "away"\nbase_url = "http://127.0.0.1:9"\n')
    done = CliRunner().invoke(
        cli, ["probe", "--config", config, "--golden", str(tmp_path / "hard.toml"), "--json"]
    )
    assert done.exit_code == 1
    rows = json.loads(done.stdout)["models"]
    assert [row["reason"] for row in rows] == ["unreachable", "unreachable"]
    assert "cannot be reached" in rows[0]["detail"]


def test_misuse_is_told(tmp_path: Path) -> None:
    config = written(tmp_path)
    unknown = CliRunner().invoke(cli, ["probe", "gpt-4", "--config", config])
    assert unknown.exit_code == 2
    assert 'did you mean "gpt-4o"?' in unknown.output
    memory = written(tmp_path, "[store]", 'url = "memory://"', "[trial]", "require_probe = true")
    refused = CliRunner().invoke(cli, ["check", "--config", memory])
    assert refused.exit_code != 0
    assert "require_probe in [trial] goes by what the event log keeps" in str(refused.exception)


def test_a_model_is_named_by_provider_and_upstream_name() -> None:
    assert served_as(Model("mine", provider="azure", upstream_name="gpt-4o")) == "azure/gpt-4o"
