"""A decision as the event log keeps it: one JSON document, without the prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from banditroute.errors import StoreError
from banditroute.store.base import Answered
from banditroute.types import Decision, Occasion

T = TypeVar("T")


def _plain(value: object) -> object:
    """Mappings that are no dict (read-only views) as the dict they show."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(Decision)
_occasions = msgspec.json.Decoder(Occasion)


def encode(decision: Decision) -> str:
    """The document of a decision. What could not be read again is refused here, before it is stored:
    one unreadable event would keep every later start from folding the log."""
    if decision.context.text:
        decision = msgspec.structs.replace(decision, context=decision.context.without_text())
    if not math.isfinite(_total(decision)):  # JSON has no such number
        raise StoreError(f"decision {decision.id!r} cannot be stored: it holds a number that is not finite.")
    try:
        return _encoder.encode(decision).decode()
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise StoreError(f"decision {decision.id!r} cannot be stored: {error}.") from error


def _total(decision: Decision) -> float:
    """A sum of the numbers a decision computed, finite if each of them is."""
    total = decision.at + decision.propensity + decision.draw
    for c in decision.candidates:
        total += c.propensity + c.quality + c.usd + c.seconds + c.utility + c.sd
    return total


def decode(body: str) -> Decision:
    """The decision of a document; fields that were added since take their defaults."""
    return _read(_decoder, body)


def decode_occasion(body: str) -> Occasion:
    """What learning reads of the decision of a document."""
    return _read(_occasions, body)


class _Asked(msgspec.Struct):
    """What a document says about judging."""

    id: str
    at: float
    wants_response: bool = False
    judge_propensity: float = 0.0
    audit: bool = False


_asked = msgspec.json.Decoder(_Asked)


def decode_asked(body: str) -> Answered | None:
    """What a judge has to know of the decision of a document, None where none shall score it."""
    return asked(_read(_asked, body))


def asked(decision: Decision | _Asked) -> Answered | None:
    """The same of a decision."""
    if not decision.wants_response:
        return None
    reason = "base" if decision.audit else "value"
    return Answered(decision.id, decision.judge_propensity, reason, decision.at)


def _read(decoder: msgspec.json.Decoder[T], body: str) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise StoreError(f"a stored decision cannot be read ({error}): restore a backup.") from error
