"""Reads a scenario from TOML. Whatever is wrong is told at once: line, what, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from banditroute.config.checks import Check, Refused, nearest
from banditroute.config.lines import Path as Place
from banditroute.config.lines import key_lines
from banditroute.config.parse import parse_toml
from banditroute.config.problems import Problems
from banditroute.errors import ConfigError
from banditroute.offline.worlds.scenario import (
    Event,
    Feedback,
    Judging,
    NewModel,
    Player,
    Principals,
    Scenario,
)
from banditroute.offline.worlds.schema import EFFECTS, ENTRIES, MAX_PLAYED, NEEDED, SECTIONS, TOP
from banditroute.types import Weights

LEARNER = "thompson"
LIVE = ("refit_every", "alerts", "budget", "trust", "trial", "judge", "guardrails")
"""Keys that only a learner who is played live goes by, and which make it one."""

ROOT = Path(__file__).parents[3]
HOMES = (ROOT / "banditroute" / "simulations", ROOT / "simulations")
"""Where the scenarios that ship are: inside an installed package, or beside it in a checkout."""


def shipped() -> dict[str, Path]:
    """The scenarios that come with banditroute, by name."""
    return {path.stem: path for home in HOMES for path in sorted(home.glob("*.toml"))}


def is_scenario(name: str | Path) -> bool:
    """Whether `simulate NAME` means a scenario, not a log."""
    return Path(name).suffix.lower() == ".toml" or (str(name) in shipped() and not Path(name).exists())


def read_scenario(name: str | Path) -> Scenario:
    """A scenario by its path, or by its name where it ships. Raises ConfigError."""
    path = Path(name)
    if not path.exists() and path.suffix == "":
        path = shipped().get(str(name), path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no scenario {path}; {nearest(path.stem, list(shipped()))} Or name a .toml file."
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read as a scenario: {reason}; name another file.") from None
    data = parse_toml(text, path)
    problems = Problems(str(path), key_lines(text), {})
    scenario = _scenario(path, data, problems)
    problems.raise_any()
    return scenario


def _scenario(path: Path, data: Mapping[str, Any], problems: Problems) -> Scenario:
    _check_names(data, problems)
    top = _values("the scenario", (), {key: data[key] for key in data if key in TOP}, TOP, problems)
    sections = {name: _section(name, data.get(name, {}), problems) for name in SECTIONS}
    entries = {name: _entries(name, data.get(name, []), problems) for name in ENTRIES}
    for key in ("title", "says"):
        if key not in data:
            problems.add((), f'the scenario has no {key}; add {key} = "…" at the top.')
    half_lives = sections["learning"].get("half_life_days", {})
    specs = top.pop("policies", () if entries["learners"] else (LEARNER,))
    named = [Player(spec, spec, half_lives) for spec in specs]
    own = [
        Player(**{"policy": LEARNER, "live": any(key in values for key in LIVE), **values})
        for values in entries["learners"].values()
    ]
    models = {i: NewModel(**values) for i, values in entries["models"].items()}
    events = {i: Event(**values) for i, values in entries["events"].items()}
    scenario = Scenario(
        name=path.stem,
        players=(*named, *own),
        weights=Weights(**{"quality": 1.0, "usd": 20.0, "second": 0.0, **sections["weights"]}),
        models=tuple(models.values()),
        events=tuple(events.values()),
        feedback=Feedback(**sections["feedback"]),
        principals=Principals(**sections["principals"]),
        judging=Judging(**sections["judge"]),
        **{"title": "", "says": "", **top},
    )
    _check_sizes(scenario, problems)
    _check_events(scenario, events, data, problems)
    _check_principals(scenario, problems)
    for i, model in models.items():
        if model.arrives >= scenario.requests:
            sentence = f'[[models]] "{model.id}" arrives after the last request; lower arrives.'
            problems.add(("models", i, "arrives"), sentence)
    for i, values in entries["learners"].items():
        if values.get("clock") and values.get("history"):
            sentence = "has a history, which tells no time of day; drop clock or history."
            problems.add(("learners", i, "clock"), f"[[learners]] number {i + 1} {sentence}")
        if not values.get("live", True) and any(key in values for key in LIVE):
            key = next(key for key in LIVE if key in values)
            sentence = f"[[learners]] number {i + 1} has {key}, which only a live learner goes by;"
            sentence += " drop live = false."
            problems.add(("learners", i, "live"), sentence)
        if values.get("wrong_history") and not values.get("history"):
            sentence = (
                f"[[learners]] number {i + 1} has a wrong history of no requests; add history = 1000, say."
            )
            problems.add(("learners", i, "wrong_history"), sentence)
    names = [player.name for player in scenario.players]
    if scenario.share_of is not None and scenario.share_of not in names:
        problems.add(
            ("share_of",),
            f'nobody who plays is called "{scenario.share_of}"; {nearest(scenario.share_of, names)}',
        )
    for twice in {name for name in names if names.count(name) > 1}:
        problems.add(("learners",), f'two policies are called "{twice}"; give each learner another name.')
    return scenario


def _check_names(data: Mapping[str, Any], problems: Problems) -> None:
    known = [*TOP, *SECTIONS, *ENTRIES]
    for name in data:
        if name not in known:
            homes = [f"[{section}]" for section, keys in SECTIONS.items() if name in keys]
            homes += [f"[[{entry}]]" for entry, keys in ENTRIES.items() if name in keys]
            remedy = f"it belongs below {homes[0]}." if homes else nearest(name, known)
            problems.add((name,), f'a scenario has no key "{name}"; {remedy}')


def _section(name: str, given: object, problems: Problems) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        problems.add((name,), f"{name} is one section; write [{name}], once, in single brackets.")
        return {}
    return _values(f"[{name}]", (name,), given, SECTIONS[name], problems)


def _entries(name: str, given: object, problems: Problems) -> dict[int, dict[str, Any]]:
    """The entries of a repeated table that hold what they need, by position."""
    if not isinstance(given, list) or not all(isinstance(own, Mapping) for own in given):
        problems.add((name,), f"{name} may come many times; write [[{name}]], in double brackets, for each.")
        return {}
    entries = {}
    for i, own in enumerate(given):
        label = f"[[{name}]] number {i + 1}"
        values = _values(label, (name, i), own, ENTRIES[name], problems)
        missing = [key for key in NEEDED[name] if key not in own]
        for key in missing:
            problems.add((name, i), f"{label} has no {key}; add {key} = ….")
        if all(key in values for key in NEEDED[name]):
            entries[i] = values
    return entries


def _values(
    label: str, place: Place, given: Mapping[str, Any], checks: Mapping[str, Check], problems: Problems
) -> dict[str, Any]:
    values = {}
    for key, value in given.items():
        if key not in checks:
            problems.add((*place, key), f'{label} has no key "{key}"; {nearest(key, checks)}')
            continue
        try:
            values[key] = checks[key](value)
        except Refused as refusal:
            problems.add((*place, key, *refusal.at), f"{key} of {label} {refusal}")
    return values


def _check_sizes(scenario: Scenario, problems: Problems) -> None:
    if scenario.requests * scenario.seeds > MAX_PLAYED:
        problems.add(
            ("requests",),
            f"requests × seeds is {scenario.requests * scenario.seeds:,}, more than {MAX_PLAYED:,}; "
            "take fewer of one.",
        )
    weights = scenario.weights
    if not (weights.quality or weights.usd or weights.second):
        problems.add(("weights",), "all weights are 0, so every model is worth the same; give quality = 1.")
    if scenario.mix and not sum(scenario.mix.values()):
        problems.add(("mix",), "mix gives every class a share of 0; give one at least something.")


def _check_principals(scenario: Scenario, problems: Problems) -> None:
    crowd = scenario.principals
    liars = round(crowd.liars * crowd.count)
    if crowd.liars and not 0 < liars < crowd.count:
        sentence = f"[principals] makes {liars} of {crowd.count} liars; take more of them, or another share."
        problems.add(("principals", "liars"), sentence)
    if crowd.volume is not None and not crowd.liars:
        problems.add(
            ("principals", "volume"), "[principals] has a volume of lies and no liars; add liars = 0.1."
        )
    if crowd.lies_from >= scenario.requests:
        sentence = "[principals] lie only after the last request; lower lies_from."
        problems.add(("principals", "lies_from"), sentence)


def _check_events(
    scenario: Scenario, events: Mapping[int, Event], data: Mapping[str, Any], problems: Problems
) -> None:
    for i, event in events.items():
        label, given = f"[[events]] number {i + 1}", data["events"][i]
        if event.at >= scenario.requests:
            sentence = f"{label} is at request {event.at:,}, but the last one is {scenario.requests - 1:,}."
            problems.add(("events", i, "at"), f"{sentence} Lower at, or raise requests.")
        if event.until is not None and event.until <= event.at:
            problems.add(("events", i, "until"), f"{label} ends before it begins; until must be above at.")
        if not any(key in given for key in EFFECTS):
            problems.add(("events", i), f"{label} changes nothing; add one of {', '.join(EFFECTS)}.")
        if not event.available and event.model is None:
            problems.add(("events", i), f"{label} takes every model away; name one with model = ….")
        if (event.every_hours is None) != (event.for_hours is None):
            problems.add(("events", i), f"{label} needs both every_hours and for_hours, or none of them.")
        elif event.every_hours and event.for_hours and event.for_hours >= event.every_hours:
            problems.add(
                ("events", i, "for_hours"), f"{label} never pauses; for_hours must be below every_hours."
            )
        if event.mix and (event.model or not sum(event.mix.values())):
            problems.add(
                ("events", i, "mix"),
                f"{label}: a mix is about all models and gives some class a share; "
                "write it as an event of its own.",
            )
