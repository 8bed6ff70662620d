"""From text to TOML, or to one sentence that says where it is none."""

from __future__ import annotations

import re
import tomllib
from itertools import accumulate
from pathlib import Path
from typing import Any

from banditroute.errors import ConfigError


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The tables of a TOML text; `path` names it in the refusal."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        what = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else text.count("\n") + 1
        twice = "Cannot overwrite" in what or "twice" in what
        remedy = (
            "the key or table is there already: keep one of the two"
            if twice
            else 'write `key = value`, with text in "quotes" and lists in [square brackets]'
        )
        raise ConfigError(f"{path}:{line}: this is not valid TOML ({what}); {remedy}.") from None
    except ValueError:  # Python converts no whole number of more than 4,300 digits
        line = _line_at(text, _longest_number(text))
        raise ConfigError(f"{path}:{line}: this number has too many digits; write a shorter one.") from None
    except RecursionError:
        line = _line_at(text, _deepest(text))
        raise ConfigError(
            f"{path}:{line}: the brackets are nested too deep; no value needs more than a few levels."
        ) from None


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _longest_number(text: str) -> int:
    """Where the longest run of digits begins."""
    return max(re.finditer(r"[\d_]+", text), key=lambda run: run.end() - run.start()).start()


def _deepest(text: str) -> int:
    """Where the most brackets are open."""
    depths = list(accumulate((c in "[{") - (c in "]}") for c in text))
    return depths.index(max(depths))
