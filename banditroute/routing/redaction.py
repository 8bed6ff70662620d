"""Taking out of texts what shall not be kept, before they are stored."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Mapping

from banditroute.config.feedback import JudgeSettings
from banditroute.errors import ConfigError

REDACTED = "[redacted]"
"""What stands in a text for what was taken out."""

Texts = Mapping[str, str]

_log = logging.getLogger(__name__)


class Redactor:
    """Takes the patterns of `[judge] redact` out of texts, upper and lower case alike, and hands what is left
    to its `redactor`. Raises ConfigError where that function cannot be had."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._patterns = [re.compile(pattern, re.IGNORECASE) for pattern in settings.redact]
        self._hook = _hook(settings.redactor) if settings.redactor else None

    def __call__(self, texts: Texts) -> dict[str, str]:
        """The texts as they may be stored. One that the redactor fails on is left out: better no text than
        one with what was to be taken out."""
        if self._hook is None and not self._patterns:
            return dict(texts)
        kept = ((kind, self._redacted(kind, text)) for kind, text in texts.items())
        return {kind: text for kind, text in kept if text}

    def _redacted(self, kind: str, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        if self._hook is None:
            return text
        try:
            redacted = self._hook(text)
        except Exception:  # noqa: BLE001 (the operator's code: whatever it does, routing goes on)
            _log.exception("The [judge] redactor failed, so a %s is not stored.", kind)
            return ""
        if not isinstance(redacted, str):
            _log.error("The [judge] redactor gave no text, so a %s is not stored.", kind)
            return ""
        return redacted


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
