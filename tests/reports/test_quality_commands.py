"""`banditroute report quality` and `GET /v1/reports/quality` from the outside."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from msgspec import structs

from banditroute import cli
from banditroute.config.load import load_settings
from banditroute.store import Store, open_store
from banditroute.types import JUDGE as WORKER
from banditroute.types import Context, Decision, Outcome, Preferences
from tests.reports.scored import CLASSES, JUDGE, MODELS, SETTINGS, scored
from tests.service.live import ask, serving

PATH = "/v1/reports/quality"
CONFIG = "".join(f'[[models]]\nid = "{name}"\n' for name in MODELS) + "".join(
    f'[[classes]]\nname = "{name}"\n' for name in CLASSES
)


def fill(store: Store, n: int = 900) -> None:
    """The answers of one simulated log, from 2023-11-14 on."""
    found = scored(1, n=n)
    score = found.score(JUDGE)
    made = Decision("", 0.0, Context(), Preferences(), (), (), "", 1 / 3, "random", 0, 0.0, 0)
    store.append_decisions(
        [
            structs.replace(
                made, id=f"d{i}", at=1.7e9 + 60.0 * i, context=Context(CLASSES[found.cls[i]], unit=f"u{i}"),
                model=MODELS[found.model[i]], wants_response=bool(found.sampled[i]),
                judge_propensity=float(found.probability[i]), audit=bool(found.audited[i]),
            )
            for i in range(n)
        ]
    ).result()  # fmt: skip
    people = [
        Outcome(f"d{i}", "quality", float(value), rater="panel" if i % 7 == 0 else "")
        for i, value in enumerate(found.people)
        if not math.isnan(value)
    ]
    judge = [
        Outcome(f"d{i}", "quality", float(value), source="judge", rater=JUDGE, principal=WORKER)
        for i, value in enumerate(score)
        if not math.isnan(value)
    ]
    store.append_outcomes([*people, *judge]).result()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and an event log."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "banditroute.toml").write_text(CONFIG)
    store = open_store(load_settings(tmp_path / "banditroute.toml").store.url, base=tmp_path)
    fill(store)
    store.close()
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "quality", *args])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_every_form_of_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--by", "class", "--out", "q.html", "--plot", "q.png")
    assert code == 0, err
    assert "both together" in out
    assert "By class" in out
    assert (place / "q.html").read_text().startswith("<!doctype html>")
    assert (place / "q.png").stat().st_size > 10_000
    code, out, err = run(capsys, "--json", "-", "--out", "q.md")
    assert code == 0, err
    report = json.loads(out)
    assert report["basis"] == "modelled"
    assert report["classes"] == []
    assert report["verdict"] in (place / "q.md").read_text().replace("\\", "")
    code, out, _ = run(capsys, "--json", "-", "--asked", "panel", "--since", "2023-11-15")
    asked = json.loads(out)
    assert (code, asked["basis"]) == (0, "asked")
    assert asked["answers"] < report["answers"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--config", "none.toml"), "there is no such file"),
        (("--out", "q.pdf"), "name a .html or .md file"),
        (("--out", "no/such/q.html"), "cannot be written"),
        (("--plot", "q.txt"), "no picture that can be drawn"),
        (("--since", "yesterday"), "yesterday"),
        (("--since", "2200-01-01"), "There is no answer since then"),
        (("--by", "model"), "model"),
        (("--judge", "nobody"), "The judge nobody has scored no answer"),
        (("--asked", "nobody"), "None of nobody has scored an answer"),
    ],
)
def test_misuse_is_one_sentence_and_exit_2(
    place: Path, args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_an_empty_log_has_no_quality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "banditroute.toml").write_text(CONFIG)
    code, out, err = run(capsys)
    assert (code, out) == (2, "")
    assert "There is no answer to report on" in err


def test_the_service_answers_the_same() -> None:
    store = open_store("memory://")
    with serving(SETTINGS, store) as where:
        status, refused = ask(where, "GET", PATH)
        assert (status, refused["error"]["code"]) == (422, "nothing_scored")
        fill(store)
        status, report = ask(where, "GET", f"{PATH}?by=class")
        assert status == 200
        assert report["basis"] == "modelled"
        assert len(report["classes"]) == 6
        for query, param in (
            ("judge=nobody", "judge"),
            ("asked=nobody", "asked"),
            ("by=model", "by"),
            ("since=soon", "since"),
        ):
            status, refused = ask(where, "GET", f"{PATH}?{query}")
            assert (status, refused["error"]["param"]) == (422, param), query
        schema = ask(where, "GET", "/openapi.json")[1]
        assert "powered" in schema["components"]["schemas"]["ModelQuality"]["properties"]
        names = {one["name"] for one in schema["paths"][PATH]["get"]["parameters"]}
        assert names == {"since", "by", "judge", "asked"}
