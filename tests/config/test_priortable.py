"""The table of prior qualities: shipped facts, the map from results to quality, and files of one's own."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from banditroute.cli import cli
from banditroute.config.load import Loaded, load
from banditroute.config.priortable import SHIPPED, plain_name, read_prior_table
from banditroute.errors import ConfigError

TABLE = read_prior_table()


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "banditroute.toml"
    file.write_text(text)
    return load(file, {})


def test_the_shipped_table_is_small_dated_and_sourced() -> None:
    text = SHIPPED.read_text()
    assert len(text.encode()) < 15_000
    sources = set(tomllib.loads(text)["sources"])
    for entry in TABLE.entries.values():
        assert entry["sources"]
        assert set(entry["sources"]) <= sources
    assert TABLE.updated.year >= 2026


def test_the_reference_is_what_the_operator_expects_of_models() -> None:
    for anchor in (0.6, 0.9):
        found = TABLE.expected("gpt-4o", anchor, ["code"])
        assert found is not None
        assert found.quality == pytest.approx(anchor, abs=1e-4)
        assert found.by_class == {"code": pytest.approx(anchor, abs=1e-4)}


def test_the_map_is_the_documented_one() -> None:
    """σ(logit q₀ + ½·mean of differences of logits), by hand for two benchmarks."""

    def logit(p: float) -> float:
        return math.log(p / (1.0 - p))

    ahead = (logit(0.416) - logit(0.531) + logit(0.692) - logit(0.759)) / 2.0
    found = TABLE.expected("claude-3-5-haiku-20241022", 0.9, ["reasoning", "Code", "poems"])
    assert found is not None
    assert found.by_class["reasoning"] == pytest.approx(
        1 / (1 + math.exp(-logit(0.9) - 0.5 * ahead)), abs=1e-4
    )
    assert set(found.by_class) == {"reasoning", "Code"}


@settings(settings.get_profile("ci"))
@given(
    st.floats(0.2, 99.0),
    st.floats(0.1, 0.8),
    st.sampled_from(["mmlu", "gpqa", "math", "humaneval", "ifeval"]),
)
def test_a_better_result_never_lowers_the_prior(score: float, more: float, benchmark: str) -> None:
    def quality(value: float) -> float:
        scores = {**TABLE.entries["llama-3-3-70b"]["scores"], benchmark: value}
        found = replace(TABLE, entries={"x": {"scores": scores}}).expected("x", 0.9, [])
        assert found is not None
        return found.quality

    assert 0.0 < quality(score) <= quality(score + more) < 1.0


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama-3-3-70b"),
        ("azure/gpt-4o", "gpt-4o"),
        ("gpt-4-turbo", "gpt-4-turbo"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen2-5-72b"),
    ],
)
def test_a_model_is_known_by_what_providers_call_it(name: str, plain: str) -> None:
    assert plain_name(name) == plain
    assert TABLE.expected(name, 0.9, []) is not None


def test_versions_have_their_own_results_where_there_are_any() -> None:
    new, old, unknown = (
        TABLE.expected(name, 0.9, [])
        for name in ("gpt-4o-2024-11-20", "gpt-4o-2024-05-13", "gpt-4o-2031-01-01")
    )
    assert new is not None
    assert old is not None
    assert new.quality < old.quality
    assert unknown == TABLE.expected("gpt-4o", 0.9, [])
    assert TABLE.expected("mystery-9b", 0.9, []) is None


def test_only_what_nobody_declared_comes_from_the_table(tmp_path: Path) -> None:
    text = '[[classes]]\nname = "code"\n[[models]]\nid = "gpt-4o"\n'
    text += '[[models]]\nid = "mine"\nupstream_name = "o3"\n'
    text += '[[models]]\nid = "gpt-4o-mini"\nprior_quality = 0.5\n[[models]]\nid = "mystery-9b"\n'
    read = loaded(tmp_path, text)
    found = {model.id: model for model in read.settings.models}
    assert read.table_priors == {"gpt-4o", "mine"}
    assert found["mine"].prior_quality is not None
    assert found["mine"].prior_quality > 0.9
    assert dict(found["mine"].prior_by_class).keys() == {"code"}
    assert (found["gpt-4o-mini"].prior_quality, found["gpt-4o-mini"].prior_by_class) == (0.5, ())
    assert found["mystery-9b"].prior_quality is None
    assert all(
        model.prior_quality in (None, 0.5)
        for model in loaded(tmp_path, f"[policy]\nprior_table = false\n{text}").settings.models
    )


def test_check_says_where_every_prior_comes_from(tmp_path: Path) -> None:
    text = '[[models]]\nid = "gpt-4o"\n[[models]]\nid = "b"\nprior_quality = 0.5\n[[models]]\nid = "c"\n'
    loaded(tmp_path, text)
    config = str(tmp_path / "banditroute.toml")
    rows = json.loads(CliRunner().invoke(cli, ["check", "--json", "--config", config]).stdout)["models"]
    assert [row["prior_from"] for row in rows] == [f"table of {TABLE.updated}", "file", "family and price"]
    table = CliRunner().invoke(cli, ["check", "--config", config]).stdout
    assert "0.90†" in table
    assert f"† from the table of published results, {TABLE.updated}" in table
    loaded(tmp_path, f"[policy]\nprior_table = false\npool_priors = false\n{text}")
    rows = json.loads(CliRunner().invoke(cli, ["check", "--json", "--config", config]).stdout)["models"]
    assert [row["prior_from"] for row in rows] == ["pool", "file", "pool"]


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'updated = 2030-02-01\n[[models]]\nnames = ["acme-1"]\nquality = 0.7\nclasses = { code = 0.9 }\n'
    )
    text = '[policy]\nprior_table = "mine.toml"\n[[classes]]\nname = "Code"\n[[models]]\nid = "acme-1"\n'
    (model,) = loaded(tmp_path, text).settings.models
    assert (model.prior_quality, model.prior_by_class) == (0.7, (("Code", 0.9),))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "updated = "),
        ("updated = 2030-01-01\nmodel = 3", 'unknown key "model"; did you mean "models"?'),
        ('updated = 2030-01-01\n[[models]]\nnames = ["a"]', "either quality or scores"),
        ('updated = 2030-01-01\n[[models]]\nnames = ["a"]\nquality = 7', "a number from 0 to 1"),
        (
            'updated = 2030-01-01\n[[models]]\nnames = ["a"]\nscores = { mmlu = 50.0 }',
            "none for its reference",
        ),
        ("updated = ", "not valid TOML"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(tmp_path: Path, table: str, told: str) -> None:
    (tmp_path / "mine.toml").write_text(table)
    with pytest.raises(ConfigError) as refusal:
        loaded(tmp_path, '[policy]\nprior_table = "mine.toml"\n[[models]]\nid = "a"\n')
    assert told in str(refusal.value)
    assert "banditroute.toml:2: prior_table in [policy]" in str(refusal.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        loaded(tmp_path, '[policy]\nprior_table = "nowhere.toml"\n[[models]]\nid = "a"\n')
