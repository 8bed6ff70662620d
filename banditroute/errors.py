"""The errors people meet, as a tree. Each message is one plain sentence and its way out.

BanditrouteError
├── ConfigError          the configuration is wrong: file, line, what to write instead   (exit 2)
├── LogError             a log cannot be read, or cannot answer what was asked           (exit 2)
├── RequestError         what the caller sent is refused                                 (HTTP 4xx)
│   ├── NoEligibleModel  every model was excluded; carries each reason                   (HTTP 422)
│   ├── InvalidJson      the body is not JSON                                            (HTTP 400)
│   ├── NotAuthenticated an API key is missing, or is not known                          (HTTP 401)
│   ├── NotAllowed       the API key is not good for this                                (HTTP 403)
│   ├── TooLarge         the body is longer than is read                                 (HTTP 413)
│   ├── UnknownDecision  feedback or a receipt for a decision that was never made        (HTTP 404)
│   ├── Conflict         an idempotency key came back with another body                  (HTTP 409)
│   └── TooManyRequests  the API key's rate is used up; carries when to come back        (HTTP 429)
├── Unreachable          the client cannot reach the service, or does not understand it
├── UpstreamError        a model's provider refuses a call, or does not answer it        (HTTP 502)
├── NotFolded            the state does not hold an event yet; ask again                 (HTTP 504)
└── StoreError           the event log cannot be opened, read or written                 (HTTP 503)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banditroute.types import Exclusion


class BanditrouteError(Exception):
    """Base of everything this package raises on purpose; `str(error)` is fit to show to people."""

    code = "error"
    status = 500


class ConfigError(BanditrouteError):
    """A wrong key or value in the configuration, found when it is read."""

    code = "invalid_configuration"


class LogError(BanditrouteError):
    """A log that cannot be read, or that cannot identify the answer asked of it."""

    code = "invalid_log"


class RequestError(BanditrouteError):
    """A request that is refused. `param` names the offending field, where there is one."""

    code = "invalid_request"
    status = 422

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class NoEligibleModel(RequestError):
    """Limits, rules and hints left no model; `excluded` says why for each one."""

    code = "no_eligible_model"

    def __init__(self, message: str, *, excluded: Sequence[Exclusion] = ()) -> None:
        super().__init__(message)
        self.excluded = tuple(excluded)


class InvalidJson(RequestError):
    """The body cannot be parsed at all."""

    code = "invalid_json"
    status = 400


class NotAuthenticated(RequestError):
    """No API key came with the request where one is needed, or one that is unknown or was revoked."""

    code = "invalid_api_key"
    status = 401


class NotAllowed(RequestError):
    """The API key is not good for what was asked."""

    code = "not_allowed"
    status = 403


class TooLarge(RequestError):
    """The body is longer than the service reads."""

    code = "body_too_large"
    status = 413


class UnknownDecision(RequestError):
    """The decision id is not in the event log."""

    code = "unknown_decision"
    status = 404


class Conflict(RequestError):
    """An idempotency key was used before, with another body."""

    code = "idempotency_conflict"
    status = 409


class TooManyRequests(RequestError):
    """The API key sent more than its rate allows; `retry_after` says in how many seconds it may again."""

    code = "rate_limit_exceeded"
    status = 429

    def __init__(self, message: str, *, param: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message, param=param)
        self.retry_after = retry_after


class Unreachable(BanditrouteError):
    """The service does not answer, or something else answers in its place. Raised by the clients."""

    code = "unreachable"
    status = 503


class UpstreamError(BanditrouteError):
    """A model's provider refuses a call, or does not answer it. `billed` says that it may be charged all
    the same; `retry_after` in how many seconds the provider wants to be asked again, where it says so."""

    code = "upstream_error"
    status = 502

    def __init__(self, message: str, *, billed: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.billed = billed
        self.retry_after = retry_after


class NotFolded(BanditrouteError):
    """An event is durable, but was not folded into the state within the time that was allowed."""

    code = "not_folded_yet"
    status = 504


class StoreError(BanditrouteError):
    """The event log cannot be opened, read or written; nothing was acknowledged."""

    code = "store_unavailable"
    status = 503
