"""Hard rules: which one a request meets, and which models it leaves. First match wins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from banditroute.config.settings import Rule
from banditroute.core.memo import by_identity
from banditroute.errors import ConfigError
from banditroute.types import Context, Model


def match_rule(rules: Sequence[Rule], context: Context) -> int | None:
    """The first rule whose conditions all hold, by its place in `rules`; None where none does.

    Patterns and keywords ignore case; keywords are whole words. A token bound does not hold for a
    request of unknown length.
    """
    if not rules:
        return None
    matchers = _matchers(rules if isinstance(rules, tuple) else tuple(rules))
    return next((index for index, matcher in enumerate(matchers) if matcher.holds(context)), None)


def models_left(rule: Rule, models: Sequence[Model]) -> list[bool]:
    """Which models a matched rule leaves: its model, its tier, those dedicated to its class.

    A model is dedicated to a class by the tag `class:NAME`. Where no model is dedicated to the
    rule's class, the class restricts nothing; nor does a rule that only gives parameters.
    """
    tag = f"class:{rule.request_class}"
    dedicated = any(tag in model.tags for model in models)
    return [
        (rule.model is None or rule.model == model.id)
        and (rule.tier is None or rule.tier == model.tier)
        and (not dedicated or tag in model.tags)
        for model in models
    ]


@dataclass(frozen=True, slots=True)
class _Matcher:
    """A rule with its expressions compiled."""

    rule: Rule
    pattern: re.Pattern[str] | None
    keywords: re.Pattern[str] | None
    plain: tuple[str, ...] | None
    """The keywords in small letters, where all are ASCII: a text that holds none need not be searched."""

    def holds(self, context: Context) -> bool:
        """Whether every condition that the rule states is met; a rule without any always is."""
        rule, tokens = self.rule, context.input_tokens
        return (
            (not rule.classes or context.request_class in rule.classes)
            and (rule.min_tokens is None or (tokens is not None and tokens >= rule.min_tokens))
            and (rule.max_tokens is None or (tokens is not None and tokens <= rule.max_tokens))
            and (not rule.user_tiers or context.user_tier in rule.user_tiers)
            and all(context.tags.get(name) == value for name, value in rule.tags.items())
            and (self.keywords is None or self._mentions(self.keywords, context.text))
            and (self.pattern is None or self.pattern.search(context.text) is not None)
        )

    def _mentions(self, keywords: re.Pattern[str], text: str) -> bool:
        """Whether any keyword stands in a text. A long text is searched for plain strings first, a hundred
        times as fast; not where it holds a letter that only `re` takes for an ASCII one."""
        if self.plain is not None and len(text) > _LONG and not any(odd in text for odd in _ODD):
            small = text.lower()
            if not any(word in small for word in self.plain):
                return False
        return keywords.search(text) is not None


_LONG = 1_000
"""Characters of a text from which on it is looked through first."""

_ODD = "\u0130\u0131\u017f\u212a"
"""Letters beyond ASCII that are i, s or k where case does not matter."""


@by_identity
def _matchers(rules: tuple[Rule, ...]) -> tuple[_Matcher, ...]:
    return tuple(_Matcher(rule, _pattern(rule), _keywords(rule), _plain(rule.keywords)) for rule in rules)


def _pattern(rule: Rule) -> re.Pattern[str] | None:
    if rule.pattern is None:
        return None
    try:
        return re.compile(rule.pattern, re.IGNORECASE)
    except re.error as problem:
        raise ConfigError(
            f"the pattern {rule.pattern!r} of the rule {rule.reason!r} is not a regular expression: {problem}"
        ) from None


def _keywords(rule: Rule) -> re.Pattern[str] | None:
    if not rule.keywords:
        return None
    return re.compile("|".join(map(_whole_word, rule.keywords)), re.IGNORECASE)


def _plain(keywords: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(word.lower() for word in keywords) if all(word.isascii() for word in keywords) else None


def _whole_word(keyword: str) -> str:
    """Bounded by non-letters; but scripts that put no spaces between words match anywhere."""
    spaceless = any(character >= "\u2e80" for character in keyword)
    return re.escape(keyword) if spaceless else rf"(?<!\w){re.escape(keyword)}(?!\w)"
