"""Request -> context vector: `[1, one-hot class, log tokens, caller's features, embedding]`.

Versioned: events keep the raw fields, and the vector is rebuilt from them, so a layout may change
between restarts. Everything is put on a scale of about one around a fixed center, and clipped, so
that one absurd value cannot outweigh all others; a missing value is the center, 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.types import OTHER, Context

VERSION = 1
TYPICAL_TOKENS = 500.0
_LOG_TYPICAL = math.log(TYPICAL_TOKENS)
_LOG_SCALE = 1.5
_CLIP = 5.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Which coordinate means what. `classes` ends with `other`, where undeclared classes go."""

    classes: tuple[str, ...]
    numeric: tuple[tuple[str, float, float], ...] = ()
    embedding: int = 0

    @property
    def size(self) -> int:
        """Number of coordinates d."""
        return 2 + len(self.classes) + len(self.numeric) + self.embedding

    def class_index(self, name: str) -> int:
        """Position of a request class; undeclared ones share the place of `other`."""
        try:
            return self.classes.index(name)
        except ValueError:
            return len(self.classes) - 1

    def encode(self, contexts: Sequence[Context]) -> tuple[Floats, Ints]:
        """Vectors `(n, d)` and class indices `(n,)` of raw contexts."""
        x = np.zeros((len(contexts), self.size))
        cls = np.empty(len(contexts), np.int64)
        numeric = self.numeric
        tokens_at = 1 + len(self.classes)
        first = tokens_at + 1
        last = first + len(numeric)
        for row, context in enumerate(contexts):
            g = self.class_index(context.request_class)
            cls[row] = g
            x[row, 0] = 1.0
            x[row, 1 + g] = 1.0
            if context.input_tokens:
                x[row, tokens_at] = _clip((math.log(context.input_tokens) - _LOG_TYPICAL) / _LOG_SCALE)
            if numeric:
                given = context.features
                x[row, first : first + len(numeric)] = [
                    given.get(name, center) for name, center, _ in numeric
                ]
            if self.embedding and len(context.embedding) == self.embedding:
                x[row, -self.embedding :] = np.clip(context.embedding, -_CLIP, _CLIP)
        if numeric:
            columns = x[:, first:last]
            columns -= [center for _, center, _ in numeric]
            columns /= [scale for _, _, scale in numeric]
            np.clip(columns, -_CLIP, _CLIP, out=columns)
        return x, cls

    def encode_columns(
        self, cls: Ints, input_tokens: Floats, features: Mapping[str, Floats]
    ) -> tuple[Floats, Ints]:
        """The same vectors, to the last bit, from columns `(n,)`: places of the classes, whole tokens (NaN
        where unknown), and whatever features there are."""
        x = np.zeros((len(cls), self.size))
        x[:, 0] = 1.0
        x[np.arange(len(cls)), 1 + cls] = 1.0
        tokens_at = 1 + len(self.classes)
        distinct, place = np.unique(input_tokens, return_inverse=True)
        scaled = [_clip((math.log(t) - _LOG_TYPICAL) / _LOG_SCALE) if t > 0.0 else 0.0 for t in distinct]
        x[:, tokens_at] = np.array(scaled)[place]
        for column, (name, center, scale) in enumerate(self.numeric, start=tokens_at + 1):
            if name in features:
                x[:, column] = np.clip((features[name] - center) / scale, -_CLIP, _CLIP)
        return x, cls


def _clip(value: float) -> float:
    return min(max(value, -_CLIP), _CLIP)


def layout_of(settings: Settings) -> Layout:
    """The layout a configuration declares; classes in its order, then `other`."""
    names = tuple(c.name for c in settings.classes if c.name != OTHER)
    numeric = tuple((name, center, scale) for name, (center, scale) in settings.features.numeric.items())
    return Layout((*names, OTHER), numeric, settings.features.embedding)
