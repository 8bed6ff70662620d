"""Logs with gaps: refused where they compare nothing, with the way out, and taken by `fit` as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.core.decide import initial_state
from banditroute.errors import LogError
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.history.findings import describe
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.simulation.run import simulate
from banditroute.types import Model

from .conftest import Row, WriteLog, make_rows
from .test_log_commands import typed

MODELS = ("large", "medium", "small")


def chosen(rows: list[Row]) -> list[Row]:
    """One row per request, of a model that was drawn from all three, without a propensity in every ninth."""
    drawn = np.random.default_rng(1).integers(0, 3, len(rows) // 3)
    kept = [rows[3 * i + a] for i, a in enumerate(drawn)]
    return [{**row, "propensity": "" if i % 9 == 0 else 1 / 3} for i, row in enumerate(kept)]


@pytest.mark.parametrize(
    "verb",
    [
        ["simulate", "{log}", "--seeds", "1"],
        ["simulate", "{log}", "--world", "100", "--seeds", "1"],
        ["evaluate", "{log}"],
        ["report", "savings", "{log}", "--policy", "fixed:small"],
    ],
    ids=lambda verb: " ".join(verb[:1] + verb[2:3]),
)
def test_one_row_that_is_missing_is_named_with_the_way_out(
    verb: list[str], rows: list[Row], write: WriteLog, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write([row for i, row in enumerate(rows) if i != 31])
    code, _, err = typed(capsys, *(part.format(log=path) for part in verb))
    assert code == 2
    said = err.strip().splitlines()[-1]
    assert said.startswith(f"{path}: 1 of 60 requests lacks a row for some of the 3 models")
    assert "(the first: request r00010 has none of medium)" in said
    assert "--skip-bad leaves out" in said


def test_where_no_request_is_complete_the_option_is_not_offered(rows: list[Row], write: WriteLog) -> None:
    path = write([row for i, row in enumerate(rows) if i % 3 != (i // 3) % 2])
    with pytest.raises(LogError, match="60 of 60 requests lack") as refusal:
        read_log(path)
    assert "--skip-bad" not in str(refusal.value)
    with pytest.raises(LogError, match="60 of 60"):
        read_log(path, skip_bad=True)


BROKEN = {
    "no model": (lambda r: [{**r[0], "model": ""}, *r[1:]], "no model"),
    "two rows": (lambda r: [*r, r[0]], "several rows"),
    "two classes": (lambda r: [{**r[0], "request_class": "code"}, *r[1:]], "different classes"),
    "no propensity": (chosen, "7 of 60 decisions have no propensity"),
    "no list": (
        lambda r: [{**x, "candidates": "a,a" if i == 2 else "small,b"} for i, x in enumerate(r[::3])],
        "no list of models",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_every_refusal_of_rows_names_the_file_and_the_option(
    case: str, rows: list[Row], write: WriteLog
) -> None:
    mutate, sentence = BROKEN[case]
    path = write(mutate(rows))
    with pytest.raises(LogError, match=sentence) as refusal:
        read_log(path)
    said = str(refusal.value)
    assert said.startswith(f"{path}: ")
    assert said.count("--skip-bad") == 1
    read_log(path, skip_bad=True)


def test_fit_takes_what_there_is(write: WriteLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A third of the rows is missing, by chance: means are those of what is left, and each is counted."""
    rows = make_rows(300)
    kept = [row for row in rows if np.random.default_rng(hash_of(row)).random() > 0.3]
    path = write(kept)
    code, out, err = typed(capsys, "fit", path, "-o", tmp_path / "prior.json", "--json", "-")
    assert code == 0, err
    found = json.loads(out)
    for model in MODELS:
        own = [float(str(row["quality"])) for row in kept if row["model"] == model]
        row = found["factors"]["quality"]["models"][model]
        assert row["outcomes"] == len(own)
        assert row["mean"] == pytest.approx(np.mean(own))
    assert re.search(r"of 291 requests lack a row .*: what there is counts", str(found["notes"]))
    assert fit_prior(path).digest == fit_prior(read_log(path, complete=False), source=path.name).digest


def hash_of(row: Row) -> list[int]:
    return [int(str(row["request_id"])[1:]), MODELS.index(str(row["model"]))]


def test_a_partial_log_compares_nothing(rows: list[Row], write: WriteLog) -> None:
    log = read_log(write(rows[1:]), complete=False)
    assert isinstance(log, Log)
    assert log.kind == "partial"
    assert np.isnan(log.quality).sum() == 1
    with pytest.raises(LogError, match="complete=True"):
        simulate(log, ["fixed:small"], seeds=1)
    with pytest.raises(LogError, match=r"lack some of the models.*complete=True"):
        evaluate(log, ["fixed:small"])
    assert read_log(write(rows), complete=False).kind == "full_information"


def test_fit_needs_no_propensity(rows: list[Row], write: WriteLog) -> None:
    path = write(chosen(rows))
    log = read_log(path, complete=False)
    assert isinstance(log, DecisionLog)
    assert (log.kind, len(log)) == ("observational", 60)
    counted = [model.outcomes for model in fit_prior(path).factors["quality"].models.values()]
    assert sum(counted) == 60
    with pytest.raises(LogError, match="no propensity"):
        read_log(path)


def words(log: Log | DecisionLog, settings: Settings | None = None) -> dict[str, str]:
    """What `fit` says of each factor."""
    sentences = describe(fit_prior(log, settings=settings), settings)._sentences()
    return {sentence.partition(":")[0]: sentence for sentence in sentences}


def test_fit_gives_the_reason_that_holds(write: WriteLog) -> None:
    """Of decisions, few: the log holds no more. USD beside tokens without prices, and the other way round.
    No judge is spoken of where there is none."""
    rows = [{**row, "output_tokens": 100 + i % 50} for i, row in enumerate(make_rows(120))]
    drawn = [rows[3 * i + i % 3] for i in range(120)]
    few = words(read_log(write(drawn)))
    assert re.search(r"comes to \d+ at most.*no more than 20 in one", few["quality"])
    assert "not used: USD take its place" in few["output_tokens"]
    prices = tuple(Model(name, usd_per_input_token=1e-6, usd_per_output_token=1e-5) for name in MODELS)
    priced = words(read_log(write(drawn)), Settings(models=prices))
    assert "not used: output tokens take its place" in priced["usd"]
    assert not any("judge" in said for said in (*few.values(), *priced.values()))


def test_fit_says_why_history_counts_for_more_than_there_is() -> None:
    """Prompts that are hard for all models make seven tenths of the noise."""
    rng = np.random.default_rng(2)
    n, unknown = 100, np.full((100, 3), np.nan)
    quality = 0.6 + 0.05 * rng.normal(size=(n, 3)) + 0.08 * rng.normal(size=(n, 1))
    log = Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS, classes=("chat",),
        class_index=np.zeros(n, np.int64), quality=quality, usd=unknown, seconds=unknown,
        output_tokens=unknown, input_tokens=np.full(n, np.nan),
    )  # fmt: skip
    assert "more outcomes than there are, since models answered the same requests" in words(log)["quality"]


def test_a_model_whose_noise_is_all_common_can_be_started_from() -> None:
    """The steadiest of three models varies with the prompts alone; classes of which nothing is known take no
    harm."""
    rng = np.random.default_rng(3)
    n, unknown = 200, np.full((200, 3), np.nan)
    hard = rng.normal(size=(n, 1))
    log = Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS, classes=("chat",),
        class_index=np.zeros(n, np.int64), quality=0.5 + hard * np.array([0.02, 0.1, 0.15]), usd=unknown,
        seconds=unknown, output_tokens=unknown, input_tokens=np.full(n, np.nan),
    )  # fmt: skip
    prior = fit_prior(log)
    assert max(model.common for model in prior.factors["quality"].models.values()) == 0.95
    state = initial_state(Settings(models=tuple(Model(name) for name in MODELS), prior=prior))
    assert all(np.isfinite(one.theta).all() for one in state.posterior if one is not None)
