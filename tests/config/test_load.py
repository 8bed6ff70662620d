"""Reading a configuration: what a file and an environment give, and what is refused with which sentence."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest

from banditroute.config import settings as nouns
from banditroute.config.environment import overriding_variables
from banditroute.config.feedback import TrialSettings
from banditroute.config.load import load, load_settings
from banditroute.config.schema import ENTRIES, MAX_MODELS, SECTIONS
from banditroute.config.settings import Settings
from banditroute.config.starter import starter_text, write_starter
from banditroute.errors import ConfigError
from banditroute.types import Weights
from tests.config.bad_configurations import BAD, MODEL
from tests.config.bad_experiments import BAD_EXPERIMENTS


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "banditroute.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _settings(tmp_path: Path, text: str, **env: str) -> Settings:
    return load_settings(_write(tmp_path, text), env)


@pytest.mark.parametrize("name", [*BAD, *BAD_EXPERIMENTS])
def test_a_wrong_configuration_is_refused_with_its_line_and_the_way_out(name: str, tmp_path: Path) -> None:
    text, way_out = (BAD | BAD_EXPERIMENTS)[name]
    text = f"{text}\n{MODEL}" if "outside" in name else f"{MODEL}\n{text}"
    path = _write(tmp_path, text)
    marked = next(i for i, row in enumerate(text.splitlines(), 1) if row.endswith("# <-"))
    with pytest.raises(ConfigError) as refusal:
        load_settings(path, {})
    sentences = str(refusal.value).splitlines()
    assert len(sentences) == 1, sentences
    assert sentences[0].startswith(f"{path}:{marked}: ")
    assert way_out in sentences[0]
    assert sentences[0].endswith((".", "?"))
    assert "sk-123" not in sentences[0]
    assert "pw@" not in sentences[0]


def test_everything_wrong_is_told_at_once_in_order(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        _settings(tmp_path, "[server]\nport = 0\nprot = 1\n[reward]\nusd = -1\n[[models]]\nid = 3\n")
    lines = [int(sentence.split(":")[1]) for sentence in str(refusal.value).splitlines()]
    assert lines == [2, 3, 5, 7]


def test_no_model_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model is declared; add"):
        _settings(tmp_path, "[server]\nport = 8400\n")
    many = "".join(f'[[models]]\nid = "m{i}"\nusd_per_request = 1\ncontext_window = 9\n' for i in range(65))
    with pytest.raises(ConfigError, match="at most 64 models"):
        _settings(tmp_path, many)
    assert len(_settings(tmp_path, many[: many.index('[[models]]\nid = "m64"')]).models) == MAX_MODELS


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no such file; write one with `banditroute init"):
        load_settings(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path, {})
    (tmp_path / "latin.toml").write_bytes(b"[server]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.toml:2: this is not UTF-8 text; save"):
        load_settings(tmp_path / "latin.toml", {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^banditroute\.toml: there is no such file"):
        load_settings(None, {})


def test_the_starter_is_right_as_written(tmp_path: Path) -> None:
    path = tmp_path / "banditroute.toml"
    write_starter(path)
    loaded = load(path, {})
    ids = [model.id for model in loaded.settings.models]
    assert ids == ["deepseek-v3", "qwen3-32b", "llama-3.3-70b", "gpt-4o-mini", "gpt-4o", "claude-sonnet"]
    assert [c.name for c in loaded.settings.classes][:2] == ["code", "chat"]
    assert {upstream.dialect for upstream in loaded.settings.upstreams} == {"simulated"}
    assert loaded.warnings == ()
    assert loaded.list_priced == frozenset()
    with pytest.raises(ConfigError, match="there already; choose another name, or --force"):
        write_starter(path)
    write_starter(path, force=True)


def test_the_starter_caps_the_budget_tier_until_it_is_confirmed(tmp_path: Path) -> None:
    trial = _settings(tmp_path, starter_text()).trial
    assert trial == TrialSettings(tier_shares={"budget": 0.6})


def test_what_the_starter_has_commented_out_is_right_too(tmp_path: Path) -> None:
    rows = starter_text().splitlines()
    rule = [row.removeprefix("# ") for row in rows[rows.index("# [[rules]]") :]]
    for section in ("# [[guardrails]]", "# [[experiments]]"):
        begins = rows.index(section)
        rule += [row.removeprefix("# ") for row in rows[begins : rows.index("", begins)]]
    first = rows.index("# [[upstreams]]")
    upstream = [row.removeprefix("# ") for row in rows[first : rows.index("", first)]]
    half_life = [row.removeprefix("# ") for row in rows if row.startswith("# half_life")]
    trial = rows[(begins := rows.index("[trial]")) : rows.index("", begins)]
    text = "\n".join(rows).replace(f"# {half_life[0]}", half_life[0])
    text = text.replace("\n".join(trial), "\n".join(row.removeprefix("# ") for row in trial))
    settings = _settings(tmp_path, "\n".join([text, *upstream, *rule]))
    assert settings.rules[0].tier == "premium"
    assert settings.guardrails[0].baseline == "gpt-4o"
    assert settings.experiments[0].control == "control"
    assert settings.trial.tier_shares == {"budget": 0.6}
    assert (settings.trial.max_share, settings.trial.require_probe) == (0.1, True)
    assert settings.upstreams[1].api_key_env == "OPENAI_API_KEY"
    assert settings.policy.half_life_days == {"quality": 30.0, "seconds": 2.0}


def test_defaults_are_those_of_the_settings(tmp_path: Path) -> None:
    settings = _settings(tmp_path, MODEL)
    plain = Settings()
    for name in ("server", "reward", "classify", "features"):
        assert getattr(settings, name) == getattr(plain, name)
    assert settings.policy == replace(plain.policy, prior_table="shipped", pool_priors=True)
    assert [(upstream.name, upstream.dialect) for upstream in settings.upstreams] == [
        ("simulated", "simulated")
    ]
    assert settings.models[0].provider == "simulated"


def test_values_arrive_in_the_units_of_the_settings(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        """
        [reward]
        usd = 3
        error_quality = 0.1
        [features]
        numeric = { difficulty = { center = 0.5, scale = 0.2 }, depth = {} }
        [[upstreams]]
        name = "here"
        dialect = "simulated"
        [[models]]
        id = "a"
        usd_per_million_input = 0.27
        usd_per_million_output = 1.10
        context_window = 8_192
        capabilities = ["json"]
        tags = ["region:eu", "class:code"]
        [[classes]]
        name = "code"
        params = { max_tokens = 5, stop = ["x"] }
        [[rules]]
        reason = "r"
        request_class = "code"
        tags = { app = "search" }
        """,
    )
    assert settings.reward.weights == Weights(quality=1.0, usd=3.0)
    assert settings.reward.error_quality == 0.1
    assert settings.features.numeric == {"difficulty": (0.5, 0.2), "depth": (0.0, 1.0)}
    model = settings.models[0]
    assert model.provider == "here"
    assert model.usd_per_input_token == pytest.approx(0.27e-6, rel=1e-12)
    assert model.usd_per_output_token == pytest.approx(1.10e-6, rel=1e-12)
    assert model.tags == {"region:eu", "class:code"}
    assert settings.classes[0].params == {"max_tokens": 5, "stop": ["x"]}
    assert settings.rules[0].tags == {"app": "search"}


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        "[server]\nport = 8400\n[policy.half_life_days]\nquality = 3\n" + MODEL,
        BANDITROUTE_SERVER__PORT="9000",
        BANDITROUTE_STORE__PROMPTS="True",
        BANDITROUTE_STORE__URL="sqlite:////var/log%3F.db",
        BANDITROUTE_POLICY__MODE="canary:0.05",
        BANDITROUTE_POLICY__HALF_LIFE_DAYS__SECONDS="0.5",
        BANDITROUTE_REWARD__USD="3.33",
        BANDITROUTE_OPENAI_KEY="not ours",
        HOME="/",
    )
    assert settings.server.port == 9000
    assert settings.store.prompts is True
    assert settings.store.url == "sqlite:////var/log%3F.db"
    assert settings.policy.mode == "canary:0.05"
    assert settings.policy.half_life_days == {"quality": 3.0, "seconds": 0.5}
    assert settings.reward.weights.usd == 3.33


@pytest.mark.parametrize(
    ("variable", "value", "way_out"),
    [
        ("BANDITROUTE_SERVER__PORT", "http", 'a whole number from 1 to 65535, not "http"'),
        ("BANDITROUTE_SERVER__PROT", "1", 'did you mean "port"?'),
        ("BANDITROUTE_REWARD__USD", "nan", "a number from 0 to 1,000,000,000, not nan"),
        ("BANDITROUTE_SERVER__PORT", "9" * 400, "not a number of over 60 digits"),
        ("BANDITROUTE_SERVER__PORT", "9" * 5_000, "a whole number from 1 to 65535"),
        ("BANDITROUTE_REWARD__USD", "9" * 5_000, "from 0 to 1,000,000,000, not inf"),
        ("BANDITROUTE_STORE__URL", "postgresql://me:pw@host/db", "[store] is not supported; write sqlite"),
        ("BANDITROUTE_SERVER__HOST", "a\udcffb", "a character that no text has"),
        ("BANDITROUTE_SEVRER__PORT", "1", "only the sections server,"),
        ("BANDITROUTE_MODELS__0__ID", "a", "change the rest in the file"),
        ("BANDITROUTE_SERVER__PORT__X", "1", "must be a whole number"),
        ("BANDITROUTE_SERVER__", "1", "write it like BANDITROUTE_SERVER__PORT"),
        ("BANDITROUTE_CLASSIFY__TIERS", "a,b", "set it in the file"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str, way_out: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        _settings(tmp_path, MODEL, **{variable: value})
    assert str(refusal.value).startswith(f"environment variable {variable}: ")
    assert way_out in str(refusal.value)
    assert "pw" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_prices_and_windows_come_from_the_list_unless_given(tmp_path: Path) -> None:
    text = """
    [[upstreams]]
    name = "openai"
    [[upstreams]]
    name = "mine"
    base_url = "https://api.openai.com/v1"
    [[models]]
    id = "gpt-4o-mini"
    upstream = "openai"
    [[models]]
    id = "small"
    upstream_name = "gpt-4o-mini"
    upstream = "mine"
    [[models]]
    id = "ours"
    upstream_name = "gpt-4o-mini"
    upstream = "openai"
    usd_per_million_input = 0
    usd_per_million_output = 0
    [[models]]
    id = "unheard-of"
    upstream = "openai"
    """
    loaded = load(_write(tmp_path, text), {})
    listed, by_address, ours, unknown = loaded.settings.models
    assert listed.usd_per_input_token is not None
    # The list is dated and moves; a model of this kind costs between 1 cent and 10 USD per million.
    assert 0.01e-6 < listed.usd_per_input_token < 10e-6
    assert listed.context_window is not None
    assert by_address.usd_per_input_token == listed.usd_per_input_token
    assert (ours.usd_per_input_token, ours.context_window) == (0.0, listed.context_window)
    assert unknown.usd_per_output_token is None
    assert loaded.list_priced == {"gpt-4o-mini", "small"}
    assert len(loaded.warnings) == 1
    assert loaded.warnings[0].startswith("model unheard-of: ")
    assert "set usd_per_million_input" in loaded.warnings[0]


def test_what_works_but_is_perhaps_not_meant_is_a_warning(tmp_path: Path) -> None:
    text = '[[upstreams]]\nname = "a"\napi_key_env = "A_KEY"\n' + MODEL + "usd_per_request = 1\n"
    loaded = load(_write(tmp_path, text), {"BANDITROUTE_SERVER_PORT": "1"})
    assert loaded.settings.server.port == 8400
    assert "BANDITROUTE_SERVER__PORT" in loaded.warnings[0]
    assert "A_KEY is not set" in loaded.warnings[1]
    assert load(_write(tmp_path, text), {"A_KEY": "x"}).warnings == ()


def test_every_setting_has_a_key_and_every_key_a_setting() -> None:
    named = {"weights": {"quality", "usd", "second", "ttft_second"}}
    for section, keys in SECTIONS.items():
        kind = type(getattr(Settings(), section))
        assert is_dataclass(kind)
        known = {key for field in fields(kind) for key in named.get(field.name, {field.name})}
        assert set(keys) == known, section
    for entries, kind in (
        ("upstreams", nouns.Upstream),
        ("classes", nouns.RequestClass),
        ("rules", nouns.Rule),
    ):
        assert set(ENTRIES[entries]) == {field.name for field in fields(kind)}, entries


def test_variables_of_others_are_left_alone() -> None:
    env = {"BANDITROUTE_TRACEBACK": "1", "BANDITROUTE_SERVICE_HOST": "10.0.0.1", "PATH": "__"}
    assert overriding_variables(env) == {}
