"""A decision as the event log keeps it: one JSON document, without the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter

import msgspec

from banditroute.errors import StoreError
from banditroute.types import Context, Decision

_DECISION = tuple(f.name for f in fields(Decision))
_CONTEXT = tuple(f.name for f in fields(Context) if f.name != "text")
_of_decision = attrgetter(*_DECISION)
_of_context = attrgetter(*_CONTEXT)


def _plain(value: object) -> object:
    """Mappings that are no dict (read-only views) as the dict they show."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(Decision)


def encode(decision: Decision) -> str:
    """The document of a decision. What could not be read again is refused here, before it is stored:
    one unreadable event would keep every later start from folding the log."""
    document = dict(zip(_DECISION, _of_decision(decision), strict=True))
    document["context"] = dict(zip(_CONTEXT, _of_context(decision.context), strict=True))
    try:
        body = _encoder.encode(document)
        _decoder.decode(body)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise StoreError(f"decision {decision.id!r} cannot be stored: {error}.") from error
    return body.decode()


def decode(body: str) -> Decision:
    """The decision of a document; fields that were added since take their defaults."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise StoreError(f"a stored decision cannot be read ({error}): restore a backup.") from error
