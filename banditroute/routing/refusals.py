"""Reading fields, and saying in one sentence what is wrong with those that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args

import msgspec

from banditroute.errors import InvalidJson, RequestError
from banditroute.routing.fields import (
    ControlFields,
    ControlWord,
    FeedbackFields,
    FeedbackSource,
    LearnedFactor,
    LimitFields,
    Retractable,
    RouteFields,
    WeightFields,
)
from banditroute.routing.wording import LONGEST, cut, suggestion

MAX_FEEDBACK = 10_000
"""How many objects one feedback list may hold."""

Fields = TypeVar("Fields", RouteFields, FeedbackFields, ControlFields)
Kind = type[RouteFields] | type[FeedbackFields] | type[ControlFields]

_ROUTE_BODY = 'a JSON object such as {"request_class": "code"}'
_FEEDBACK_BODY = 'a JSON object such as {"decision_id": "…", "quality": 0.9}, or a list of them'

_CONTROL_BODY = 'a JSON object such as {"kind": "reset", "subject": "gpt-4o"}'

_MOST_NAMES = 5
"""How many unknown fields are named; the rest are counted."""

_DEEPEST = 4
"""Levels of lists and objects in a field: messages, a message, its parts, a part."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_route_decoder = msgspec.json.Decoder(RouteFields)
_feedback_decoder = msgspec.json.Decoder(FeedbackFields | list[FeedbackFields])


def read_route_body(body: bytes) -> RouteFields:
    """The fields of a route request's JSON body."""
    try:
        return _route_decoder.decode(body)
    except _UNREADABLE as error:
        raise _refused_body(error, body, RouteFields, _ROUTE_BODY) from None


def read_feedback_body(body: bytes) -> list[FeedbackFields]:
    """The objects of a feedback request's JSON body, which is one object or a list."""
    try:
        fields = _feedback_decoder.decode(body)
    except _UNREADABLE as error:
        raise _refused_body(error, body, FeedbackFields, _FEEDBACK_BODY) from None
    return checked_list(fields) if isinstance(fields, list) else [fields]


def read_control_body(body: bytes) -> ControlFields:
    """The fields of a control event's JSON body."""
    try:
        return msgspec.json.decode(body, type=ControlFields)
    except _UNREADABLE as error:
        raise _refused_body(error, body, ControlFields, _CONTROL_BODY) from None


def checked_list(items: list[FeedbackFields]) -> list[FeedbackFields]:
    """A feedback list of a length that can be stored as a whole."""
    if not items:
        raise RequestError("The list of feedback is empty; send at least one object.")
    if len(items) > MAX_FEEDBACK:
        raise RequestError(f"The list holds {len(items):,} objects; send at most {MAX_FEEDBACK:,} at once.")
    return items


def convert(given: Mapping[str, object], kind: type[Fields]) -> Fields:
    """The fields of a request or of feedback given in Python; dataclasses such as `Weights` pass too, and
    numbers of numpy's kinds."""
    try:
        try:
            fields = msgspec.convert(given, kind, from_attributes=True)
        except msgspec.ValidationError:
            given = {name: _plain(value) for name, value in given.items()}
            fields = msgspec.convert(given, kind, from_attributes=True)
        msgspec.json.encode(fields)
    except msgspec.ValidationError as error:
        raise refusal(error, given, kind) from None
    except UnicodeEncodeError:
        raise RequestError("A text holds half a character (a lone surrogate); send valid Unicode.") from None
    return fields


def _plain(value: Any, depth: int = 0) -> object:
    """A value with every number in it as Python's own: what a program computes is often numpy's. Arrays stay
    as they are, and so does what lies deeper than any field."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    if depth == _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {name: _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {own.name: _plain(getattr(value, own.name), depth + 1) for own in fields_of(value)}
    return value


def refusal(error: Exception, raw: object, kind: Kind) -> RequestError:
    """One sentence about fields of the right syntax with the wrong content."""
    if unknown := list(_unknown(raw, kind)):
        path, known = unknown[0]
        names = ", ".join(f"`{cut(path)}`" for path, _ in unknown[:_MOST_NAMES])
        more = f" and {len(unknown) - _MOST_NAMES:,} more" if len(unknown) > _MOST_NAMES else ""
        noun = "Unknown field" if len(unknown) == 1 else "Unknown fields"
        meant = suggestion(path.rpartition(".")[2], known)
        return RequestError(f"{noun} {names}{more}; {meant}", param=cut(path))
    complaint, _, place = str(error).partition(" - at ")
    path = place.removeprefix("`key` in ").strip("`").lstrip("$.")
    if place.startswith("`key`"):
        return RequestError(f"The names in `{path}` must be {_wanted(complaint, '')}.", param=path)
    if path.endswith("[...]"):
        path = _odd_entry(raw, path.removesuffix("[...]"), kind)
    wanted = _wanted(complaint, re.sub(r".*[.\]]|\[\d+$", "", re.sub(r"\[\d+\]$", "", path)))
    subject = f"`{cut(path)}`" if path else "The body"
    return RequestError(f"{subject} must be {wanted}, not {_shown(_at(raw, path))}.", param=cut(path) or None)


def _refused_body(error: Exception, body: bytes, kind: Kind, wanted: str) -> RequestError:
    if not body.strip():
        return RequestError(f"The body is empty; send {wanted}.")
    try:
        if isinstance(error, RecursionError):
            raise error
        raw = msgspec.json.decode(body)
    except RecursionError:
        return InvalidJson("The body is nested too deeply; send lists and objects of a few levels.")
    except (msgspec.MsgspecError, UnicodeDecodeError) as broken:
        if re.search(rb"[:,\[]\s*[-+]?(NaN|Infinity)\b", body) or "out of range" in str(broken):
            return InvalidJson("The body holds a number that is not finite; send finite numbers.")
        return InvalidJson(f"The body is not valid JSON ({broken}); send {wanted}.")
    if not isinstance(raw, dict | list) or (isinstance(raw, list) and kind is not FeedbackFields):
        return RequestError(f"The body is {_shown(raw)}; send {wanted}.")
    return refusal(error, raw, kind)


def _unknown(raw: object, kind: Kind) -> Iterator[tuple[str, Iterable[str]]]:
    """Every field that does not exist, by its path, with the names that do exist there."""
    items = raw if isinstance(raw, list) else [raw]
    for index, item in enumerate(items):
        prefix = f"[{index}]." if isinstance(raw, list) else ""
        yield from _strangers(item, kind.__struct_fields__, prefix)
        if kind is RouteFields and isinstance(item, Mapping):
            yield from _strangers(item.get("weights"), WeightFields.__struct_fields__, f"{prefix}weights.")
            yield from _strangers(item.get("limits"), LimitFields.__struct_fields__, f"{prefix}limits.")


def _strangers(item: object, known: tuple[str, ...], prefix: str) -> Iterator[tuple[str, Iterable[str]]]:
    if isinstance(item, Mapping):
        yield from ((f"{prefix}{name}", known) for name in item if name not in known)


_CONTROL_WORDS = {"kind": ControlWord, "factor": LearnedFactor}

_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _wanted(complaint: str, field: str) -> str:
    """What should have been there, in words."""
    if field == "quality":
        return 'a number from 0 to 1, true, false, "up" or "down"'
    if field == "source":
        return f"one of {', '.join(get_args(FeedbackSource))}"
    if field in _CONTROL_WORDS:
        return f"one of {', '.join(get_args(_CONTROL_WORDS[field]))}"
    if field == "retract" and not complaint.startswith("Expected `array"):
        return f"one of {', '.join(get_args(Retractable))}"
    expected = re.match(r"Expected `([^`]*)`(?: (?:of length )?(>=|<=) (\S+))?", complaint)
    if expected is None:
        return "a finite number" if "out of range" in complaint else f"valid ({complaint})"
    kinds = [kind for kind in expected[1].split(" | ") if kind != "null"] or ["null"]
    words = " or ".join(_TYPES.get(kind, kind) for kind in kinds)
    if expected[2] is None:
        return words
    bound = "at least" if expected[2] == ">=" else "at most"
    number = float(expected[3])
    unit = _unit(kinds, number) if "of length" in complaint else ""
    return f"{words} of {bound} {number:,.0f}{unit}"


def _unit(kinds: list[str], number: float) -> str:
    one, more = ("character", "characters") if "str" in kinds else ("entry", "entries")
    return f" {one if number == 1 else more}"


def _odd_entry(raw: object, path: str, kind: Kind) -> str:
    """Which entry of a mapping is wrong, where the decoder only names the mapping."""
    entries = _at(raw, path)
    for name, value in entries.items() if isinstance(entries, Mapping) else ():
        try:
            msgspec.convert({path: {name: value}}, kind)
        except msgspec.ValidationError:
            return f"{path}.{name}"
    return path


def _at(raw: Any, path: str) -> object:
    """The value at a path such as `weights.usd` or `[1].quality`."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            raw = raw[name or int(index)] if name in raw or index else raw[int(name)]
        except (KeyError, IndexError, TypeError, ValueError):
            return getattr(raw, name, None)
    return raw


def _shown(value: object) -> str:
    """A value as it may be repeated to the caller: short."""
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST else f"a text of {len(value):,} characters"
    if isinstance(value, Mapping | list | tuple):
        noun = "an object" if isinstance(value, Mapping) else "a list"
        return noun if len(value) <= LONGEST else f"{noun} of {len(value):,} entries"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else cut(str(value))
