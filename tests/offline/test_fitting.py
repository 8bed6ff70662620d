"""`fit`: the sums of any log, a weight chosen by held-out data, a file that is read as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from banditroute.cli import main
from banditroute.commands.fit import fit as fit_command
from banditroute.config.load import load_settings
from banditroute.config.priorfile import read_prior, sealed, write_prior
from banditroute.config.settings import Settings
from banditroute.core.decide import initial_state
from banditroute.errors import ConfigError, LogError
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.run import simulate
from banditroute.types import Model, Weights

from .conftest import Row, WriteLog, make_rows


def logged(log: Log, seed: int = 0) -> DecisionLog:
    """The same requests, each with the outcome of one model; every third was never scored."""
    n = len(log)
    action = np.random.default_rng(seed).integers(0, len(log.models), n)
    quality = log.quality[np.arange(n), action].copy()
    quality[::3] = np.nan
    return DecisionLog(
        kind="observational", request_ids=log.request_ids, models=log.models, classes=log.classes,
        class_index=log.class_index, action=action, quality=quality, usd=log.usd[np.arange(n), action],
        seconds=log.seconds[np.arange(n), action], output_tokens=log.output_tokens[np.arange(n), action],
        input_tokens=log.input_tokens,
    )  # fmt: skip


def test_a_log_teaches_its_means_per_factor_and_model(log: Log) -> None:
    prior = fit_prior(log)
    assert sorted(prior.factors) == ["quality", "usd"]
    for a, model in enumerate(log.models):
        history = prior.factors["quality"].models[model]
        assert history.outcomes == len(log)
        assert history.mean == pytest.approx(log.quality[:, a].mean())
        assert prior.factors["usd"].models[model].mean == pytest.approx(log.usd[:, a].mean())


def test_what_nobody_scored_contributes_nothing(log: Log) -> None:
    decisions = logged(log)
    prior = fit_prior(decisions)
    for a, model in enumerate(log.models):
        told = (decisions.action == a) & ~np.isnan(decisions.quality)
        history = prior.factors["quality"].models[model]
        assert history.outcomes == told.sum()
        assert history.mean == pytest.approx(decisions.quality[told].mean())


def test_times_that_contradict_one_another_lower_the_trust(rich_log: Log) -> None:
    """Models trade places every quarter: earlier blocks predict later ones badly."""
    steady = fit_prior(rich_log).factors["quality"]
    n = len(rich_log)
    quality = rich_log.quality.copy()
    for block in range(4):
        rows = slice(block * n // 4, (block + 1) * n // 4)
        quality[rows] = np.roll(rich_log.quality[rows], block, axis=1)
    restless = fit_prior(replace(rich_log, quality=quality)).factors["quality"]
    assert steady.trust >= 300.0
    assert steady.scores[f"{steady.trust:g}"] > steady.scores["0"]
    assert restless.trust <= 30.0


def test_usd_teach_tokens_where_prices_are_known(rich_log: Log) -> None:
    tokens = np.full(rich_log.usd.shape, 100.0) + 10.0 * np.arange(4)
    bare = replace(
        rich_log,
        output_tokens=np.full_like(tokens, np.nan),
        usd=1e-6 * rich_log.input_tokens[:, None] + 4e-6 * tokens,
    )
    priced = Settings(
        models=tuple(Model(m, usd_per_input_token=1e-6, usd_per_output_token=4e-6) for m in "abcd")
    )
    assert "output_tokens" not in fit_prior(bare).factors
    found = fit_prior(bare, settings=priced).factors["output_tokens"].models
    assert [found[m].mean for m in "abcd"] == pytest.approx([100.0, 110.0, 120.0, 130.0])


def test_a_prior_is_read_as_it_was_written(log: Log, tmp_path: Path) -> None:
    prior = fit_prior(log)
    write_prior(prior, tmp_path / "prior.json")
    assert read_prior(tmp_path / "prior.json") == prior
    other = fit_prior(replace(log, quality=log.quality * 0.5))
    assert other.digest != prior.digest


Damage = Callable[[Any], object]


def _model(content: Any) -> Any:
    return content["factors"]["quality"]["models"]["small"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda c: c.update(banditroute_prior=99), "version 99"),
        (lambda c: c.pop("banditroute_prior"), "is not a prior"),
        (lambda c: c.pop("factors"), "damaged prior"),
        (lambda c: c.update(classes=["other", "code"]), 'end with "other"'),
        (lambda c: c.update(classes=["code", "other"]), "do not fit"),
        (lambda c: c["factors"].update(beauty=c["factors"].pop("usd")), "beauty is no factor"),
        (lambda c: c["factors"]["quality"].update(trust=-1), "trust or center"),
        (lambda c: _model(c)["xy"].append(0.0), "do not fit"),
        (lambda c: _model(c)["xx"][0].__setitem__(1, 1e6), "no outcomes"),
        (lambda c: _model(c)["cells"][0].__setitem__(0, -5.0), "no outcomes"),
    ],
)
def test_broken_priors_are_refused_with_a_sentence(
    log: Log, tmp_path: Path, damage: Damage, says: str
) -> None:
    path = tmp_path / "prior.json"
    write_prior(fit_prior(log), path)
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=says) as refusal:
        read_prior(path)
    assert "banditroute fit" in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", "request_id,model\n1,a\n"])
def test_what_is_no_prior_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prior.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not a prior"):
        read_prior(path)
    with pytest.raises(ConfigError, match="there is no such prior"):
        read_prior(tmp_path / "none.json")


def test_another_meaning_of_the_vectors_is_refused(rich_log: Log) -> None:
    prior = fit_prior(rich_log)
    models = tuple(Model(m) for m in "abcd")
    features = Settings().features
    with pytest.raises(ConfigError, match="difficulty"):
        initial_state(
            Settings(
                models=models, features=replace(features, numeric={"difficulty": (9.0, 1.0)}), prior=prior
            )
        )
    with pytest.raises(ConfigError, match="features of version"):
        initial_state(Settings(models=models, prior=replace(prior, features_version=99)))
    with pytest.raises(ConfigError, match="knows none of the models"):
        initial_state(Settings(models=(Model("x"), Model("y")), prior=prior))


def test_a_log_without_scores_is_refused(log: Log) -> None:
    with pytest.raises(LogError, match="nothing to fit"):
        fit_prior(replace(log, quality=np.full_like(log.quality, np.nan)))


def test_simulate_starts_from_a_prior(rows: list[Row], write: WriteLog, log: Log) -> None:
    prior = fit_prior(log)
    path = write(make_rows(200, seed=9))
    weights = Weights(1.0, 0.0)
    cold, warm = (
        simulate(path, ["thompson"], weights=weights, seeds=4, jobs=1, prior=p)
        .policies[0]
        .over_seeds("regret")
        for p in (None, prior)
    )
    assert warm.mean() < 0.5 * cold.mean()


def test_the_command_writes_the_file_and_shows_what_changes(write: WriteLog, tmp_path: Path) -> None:
    path, out = write(make_rows(120)), tmp_path / "prior.json"
    done = CliRunner().invoke(fit_command, [str(path), "-o", str(out), "--json", "-", "--weights", "usd=0"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["factors"]["quality"]["models"]["large"]["outcomes"] == 120
    assert (
        told["factors"]["quality"]["held_out_score"] >= told["factors"]["quality"]["held_out_score_without"]
    )
    start = told["shares_at_start"]["code"]
    assert start["large"]["without"] == pytest.approx(1 / 3, abs=0.01)
    assert start["large"]["with"] > 0.75  # history is not believed wholly before live outcomes agree
    assert read_prior(out).requests == 120
    shown = CliRunner().invoke(fit_command, [str(path), "-o", str(out)])
    assert "held-out data" in " ".join(shown.stdout.split())


def test_a_log_too_small_to_hold_anything_out_says_so(write: WriteLog, tmp_path: Path) -> None:
    """One request: nothing was held out, so nothing was predicted with it."""
    path, out = write(make_rows(1)), tmp_path / "prior.json"
    done = CliRunner().invoke(fit_command, [str(path), "-o", str(out), "--json", "-"])
    quality = json.loads(done.stdout)["factors"]["quality"]
    assert quality["held_out_score"] is None
    assert quality["held_out_score_without"] is None
    shown = " ".join(CliRunner().invoke(fit_command, [str(path), "-o", str(out)]).stdout.split())
    assert "quality: the log is too small to hold any of it out, so it does not count" in shown
    assert "held-out" not in shown


def test_the_command_refuses_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(tmp_path / "none.csv"), "-o", str(tmp_path / "prior.json")])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "prior.json").exists()


def test_a_configuration_names_its_prior(log: Log, tmp_path: Path) -> None:
    write_prior(fit_prior(log), tmp_path / "history.json")
    config = tmp_path / "banditroute.toml"
    head = '[policy]\nprior = "history.json"\n'
    config.write_text(head + "".join(f'[[models]]\nid = "{m}"\n' for m in ("small", "large")))
    settings = load_settings(config, {})
    assert settings.prior is not None
    past = initial_state(settings).frame.past[0]
    assert past is not None
    assert past.cells[:, :, 2].sum(axis=1).tolist() == [300.0, 300.0]
    config.write_text(config.read_text().replace("history.json", "gone.json"))
    with pytest.raises(ConfigError, match="there is no such prior"):
        load_settings(config, {})


def test_a_sealed_prior_knows_its_content(log: Log) -> None:
    prior = fit_prior(log)
    assert sealed(prior).digest == prior.digest
    assert sealed(replace(prior, requests=1)).digest != prior.digest
