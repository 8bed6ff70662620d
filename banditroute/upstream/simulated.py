"""A simulated world with known truth: requests, and how each model would answer each of them.

Everything is a pure function of its keys: a request of (seed, index), an outcome of (seed, index,
model). So every policy that meets a request meets the same luck, in any order, and the truth that
a learner should find is known exactly (`SimulatedWorld.truth`). The equations are in
`docs/world.md`, the figures in `banditroute.upstream.catalogue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, log_ndtr, logit, ndtr

from banditroute.core.base import Bools, Floats, Ints
from banditroute.types import Model, Weights
from banditroute.upstream.catalogue import CLASSES, MODELS, ClassProfile, ModelProfile
from banditroute.upstream.keyed import normals, request_keys, subject_key, uniforms
from banditroute.upstream.prompts import prompt

QUALITY_SD = 0.5
"""Noise of the score, in logits."""
INPUT_SD, OUTPUT_SD, TTFT_SD, SPEED_SD = 0.5, 0.35, 0.4, 0.25
"""Sds of the logs of tokens in, tokens out, time to first token, tokens per second."""
LENGTH_SLOPE = 0.6
"""Harder requests get longer answers: log tokens per unit of difficulty."""
MAX_INPUT_TOKENS = 12_000

_REQUEST = subject_key("request")
(_CLASS, _D1, _D2, _D3, _TOKENS_IN, _STATED, _RATED, _KIND, _TEMPLATE, _TOPIC) = range(10)
(_SCORE, _TOKENS_OUT, _FIRST, _SPEED, _FAILS) = range(5)


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """A request as an application would hold it. `states_class`: the caller names the class itself."""

    index: int
    request_class: str
    prompt: str
    input_tokens: int
    max_output_tokens: int
    difficulty: float
    states_class: bool


@dataclass(frozen=True, slots=True)
class SimulatedOutcome:
    """What one model makes of one request; a failed call has no first token, no bill, quality 0.

    `feedback_arrives`: somebody scores the answer. It belongs to the request, whoever answers.
    """

    quality: float
    usd: float
    seconds: float
    ttft_seconds: float | None
    output_tokens: int
    error: bool
    feedback_arrives: bool


@dataclass(frozen=True, slots=True)
class SimulatedRequests:
    """The numbers of n requests, as arrays `(n,)`; `request_class` indexes the world's classes."""

    index: Ints
    request_class: Ints
    difficulty: Floats
    input_tokens: Ints
    states_class: Bools
    feedback_arrives: Bools


@dataclass(frozen=True, slots=True)
class SimulatedOutcomes:
    """What every model makes of n requests, as arrays `(n, k)`; no first token is NaN."""

    quality: Floats
    usd: Floats
    seconds: Floats
    ttft_seconds: Floats
    output_tokens: Ints
    error: Bools
    feedback_arrives: Bools

    def utility(self, weights: Weights) -> Floats:
        """`w_q·quality − w_c·usd − w_l·seconds − w_f·time to first token`, `(n, k)`."""
        first = np.nan_to_num(self.ttft_seconds, nan=0.0)
        return (
            weights.quality * self.quality
            - weights.usd * self.usd
            - weights.second * self.seconds
            - weights.ttft_second * first
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """Expectations over requests and luck, as arrays `(models, classes)`; failed calls included."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    quality: Floats
    usd: Floats
    seconds: Floats

    def utility(self, weights: Weights) -> Floats:
        """Expected utility `(models, classes)` of quality, USD and seconds."""
        return weights.quality * self.quality - weights.usd * self.usd - weights.second * self.seconds

    def best(self, weights: Weights) -> dict[str, str]:
        """The best model of each class."""
        winners = self.utility(weights).argmax(axis=0)
        return {name: self.models[i] for name, i in zip(self.classes, winners, strict=True)}


@dataclass(frozen=True)
class SimulatedWorld:
    """Requests and outcomes under one seed. `stated` is the share of callers who name the class."""

    seed: int = 0
    stated: float = 0.8
    profiles: tuple[ModelProfile, ...] = MODELS
    class_profiles: tuple[ClassProfile, ...] = CLASSES

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(profile.model for profile in self.profiles)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(profile.name for profile in self.class_profiles)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {profile.model.id: i for i, profile in enumerate(self.profiles)}

    def request(self, index: int) -> SimulatedRequest:
        """Request number `index`, with its prompt."""
        numbers = self.requests(np.array([index]))
        keys = request_keys(self.seed, numbers.index)
        kind, template, topic = (float(uniforms(keys, _REQUEST, s)[0]) for s in (_KIND, _TEMPLATE, _TOPIC))
        profile = self.class_profiles[int(numbers.request_class[0])]
        difficulty = float(numbers.difficulty[0])
        return SimulatedRequest(
            index=index,
            request_class=profile.name,
            prompt=prompt(profile.name, difficulty, kind, template, topic),
            input_tokens=int(numbers.input_tokens[0]),
            max_output_tokens=profile.max_output_tokens,
            difficulty=difficulty,
            states_class=bool(numbers.states_class[0]),
        )

    def outcome(self, index: int, model: str) -> SimulatedOutcome:
        """What `model` makes of request number `index`."""
        column = self._outcomes(self.requests(np.array([index])), [self.profiles[self._position[model]]])
        first = float(column.ttft_seconds[0, 0])
        return SimulatedOutcome(
            quality=float(column.quality[0, 0]),
            usd=float(column.usd[0, 0]),
            seconds=float(column.seconds[0, 0]),
            ttft_seconds=None if np.isnan(first) else first,
            output_tokens=int(column.output_tokens[0, 0]),
            error=bool(column.error[0, 0]),
            feedback_arrives=bool(column.feedback_arrives[0, 0]),
        )

    def requests(self, index: int | Ints) -> SimulatedRequests:
        """The numbers of the first n requests, or of those named by an array."""
        index = np.arange(index) if isinstance(index, int) else np.asarray(index, dtype=np.int64)
        keys = request_keys(self.seed, index)
        edges = np.cumsum([profile.share for profile in self.class_profiles])
        which = np.searchsorted(edges[:-1] / edges[-1], uniforms(keys, _REQUEST, _CLASS), side="right")
        three = np.stack([uniforms(keys, _REQUEST, stream) for stream in (_D1, _D2, _D3)])
        tokens = self._of_class("input_tokens")[which] * np.exp(
            INPUT_SD * normals(keys, _REQUEST, _TOKENS_IN)
        )
        return SimulatedRequests(
            index=index,
            request_class=which,
            difficulty=np.median(three, axis=0),
            input_tokens=_whole(tokens, MAX_INPUT_TOKENS),
            states_class=uniforms(keys, _REQUEST, _STATED) < self.stated,
            feedback_arrives=uniforms(keys, _REQUEST, _RATED) < self._of_class("feedback")[which],
        )

    def outcomes(self, index: int | Ints) -> SimulatedOutcomes:
        """What every model makes of the first n requests, or of those named by an array."""
        return self.outcomes_of(self.requests(index))

    def outcomes_of(self, requests: SimulatedRequests) -> SimulatedOutcomes:
        """What every model makes of these requests."""
        return self._outcomes(requests, self.profiles)

    def _outcomes(self, requests: SimulatedRequests, profiles: Sequence[ModelProfile]) -> SimulatedOutcomes:
        columns = [self._column(requests, profile) for profile in profiles]
        quality, usd, seconds, first, tokens, error = (
            np.stack(rows, axis=1) for rows in zip(*columns, strict=True)
        )
        rated = np.broadcast_to(requests.feedback_arrives[:, None], error.shape)
        return SimulatedOutcomes(quality, usd, seconds, first, tokens, error, rated)

    def _column(
        self, requests: SimulatedRequests, profile: ModelProfile
    ) -> tuple[Floats, Floats, Floats, Floats, Ints, Bools]:
        """One model on every request: quality, USD, seconds, time to first token, tokens, error."""
        keys, subject = request_keys(self.seed, requests.index), subject_key(profile.model.id)
        which, harder = requests.request_class, requests.difficulty - 0.5
        error = uniforms(keys, subject, _FAILS) < profile.failure
        score = self._logit_quality(profile)[which] - profile.difficulty_slope * harder
        quality = expit(score + QUALITY_SD * normals(keys, subject, _SCORE))
        length = self._of_class("output_tokens")[which] * profile.verbosity * np.exp(LENGTH_SLOPE * harder)
        tokens = _whole(
            length * np.exp(OUTPUT_SD * normals(keys, subject, _TOKENS_OUT)),
            self._of_class("max_output_tokens")[which],
        )
        first = profile.ttft_seconds * np.exp(TTFT_SD * normals(keys, subject, _FIRST))
        speed = profile.tokens_per_second * np.exp(SPEED_SD * normals(keys, subject, _SPEED))
        usd_in, usd_out = _prices(profile.model)
        return (
            np.where(error, 0.0, quality),
            np.where(error, 0.0, requests.input_tokens * usd_in + tokens * usd_out),
            first + np.where(error, 0.0, tokens / speed),
            np.where(error, np.nan, first),
            np.where(error, 0, tokens),
            error,
        )

    def truth(self) -> Truth:
        """Exact expectations: closed forms where there are, else Gauss quadrature (error below 1e-9)."""
        nodes, weights = np.polynomial.legendre.leggauss(24)
        difficulty = (nodes + 1) / 2
        mass = weights * 3 * difficulty * (1 - difficulty)
        rows = [self._expected(profile, difficulty - 0.5, mass) for profile in self.profiles]
        quality, usd, seconds = (np.stack(row) for row in zip(*rows, strict=True))
        return Truth(tuple(self._position), self.classes, quality, usd, seconds)

    def _expected(self, profile: ModelProfile, harder: Floats, mass: Floats) -> tuple[Floats, Floats, Floats]:
        """Expected quality, USD and seconds of one model in every class, over difficulty and luck."""
        z, mass_z = np.polynomial.hermite_e.hermegauss(48)
        score = self._logit_quality(profile)[:, None] - profile.difficulty_slope * harder
        quality = expit(score[:, :, None] + QUALITY_SD * z) @ (mass_z / mass_z.sum()) @ mass
        length = self._of_class("output_tokens")[:, None] * profile.verbosity * np.exp(LENGTH_SLOPE * harder)
        limit = self._of_class("max_output_tokens")[:, None]
        tokens = _capped_mean(length, OUTPUT_SD, limit) @ mass
        tokens_in = _capped_mean(self._of_class("input_tokens"), INPUT_SD, MAX_INPUT_TOKENS)
        usd_in, usd_out = _prices(profile.model)
        answered = 1 - profile.failure
        first = profile.ttft_seconds * np.exp(TTFT_SD**2 / 2)
        seconds_per_token = np.exp(SPEED_SD**2 / 2) / profile.tokens_per_second
        return (
            answered * quality,
            answered * (tokens_in * usd_in + tokens * usd_out),
            first + answered * tokens * seconds_per_token,
        )

    def _of_class(self, name: str) -> Floats:
        return np.array([getattr(profile, name) for profile in self.class_profiles], dtype=np.float64)

    def _logit_quality(self, profile: ModelProfile) -> Floats:
        medians = [in_class.quality[profile.model.id] for in_class in self.class_profiles]
        return np.asarray(logit(medians), dtype=np.float64)


def _prices(model: Model) -> tuple[float, float]:
    if model.usd_per_input_token is None or model.usd_per_output_token is None:
        raise ValueError(f"The simulated model {model.id} needs a price per input and per output token.")
    return model.usd_per_input_token, model.usd_per_output_token


def _whole(tokens: Floats, limit: float | Floats) -> Ints:
    """Whole tokens, at least one and at most the limit."""
    return np.clip(np.rint(tokens), 1, limit).astype(np.int64)


def _capped_mean(median: Floats, sd: float, limit: float | Floats) -> Floats:
    """`E[min(X, c)]` of a log-normal X with the given median and sd of its log."""
    z = np.log(limit / median) / sd
    mean = median * np.exp(sd**2 / 2) * ndtr(z - sd) + limit * np.exp(log_ndtr(-z))
    return np.asarray(mean, dtype=np.float64)
