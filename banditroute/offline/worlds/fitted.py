"""A world fitted to a log: traffic of any length, from what the log's models did in each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from banditroute.core.base import Floats, Ints
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.worlds.answers import COLUMNS, Answers, answers
from banditroute.offline.worlds.dependence import Dependence, fit_dependence, normal_scores, together
from banditroute.offline.worlds.response import Response, fit_response
from banditroute.types import Model
from banditroute.upstream.keyed import normals, request_keys, subject_key, uniforms
from banditroute.upstream.simulated import Truth

_REQUEST = subject_key("request")
(_CLASS, _ROW, *_COMMON) = range(6)
(_FAILS, *_OWN) = range(5)
CALIBRATION = 4_000
"""Requests drawn from the first fit, to see how much ties weaken what correlations are seen."""


@dataclass(frozen=True, slots=True)
class FittedWorld:
    """Requests are the log's own, drawn with replacement within their class, with their input tokens and
    features; answers are drawn from `response`, tied together by `dependence`.

    `likeness` `(models,)` points at the model of the log that each does as.
    """

    models: tuple[Model, ...]
    seen: Answers
    response: Response
    dependence: Dependence
    likeness: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.seen.classes

    @property
    def shares(self) -> Floats:
        counts: Floats = np.bincount(self.seen.class_index, minlength=len(self.classes)) / len(self.seen)
        return counts

    def draw(self, n: int, seed: int, mix: Floats | None = None) -> Log:
        """The first n requests of a seed; what a request is does not depend on n."""
        keys = request_keys(seed, np.arange(n))
        which, rows = self._requests(keys, self.shares[None, :] if mix is None else mix)
        known = self.dependence
        common = [
            known.score[f, rows] + np.sqrt(known.doubt[f]) * normals(keys, _REQUEST, stream)
            for f, stream in enumerate(_COMMON)
        ]
        spread = np.linalg.cholesky(known.within)
        table = np.empty((4, n, len(self.models)))
        for a, (model, like) in enumerate(zip(self.models, self.likeness, strict=True)):
            subject = subject_key(model.id)
            failed = uniforms(keys, subject, _FAILS) < self.response.failure[like, which]
            own = spread @ np.stack([normals(keys, subject, stream) for stream in _OWN])
            for f in range(4):
                loading = known.loading[f, like]
                u = ndtr(loading * common[f] + np.sqrt(1.0 - loading**2) * own[f])
                drawn = self.response.draw(f, like, which, u)
                table[f, :, a] = drawn if f == 3 else np.where(failed, 0.0 * drawn, drawn)
        return Log(
            kind="full_information",
            request_ids=np.array([f"{seed}-{i}" for i in range(n)]),
            models=tuple(model.id for model in self.models),
            classes=self.classes,
            class_index=which,
            input_tokens=self.seen.input_tokens[rows],
            features={name: values[rows] for name, values in self.seen.features.items()},
            **{name: table[f] for f, name in enumerate(COLUMNS)},
        )

    def _requests(self, keys: np.ndarray, mix: Floats) -> tuple[Ints, Ints]:
        """Class and row of the log of every request, `(n,)` each."""
        edges = np.cumsum(mix, axis=1)[:, :-1]
        which = (uniforms(keys, _REQUEST, _CLASS)[:, None] * mix.sum(axis=1, keepdims=True) > edges).sum(
            axis=1
        )
        by_class = np.argsort(self.seen.class_index, kind="stable")
        sizes = np.bincount(self.seen.class_index, minlength=len(self.classes))
        starts = np.cumsum(sizes) - sizes
        within = (uniforms(keys, _REQUEST, _ROW) * sizes[which]).astype(np.int64)
        return which.astype(np.int64), by_class[starts[which] + within]

    def truth(self) -> Truth:
        """Means of the response model: exact, since the common factors leave every margin alone."""
        means = self.response.means()[:, list(self.likeness)]
        return Truth(tuple(model.id for model in self.models), self.classes, means[0], means[2], means[3])

    def with_model(self, model: Model, like: str) -> FittedWorld:
        """A model more, with luck of its own."""
        twin = next(i for i, own in zip(self.likeness, self.models, strict=True) if own.id == like)
        return replace(self, models=(*self.models, model), likeness=(*self.likeness, twin))


def fit_world(log: Log | DecisionLog, declared: Mapping[str, Model] | None = None) -> FittedWorld:
    """The world that a log shows: full information, or logged decisions with their propensities.

    `declared` models keep what is known of them. Raises LogError for an observational log.
    """
    known = declared or {}
    models = tuple(known.get(name, Model(id=name, provider="log")) for name in log.models)
    return fit_answers(answers(log), models)


def fit_answers(seen: Answers, models: tuple[Model, ...] = ()) -> FittedWorld:
    """The same from answers.

    Fits twice: the second time with correlations corrected for what ties took from them in the first.
    """
    models = models or tuple(Model(id=name, provider="log") for name in seen.models)
    response = fit_response(seen)
    world = FittedWorld(models, seen, response, fit_dependence(seen), tuple(range(len(models))))
    if not seen.full:
        return world
    drawn = answers(world.draw(CALIBRATION, seed=0))
    there, here = normal_scores(seen), normal_scores(drawn)
    attenuation = np.ones(4)
    for f in range(4):
        wanted, got = together(there[f]), together(here[f])
        if wanted > 0.02 and got > 0.02:
            attenuation[f] = float(np.clip(got / wanted, 0.3, 1.0))
    return replace(world, dependence=fit_dependence(seen, attenuation))
