"""Options that would do nothing, and logs that cannot answer: one sentence with a way out, exit code 2."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from banditroute import simulate
from banditroute.errors import LogError
from banditroute.offline import evaluate, read_log
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from tests.offline.test_log_commands import typed

HEADER = "request_id,request_class,model,quality,usd,split\n"


def rows(names: Sequence[str] = ("small", "large"), requests: int = 60) -> str:
    return HEADER + "".join(
        f"{i},{('code', 'chat')[i % 2]},{name},{(i * (a + 3)) % 10 / 10},{0.001 * (1 + a)},"
        f"{('val', 'test')[i % 3 > 0]}\n"
        for i in range(requests)
        for a, name in enumerate(names)
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text(rows())
    return path


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--feedback-rate", "0.5"), r"\[feedback\] rate"),
        (("--feedback-delay", "5"), "delay_hours"),
        (("--feedback-batch", "5"), "leave it out, or name a log"),
        (("--feedback-odds", "2"), "rate_below"),
        (("--half-life", "quality=5"), "half_life_days"),
        (("--frontier",), "leave it out, or name a log"),
        (("--keep", "99%"), "leave it out, or name a log"),
        (("--train", "0.3"), "leave it out, or name a log"),
        (("--columns", "usd=cost"), "beside its world"),
        (("--where", "split=val"), "beside its world"),
        (("--features", "difficulty"), "leave it out, or name a log"),
        (("--world", "200"), "its world"),
        (("--prior", "prior.json"), "history"),
        (("--config", "banditroute.toml"), "leave it out, or name a log"),
        (("--skip-bad",), "leave it out, or name a log"),
        (("--weights", "quality=0,usd=0"), "All weights are 0"),
        (("--weights", "speed=1"), "the weights are quality, usd, second"),
        (("--plot", "curves.txt"), r"name a \.png"),
    ],
)
def test_a_scenario_refuses_what_it_would_ignore(
    option: Sequence[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, err = typed(capsys, "simulate", "price-cut", *option)
    assert (code, told, len(err.splitlines())) == (2, "", 1)
    assert re.search(sentence, err), err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--world", "200", "--train", "split=val"), "give --train a share"),
        (("--world", "200", "--keep", "99%"), "add --frontier"),
        (("--world", "200", "--frontier", "--feedback-rate", "0.5"), "leave --feedback-rate out"),
        (("--feedback-rate", "nan"), "not in the range"),
        (("--features", "quality"), "known only after the answer"),
    ],
)
def test_a_log_refuses_what_it_cannot_do(
    options: Sequence[str], sentence: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, err = typed(capsys, "simulate", log, *options)
    assert (code, told) == (2, "")
    assert sentence in err


def test_weights_reach_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("simulate", "price-cut", "--seeds", 1, "--jobs", 1, "--policy", "cheapest")
    code, told, err = typed(capsys, *asked, "--weights", "usd=1", "--json", "-")
    assert code == 0, err
    assert json.loads(told)["weights"] == {"quality": 1.0, "usd": 1.0, "second": 0.0}


def test_what_is_neither_log_nor_scenario_is_told_so(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = typed(capsys, "simulate", "pricecut")
    assert code == 2
    assert 'did you mean "price-cut"' in err
    with pytest.raises(LogError, match="simulate_scenario"):
        simulate("price-cut")
    read = read_log(log)
    assert isinstance(read, Log)
    for answer in (simulate, evaluate, fit_prior):
        with pytest.raises(LogError, match="in memory"):
            answer(read, columns={"usd": "cost"})


@pytest.mark.parametrize("verb", [("fit",), ("report", "savings")])
def test_broken_rows_are_left_out_on_request_and_counted(
    verb: Sequence[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(rows() + "x,code,small,seven,1,val\nx,code,large,1,1,val\n")
    out = ("-o", log.with_name("prior.json")) if verb == ("fit",) else ()
    code, _, err = typed(capsys, *verb, log, *out)
    assert code == 2
    assert "1 row has no number from 0 to 1 in quality" in err
    code, told, err = typed(capsys, *verb, log, *out, "--skip-bad")
    assert code == 0, err
    assert "Left out: 1 row has no number from 0 to 1 in quality" in " ".join(told.split())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (rows().encode("utf-16"), "not UTF-8 text"),
        (b"\xf8\x01W\x00\x93junk,\n\x9f", "not UTF-8 text"),
        (b"request_id\x1b[31m,model\n1,2\n", "cannot be printed"),
        (rows(("small", "\x1b[31mred")).encode(), "cannot be printed"),
    ],
)
def test_no_verb_writes_what_a_terminal_would_obey(
    content: bytes, sentence: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(content)
    for verb in (("simulate", log), ("fit", log, "-o", log.with_name("p.json")), ("report", "savings", log)):
        code, told, err = typed(capsys, *verb)
        assert (code, told) == (2, ""), verb
        assert sentence in err
        assert "\x1b" not in err


def test_nan_is_in_no_range(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    single = ("--requests", 10, "--input-tokens", 1, "--output-tokens", 1, "--current", "gpt-4o")
    for asked in (
        ("report", "savings", log, "--requests-per-month", "nan"),
        ("calculate", *single, "--min-quality", "nan"),
    ):
        code, _, err = typed(capsys, *asked)
        assert code == 2
        assert "not in the range" in err
