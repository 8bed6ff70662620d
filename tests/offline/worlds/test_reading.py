"""Scenario files: what ships is read, and what is wrong is told with its line and the way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from banditroute.errors import ConfigError
from banditroute.offline.worlds.opening import open_world
from banditroute.offline.worlds.reading import is_scenario, read_scenario, shipped

GOOD = """title = "T"
says = "S"
requests = 200
seeds = 1
"""

BROKEN = {
    "no toml": ("title = ", ":1: this is not valid TOML"),
    "no title": ('says = "S"\n', 'has no title; add title = "…"'),
    "misspelt key": (GOOD + "sedes = 3\n", ':5: a scenario has no key "sedes"; did you mean "seeds"?'),
    "key without its section": (GOOD + "rate = 0.5\n", "it belongs below [feedback]"),
    "text for a number": (GOOD.replace("200", '"many"'), "requests of the scenario must be a whole number"),
    "too few requests": (GOOD.replace("200", "10"), "a whole number from 100 to 100,000, not 10"),
    "too much in all": (
        GOOD.replace("200", "100000").replace("= 1\n", "= 50\n"),
        "requests × seeds is 5,000,000, more than 1,000,000; take fewer of one",
    ),
    "no such effect": (
        GOOD + '[[events]]\nat = 10\nmodel = "gpt-4o"\nqualty = 0.5\n',
        ':8: [[events]] number 1 has no key "qualty"; did you mean "quality"?',
    ),
    "event without time": (
        GOOD + '[[events]]\nmodel = "gpt-4o"\nusd = 2\n',
        "number 1 has no at; add at = …",
    ),
    "event without effect": (
        GOOD + "[[events]]\nat = 10\n",
        "number 1 changes nothing; add one of quality, usd",
    ),
    "event after the end": (
        GOOD + "[[events]]\nat = 300\nusd = 2\n",
        "is at request 300, but the last one is 199",
    ),
    "event ends early": (GOOD + "[[events]]\nat = 30\nuntil = 20\nusd = 2\n", "ends before it begins"),
    "quality above one": (
        GOOD + "[[events]]\nat = 30\nquality = 1.5\n",
        "must be a number from 0 to 1, not 1.5",
    ),
    "everybody away": (GOOD + "[[events]]\nat = 30\navailable = false\n", "takes every model away; name one"),
    "half a rhythm": (
        GOOD + "[[events]]\nat = 0\nusd = 2\nfor_hours = 2\n",
        "needs both every_hours and for_hours",
    ),
    "no pause": (
        GOOD + "[[events]]\nat = 0\nusd = 2\nevery_hours = 2\nfor_hours = 2\n",
        "never pauses; for_hours must be below every_hours",
    ),
    "mix of one model": (
        GOOD + '[[events]]\nat = 0\nmodel = "gpt-4o"\nmix = { code = 1 }\n',
        "a mix is about all models",
    ),
    "single brackets": (GOOD + "[events]\nat = 1\n", "write [[events]], in double brackets"),
    "double brackets": (GOOD + "[[weights]]\nusd = 1\n", "write [weights], once, in single brackets"),
    "no weights": (GOOD + "[weights]\nquality = 0\nusd = 0\n", "all weights are 0"),
    "unknown factor": (
        GOOD + "[learning]\nhalf_life_days = { qualty = 1 }\n",
        'has an unknown key "qualty"; did you mean "quality"?',
    ),
    "learner without a name": (GOOD + '[[learners]]\npolicy = "greedy"\n', "number 1 has no name"),
    "two alike": (
        GOOD + '[[learners]]\nname = "a"\n[[learners]]\nname = "a"\n',
        'two policies are called "a"',
    ),
    "no history to be wrong": (
        GOOD + '[[learners]]\nname = "a"\nwrong_history = true\n',
        "add history = 1000",
    ),
    "clock and history": (
        GOOD + '[[learners]]\nname = "a"\nclock = true\nhistory = 500\n',
        "tells no time of day; drop clock or history",
    ),
    "rate above one": (
        GOOD + "[feedback]\nrate = 2\n",
        ":6: rate of [feedback] must be a number from 0 to 1",
    ),
    "model without a twin": (GOOD + '[[models]]\nid = "new"\n', "number 1 has no like"),
    "liars without a number": (
        GOOD + "[principals]\ncount = 3\nliars = 0.1\n",
        ":7: [principals] makes 0 of 3 liars; take more of them",
    ),
    "volume without liars": (
        GOOD + "[principals]\ncount = 30\nvolume = 0.3\n",
        "has a volume of lies and no liars; add liars = 0.1",
    ),
    "unknown lie": (
        GOOD + '[principals]\nlie = "boost"\n',
        "lie of [principals] must be invert, random, boost:MODEL or flatter:MODEL",
    ),
    "lies too late": (GOOD + "[principals]\nlies_from = 500\n", "lie only after the last request"),
    "misspelt section of a learner": (
        GOOD + '[[learners]]\nname = "a"\nbudget = { usd_per_dya = 3 }\n',
        'budget of [[learners]] number 1 has no key "usd_per_dya"; did you mean "usd_per_day"?',
    ),
    "half a guardrail": (
        GOOD + '[[learners]]\nname = "a"\nguardrails = [{ request_class = "*" }]\n',
        "guardrails of [[learners]] number 1 item 1 has no baseline; add baseline = …",
    ),
    "value of a section of a learner": (
        GOOD + '[[learners]]\nname = "a"\ntrust = { max_share = 2 }\n',
        "trust of [[learners]] number 1 has a max_share that must be a number from 0.001 to 1",
    ),
    "a budget that is not lived by": (
        GOOD + '[[learners]]\nname = "a"\nlive = false\nbudget = { usd_per_day = 3 }\n',
        "has budget, which only a live learner goes by; drop live = false",
    ),
    "column to show": (GOOD.replace("seeds = 1", 'seeds = 1\nshow = ["cost"]'), 'item 1 is "cost"'),
    "model arrives too late": (
        GOOD + '[[models]]\nid = "new"\nlike = "gpt-4o"\narrives = 900\n',
        '"new" arrives after the last request; lower arrives',
    ),
}

UNKNOWN_TO_THE_WORLD = {
    "model": (
        GOOD + '[[events]]\nat = 1\nmodel = "gpt-40"\nusd = 2\n',
        'no model "gpt-40"; did you mean "gpt-4o"?',
    ),
    "class": (GOOD + "[mix]\ncod = 1\n", 'no class "cod"; did you mean "code"?'),
    "twin": (GOOD + '[[models]]\nid = "new"\nlike = "gpt"\n', 'the world has no model "gpt"'),
    "taken": (GOOD + '[[models]]\nid = "gpt-4o"\nlike = "gpt-4o"\n', 'has a model "gpt-4o" already'),
    "watched": ('watch = "nobody"\n' + GOOD, 'the world has no model "nobody"'),
    "spoken for": (
        GOOD + '[principals]\ncount = 9\nlie = "boost:gpt4o"\n',
        'no model "gpt4o"; did you mean "gpt-4o"?',
    ),
    "guarded": (
        GOOD + '[[learners]]\nname = "a"\nguardrails = [{ request_class = "*", baseline = "gpt" }]\n',
        'the world has no model "gpt"',
    ),
    "flattered": (GOOD + "[feedback]\nbias = { llama = 0.1 }\n", 'the world has no model "llama"'),
}


def _write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_scenario_is_refused_with_one_sentence(tmp_path: Path, case: str) -> None:
    text, told = BROKEN[case]
    with pytest.raises(ConfigError) as refusal:
        read_scenario(_write(tmp_path, text))
    assert told in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "own.toml"))


@pytest.mark.parametrize("case", UNKNOWN_TO_THE_WORLD)
def test_a_scenario_cannot_speak_of_what_its_world_lacks(tmp_path: Path, case: str) -> None:
    text, told = UNKNOWN_TO_THE_WORLD[case]
    with pytest.raises(ConfigError) as refusal:
        open_world(read_scenario(_write(tmp_path, text)), tmp_path)
    assert told in str(refusal.value)


def test_everything_that_ships_is_read_and_its_world_knows_what_it_names() -> None:
    names = shipped()
    assert {"stationary", "regression", "price-cut", "price-rise", "new-model", "outage", "mix-shift"} <= set(
        names
    )
    assert {"seasonal", "biased-feedback", "late-feedback", "warm-start"} <= set(names)
    for name, path in names.items():
        scenario = read_scenario(name)
        assert scenario.name == name
        assert len(re.findall(r"[.?!](?=\s|$)", scenario.says)) == 2
        open_world(scenario, path.parent)


def test_a_log_is_no_scenario_and_a_file_beats_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_scenario("price-cut")
    assert is_scenario(tmp_path / "missing.toml")
    assert not is_scenario("history.parquet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "price-cut").touch()
    assert not is_scenario("price-cut")


def test_a_name_that_does_not_ship_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'did you mean "price-cut"\?'):
        read_scenario(tmp_path / "price-cuts.toml")
