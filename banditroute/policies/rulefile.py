"""Reading a file of rules: the same keys as `[[rules]]` of the configuration, and `choose`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from banditroute.config.checks import Refused, nearest
from banditroute.config.lines import key_lines
from banditroute.config.parse import parse_toml
from banditroute.config.problems import Problems
from banditroute.config.schema import ENTRIES
from banditroute.config.settings import Rule, Settings
from banditroute.errors import ConfigError

_COMPOSED = ("rules", "split")


def read_rules(path: Path, settings: Settings) -> tuple[tuple[Rule, ...], str]:
    """The rules of a file, and the policy that chooses among the models that they leave."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} cannot be read as TOML: {problem}") from None
    document = parse_toml(content, path)
    problems = Problems(str(path), key_lines(content), {})
    for key in document.keys() - {"choose", "rules"}:
        problems.add((key,), f'there is no key "{key}" in a rules file; {nearest(key, ("choose", "rules"))}')
    choose = document.get("choose", "cheapest")
    if not isinstance(choose, str) or choose.partition(":")[0].strip() in _COMPOSED:
        problems.add(("choose",), f"choose must name a policy that decides by itself, not {choose!r}")
    tables = document.get("rules", [])
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        problems.add(("rules",), "write at least one rule, each under a line [[rules]]")
        tables = []
    rules = tuple(_rule(table, index, settings, problems) for index, table in enumerate(tables))
    problems.raise_any()
    return rules, choose


def _rule(table: Mapping[str, object], index: int, settings: Settings, problems: Problems) -> Rule:
    checks = ENTRIES["rules"]
    values = {}
    for key, value in table.items():
        place = ("rules", index, key)
        if key not in checks:
            problems.add(place, f'there is no key "{key}" in a rule; {nearest(key, checks)}')
            continue
        try:
            values[key] = checks[key](value)
        except Refused as refused:
            problems.add(place, f"{key} {refused}")
    if "reason" not in table:
        problems.add(("rules", index), "a rule needs a reason, one sentence that the receipt shows")
    models, tiers = [model.id for model in settings.models], settings.classify.tiers
    if (tier := values.get("tier")) is not None and tier not in tiers:
        problems.add(("rules", index, "tier"), f'there is no tier "{tier}"; {nearest(tier, tiers)}')
    if (model := values.get("model")) is not None and model not in models:
        problems.add(("rules", index, "model"), f'there is no model "{model}"; {nearest(model, models)}')
    return Rule(**{"reason": "", **values})
