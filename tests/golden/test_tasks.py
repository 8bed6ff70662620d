"""The golden set: every task tells right from wrong, and what is no set is refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.errors import ConfigError
from banditroute.golden.answers import Answer, fault
from banditroute.golden.reading import read_golden
from banditroute.golden.simulated import wrong_answer
from banditroute.golden.tasks import Task
from banditroute.upstream.chat import ToolCall

GOLDEN = read_golden()
NAMED = {task.name: task for task in GOLDEN.tasks}


def test_the_shipped_set_covers_what_models_are_used_for() -> None:
    areas = [task.area for task in GOLDEN.tasks]
    assert 20 <= len(areas) <= 30
    for area in ("tools", "json", "format", "arithmetic", "extraction"):
        assert areas.count(area) >= 4


@pytest.mark.parametrize("task", GOLDEN.tasks, ids=lambda task: task.name)
def test_every_task_takes_its_answer_and_refuses_others(task: Task) -> None:
    assert fault(task, Answer.right(task)) is None
    assert fault(task, wrong_answer(task)) is not None
    assert fault(task, Answer("")) is not None
    assert fault(task, Answer("I am sorry, I cannot help with that.")) is not None
    for other in GOLDEN.tasks:
        if other.checks != task.checks:
            assert fault(task, Answer.right(other)) is not None, other.name


def said(name: str, text: str) -> str | None:
    return fault(NAMED[name], Answer(text))


def called(name: str, tool: str, arguments: object, times: int = 1) -> str | None:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return fault(NAMED[name], Answer("", (ToolCall(tool, written),) * times))


def test_white_space_around_an_answer_is_free_and_nothing_else() -> None:
    assert said("format-one-word", " green\n") is None
    assert said("format-one-word", "green.") is not None
    assert said("format-one-word", "Green") is not None


def test_json_is_compared_as_json() -> None:
    assert said("json-person", '{"age":34.0,\n"name":"Mira"}') is None
    assert said("json-types", '{"paid": 0, "amount": 120.5, "note": null}') is not None  # 0 is not false
    assert said("json-person", '```json\n{"name": "Mira", "age": 34}\n```') is not None
    assert said("json-person", '{"name": "Mira", "age": "34"}') is not None
    assert said("json-list", '{"primes": [3, 2, 5, 7, 11, 13, 17, 19]}') is not None


def test_a_schema_is_kept_to_the_letter() -> None:
    five = [{"what": f"thing {i}", "count": 1} for i in range(5)]
    assert said("json-nested", json.dumps({"items": five})) is None
    for bad in (
        {"items": five[:2]},
        {"items": [*five[:3], {"what": "x", "count": 0}]},
        {"items": [{**own, "note": ""} for own in five]},
        five,
    ):
        assert said("json-nested", json.dumps(bad)) is not None


def test_the_last_number_counts() -> None:
    assert said("sum-product", "17 times 24 is 408, plus 9: **417**.") is None
    assert said("sum-product", "417 is 408 + 9") is not None
    assert said("extract-total", "The total is 192.50") is None


def test_a_tool_is_called_once_with_these_arguments() -> None:
    arguments = {"to_unit": "km", "value": 12.5, "from_unit": "mi"}
    assert called("tool-units", "convert", arguments) is None
    assert "instead of one" in str(called("tool-units", "convert", arguments, times=2))
    assert "no JSON" in str(called("tool-units", "convert", "{value"))
    assert "from_unit" in str(called("tool-units", "convert", {**arguments, "from_unit": "miles"}))
    assert "refund_order instead of" in str(called("tool-choice", "refund_order", {"order_id": 88213}))
    assert called("tool-choice", "cancel_order", {"order_id": "88213"}) is not None
    assert (
        said("tool-choice", '{"name": "cancel_order", "arguments": {"order_id": 88213}}') == "no tool called"
    )


def test_tasks_go_to_models_that_declare_what_they_need() -> None:
    none, both = GOLDEN.for_capabilities(frozenset()), GOLDEN.for_capabilities(frozenset({"tools", "json"}))
    assert both == GOLDEN.tasks
    assert {task.area for task in none} == {"format", "arithmetic", "extraction"}


def test_what_is_sent_is_in_openais_shape() -> None:
    tool, shaped = NAMED["tool-weather"], NAMED["json-person"]
    assert tool.params["tools"] == [{"type": "function", "function": tool.tools[0]}]
    assert shaped.params["response_format"] == {"type": "json_object"}
    assert replace(shaped, system="Be brief.").messages[0] == {"role": "system", "content": "Be brief."}


TASK = '[[tasks]]\nname = "a"\narea = "format"\nprompt = "?"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no tasks"),
        (TASK, "has no check"),
        (TASK + 'exact = "x"\nanswr = "y"', 'unknown key "answr"; did you mean "answer"?'),
        (TASK + 'exact = "x"\nanswer = "y"', 'refuses its own answer: not "x" but "y"'),
        (TASK + 'regex = "["\nanswer = "y"', "not a valid regular expression"),
        (TASK + 'regex = "y"', "has no answer"),
        (TASK + "json = '{'", "must be JSON in a text"),
        (TASK + 'schema = \'{"type": 7}\'\nanswer = "1"', "is not valid"),
        (TASK + 'exact = "x"\n' + TASK + 'exact = "x"', 'has the task "a" twice'),
        ('[[tasks]]\nname = "a"\nexact = "x"', "has no area"),
        (TASK + 'call = \'{"name": "f", "arguments": {}}\'', "there is no tool f"),
        (TASK + "call = '[]'", "name and arguments"),
        ("tasks = 3", "has no tasks"),
        ("[[tasks", "not valid TOML"),
    ],
)
def test_what_is_no_golden_set_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        read_golden(file)
    assert told in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_other_words_are_another_set(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(TASK + 'exact = "x"')
    two.write_text(TASK.replace("?", "??") + 'exact = "x"')
    assert read_golden(one).label != read_golden(two).label
