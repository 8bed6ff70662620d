"""Reading how a policy is written: `name:argument`, and `{key: value, …}` inside it."""

from __future__ import annotations

from banditroute.config.checks import nearest
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError


def no_argument(policy: str, argument: str) -> None:
    """Refuses an argument where none has a meaning."""
    if argument:
        raise ConfigError(
            f"the policy '{policy}' takes no argument; write '{policy}', not '{policy}:{argument}'"
        )


def known_model(model: str, settings: Settings) -> str:
    """The model's id, when the configuration has it."""
    ids = [own.id for own in settings.models]
    if model in ids:
        return model
    listed = f" The models are: {', '.join(ids)}." if ids else ""
    raise ConfigError(f'There is no model "{model}"; {nearest(model, ids)}{listed}')


def number(text: str, low: float, high: float, what: str) -> float:
    """A number in [low, high]."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ConfigError(f"{what} must be a number from {low:g} to {high:g}, not '{text}'")
    return value


def braced(argument: str, usage: str) -> list[tuple[str, str]]:
    """`{a: x, b: {c: y}}` -> `[("a", "x"), ("b", "{c: y}")]`; commas inside braces do not divide."""
    if not (argument.startswith("{") and argument.endswith("}")):
        raise ConfigError(f"'{argument}' is not understood; write {usage}")
    items: list[tuple[str, str]] = []
    for item in _divide(argument[1:-1], usage):
        key, colon, value = (part.strip() for part in item.partition(":"))
        if not (key and colon and value):
            raise ConfigError(f"'{item.strip()}' is not 'name: value'; write {usage}")
        if any(key == own for own, _ in items):
            raise ConfigError(f"'{key}' is given twice; write {usage}")
        items.append((key, value))
    return items


def _divide(text: str, usage: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth != 0:
        raise ConfigError(f"the braces of '{{{text}}}' do not match; write {usage}")
    return parts
