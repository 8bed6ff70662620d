"""Taking out of texts what shall not be kept, before they are stored.

A pattern may take a time that grows without bound with a text that somebody made for it, and a function is
the operator's own code. So a text has a largest length and a time, and one that does not come out in order is
not stored at all: better no text than one with what was to be taken out.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from banditroute.config.feedback import JudgeSettings
from banditroute.errors import ConfigError
from banditroute.routing.alarms import Alarm
from banditroute.routing.bounded import Bounded, Stuck

if TYPE_CHECKING:
    from regex import Pattern

REDACTED = "[redacted]"
"""What stands in a text for what was taken out."""

LONGEST = 100_000
"""Characters of a text that is redacted; a longer one is not stored. It is not cut either: half of what was
to be taken out would be left at the cut."""

SECONDS = 2.0
"""What the redaction of one text may take."""

MOST_LEFT = 4
"""Calls of the operator's function that may be left behind, each in a thread of its own: one that hangs costs
its text. Beyond that many none is stored until one ends; a hundred that spin would leave routing no time.
They are said to hang once each has run for SECONDS."""

Texts = Mapping[str, str]

_DAY = 86_400.0
_WHY = {
    "failed": "the redactor failed on it",
    "slow": f"its redaction took too long (it has {SECONDS:g} s, and less where many texts wait)",
    "stuck": f"{MOST_LEFT} calls of the redactor hang; mend it and restart the service",
    "long": f"it is longer than {LONGEST:,} characters",
}

REFUSALS = tuple(_WHY)
"""Reasons why a text is left out."""

_log = logging.getLogger(__name__)


class Redactor:
    """Takes the patterns of `[judge] redact` out of texts, upper and lower case alike, and hands what is left
    to its `redactor`. Raises ConfigError where that function cannot be had.

    Belongs to one thread. `refused` counts the texts that were left out, by reason: `failed`, `slow`,
    `stuck`, `long`.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self._patterns = [_compiled(pattern) for pattern in settings.redact]
        self._hook = _hook(settings.redactor) if settings.redactor else None
        self._bounded = Bounded("banditroute-redactor", most=MOST_LEFT, hangs_after=SECONDS)
        self._alarms: dict[str, Alarm] = {}
        self.refused: Counter[str] = Counter()

    @property
    def active(self) -> bool:
        """Whether anything is to be taken out."""
        return bool(self._patterns) or self._hook is not None

    def __call__(self, texts: Texts, deadline: float = float("inf")) -> dict[str, str]:
        """The texts as they may be stored, without those that could not be redacted until a `deadline` of
        the monotonic clock."""
        if not self.active:
            return dict(texts)
        kept = ((kind, self._redacted(kind, text, deadline)) for kind, text in texts.items())
        return {kind: text for kind, text in kept if text}

    def alarms(self) -> list[Alarm]:
        """Why texts were left out within the last day, one alarm for each reason."""
        since = time.time() - _DAY
        return [alarm for alarm in self._alarms.copy().values() if alarm.since > since]

    def _redacted(self, kind: str, text: str, deadline: float) -> str:
        until = min(deadline, time.monotonic() + SECONDS)
        if len(text) > LONGEST:
            return self._refuse("long", kind)
        try:
            for pattern in self._patterns:
                text = pattern.sub(REDACTED, text, concurrent=True, timeout=_left(until))
            if self._hook is not None:
                text = self._hooked(text, until)
        except Stuck:
            return self._refuse("stuck", kind)
        except TimeoutError:
            return self._refuse("slow", kind)
        except Exception:  # noqa: BLE001 (the operator's code: whatever it does, routing goes on)
            return self._refuse("failed", kind, trace=True)
        return text

    def _hooked(self, text: str, until: float) -> str:
        hook = self._hook
        assert hook is not None
        redacted = self._bounded(_left(until), lambda: hook(text))
        if not isinstance(redacted, str):
            raise TypeError(f"it gave {type(redacted).__name__} instead of a text")
        return redacted

    def _refuse(self, reason: str, kind: str, *, trace: bool = False) -> str:
        """Says why a text is left out: in the log and as an alarm, each once a day, and in numbers."""
        self.refused[reason] += 1
        now, known = time.time(), self._alarms.get(reason)
        if known is None or now - known.since >= _DAY:
            message = f"The {kind} of a decision is not stored, so it cannot be judged: {_WHY[reason]}."
            if trace:
                _log.error("The [judge] redactor failed.", exc_info=True)
            self._alarms[reason] = Alarm("redaction", reason, "", message, now, now - _DAY)
        return ""


def _left(until: float) -> float:
    """Seconds until a time of the monotonic clock. Raises TimeoutError where there are none."""
    left = until - time.monotonic()
    if left <= 0.0:
        raise TimeoutError
    return left


def _compiled(pattern: str) -> Pattern[str]:
    """A pattern that can be given a time, and lets other threads work meanwhile, as those of `re` do not."""
    import regex  # deferred: most configurations redact nothing

    try:
        return regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        raise ConfigError(
            f"redact in [judge] holds {pattern!r}, which is not a valid regular expression ({error}); "
            "write a simpler one."
        ) from None


def _hook(name: str) -> Callable[[str], object]:
    """The function that `module:name` stands for."""
    module, _, attribute = name.partition(":")
    try:
        hook = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"redactor in [judge] is {name!r}, which cannot be imported ({error}); "
            "name a function of an installed module as module:function."
        ) from None
    if not callable(hook):
        raise ConfigError(f"redactor in [judge] is {name!r}, which is no function; name one.")
    found: Callable[[str], object] = hook
    return found
