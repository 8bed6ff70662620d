"""Reading a prompt once: which evidence it holds, in linear time and at most a bounded part of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from banditroute.classify.lexicon import (
    COMMON,
    FAINT,
    HARD,
    OPENERS,
    ORDINARY,
    PHRASES,
    STRONG,
    TECHNICAL,
    TECHNICAL_ENDINGS,
    WORDS,
)
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.memo import by_identity
from banditroute.errors import ConfigError

HEAD, TAIL = 6_000, 2_000
"""Characters read from either end; instructions stand there, and what is between is material."""

CHARACTERS_PER_TOKEN = 4
DECLARED_KEYWORD, DECLARED_PATTERN = 1.5, 2.5
"""What a keyword and a pattern of a declared class are worth: more than a built-in word."""

_WORD = re.compile(r"\w+")
_MANY_THINGS = re.compile(r"\b(?:these|those|following|all|each of|every one of) (?:the )?[1-9]\d")
_GROUPS = frozenset(("these", "those", "following", "all", "each", "every"))
_SYMBOLS = frozenset("∫∑∏∂∇√∞≤≥≠≈∈∉⊂⊆∀∃∧∨⇒⇔→ℝℤℕℚℂλθσμπε")
_MANY_LINES = 15
_SHORT = 14  # words of a question that can be looked up
_LONG_WORD = 8  # letters

Hits = tuple[tuple[str, float, str], ...]
"""What a word is evidence of, how much, and the signal to show for it."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Built-in and declared vocabulary of one configuration, ready to be looked up."""

    words: Mapping[str, Hits]
    phrases: Mapping[str, tuple[tuple[str, str, float], ...]]
    spaceless: tuple[tuple[str, str], ...]
    patterns: tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a prompt shows. `weights` by name; `strong` is what strong signs of hardness weigh in
    all; `english` is how far it is plain English, in [0, 1]."""

    weights: Mapping[str, float]
    strong: float
    signals: tuple[str, ...]
    english: float
    words: int
    tokens: int
    questions: int


def read(text: str, input_tokens: int | None, settings: Settings) -> Evidence:
    """The evidence of a prompt under a configuration's vocabulary."""
    lexicon = _lexicon(settings)
    tokens = len(text) // CHARACTERS_PER_TOKEN if input_tokens is None else input_tokens
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    lowered = text.lower()
    words = _WORD.findall(lowered)
    unique = set(words)
    weights: dict[str, float] = {}
    signals: list[str] = []
    strong = 0.0

    def note(name: str, weight: float, sign: str) -> None:
        nonlocal strong
        weights[name] = weights.get(name, 0.0) + weight
        strong += weight if weight >= STRONG and name in HARD else 0.0
        signals.append(sign)

    # Sorted: the order of a set differs between processes, and sums must not.
    for word in sorted(lexicon.words.keys() & unique):
        for name, weight, sign in lexicon.words[word]:
            note(name, weight, sign)
    starts = lexicon.phrases.keys() & unique
    if starts:
        line = f" {' '.join(words)} "
        for start in sorted(starts):
            for phrase, name, weight in lexicon.phrases[start]:
                if phrase in line:
                    note(name, weight, f"{name}:{phrase.rstrip()}")
    for keyword, name in lexicon.spaceless:
        if keyword in lowered:
            note(name, DECLARED_KEYWORD, f"{name}: {keyword}")
    for pattern, name in lexicon.patterns:
        if pattern.search(text):
            note(name, DECLARED_PATTERN, f"{name}: {pattern.pattern}")
    long = [w for w in unique if len(w) > _LONG_WORD]
    for word in sorted(w for w in long if w[-4:] in TECHNICAL_ENDINGS or w[-5:] in TECHNICAL_ENDINGS):
        note("argument", FAINT, f"argument: {word}")
    if not _GROUPS.isdisjoint(unique) and (found := _MANY_THINGS.search(text)):
        note("bulk", STRONG, f"bulk: {found.group()}")
    _note_shape(text, words, note)
    english = min(1.0, 2.0 * len(unique & COMMON) / max(1, len(unique)))
    return Evidence(weights, strong, tuple(signals), english, len(words), tokens, text.count("?"))


def _note_shape(text: str, words: list[str], note: Callable[[str, float, str], None]) -> None:
    """Evidence that is not in the words: symbols, code, many lines, a short plain question."""
    symbols = 0 if text.isascii() else len(_SYMBOLS.intersection(text))
    if symbols or "\\frac" in text or "\\int" in text or "\\sum" in text:
        note("mathematics", min(STRONG, ORDINARY * max(symbols, 1)), "mathematics: symbols")
    if "^" in text:
        note("mathematics", ORDINARY, "mathematics: a power")
    if "```" in text or "();" in text:
        note("engineering", ORDINARY, "engineering: code")
    if '{"' in text or '": ' in text:
        note("structured", ORDINARY, "structured: braces")
    if text.count("\n") >= _MANY_LINES:
        note("bulk", ORDINARY, "bulk: many lines")
    if words and len(words) <= _SHORT and words[0] in OPENERS:
        note("simple", ORDINARY, "simple: a short question")


@by_identity
def _lexicon(settings: Settings) -> Lexicon:
    words: dict[str, list[tuple[str, float, str]]] = {}
    phrases: dict[str, list[tuple[str, str, float]]] = {}
    spaceless: list[tuple[str, str]] = []

    def add(term: str, name: str, weight: float) -> None:
        parts = _WORD.findall(term.lower())
        if any(character >= "\u2e80" for character in term):  # a script without spaces between words
            spaceless.append((term.lower(), name))
        elif len(parts) == 1:
            words.setdefault(parts[0], []).append((name, weight, f"{name}: {parts[0]}"))
        elif parts:
            phrases.setdefault(parts[0], []).append((f" {' '.join(parts)} ", name, weight))

    for marked, listed in WORDS.items():
        name, weight = _strength(marked)
        for word in listed.split():
            add(word, name, weight)
    for word in list(words):
        words.setdefault(f"{word}s", words[word])
    for marked, listed in PHRASES.items():
        name, weight = _strength(marked)
        for phrase in listed.split("|"):
            add(phrase.strip(), name, weight)
    for term in settings.classify.technical_terms:
        add(term, TECHNICAL, ORDINARY)
    for own in settings.classes:
        for keyword in own.keywords:
            # A word that a declared class claims is no longer a sign of a simple request in general.
            if keyword.lower() in words:
                words[keyword.lower()] = [hit for hit in words[keyword.lower()] if hit[0] != "simple"]
            add(keyword, declared(own.name), DECLARED_KEYWORD)
    return Lexicon(
        {word: tuple(hits) for word, hits in words.items()},
        {start: tuple(found) for start, found in phrases.items()},
        tuple(spaceless),
        tuple((_compile(p, own), declared(own.name)) for own in settings.classes for p in own.patterns),
    )


def declared(class_name: str) -> str:
    """The evidence name of a declared class's own keywords, apart from the built-in names."""
    return f"class {class_name}"


def _strength(marked: str) -> tuple[str, float]:
    strength = {"+": STRONG, "~": FAINT}.get(marked[-1])
    return (marked, ORDINARY) if strength is None else (marked[:-1], strength)


def _compile(pattern: str, own: RequestClass) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as problem:
        raise ConfigError(
            f'The pattern {pattern!r} of the class "{own.name}" is not a regular expression: {problem}.'
        ) from None
