"""What goes over the wire between a client and the service, both ways, whoever carries it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from banditroute import errors
from banditroute.errors import (
    BanditrouteError,
    NoEligibleModel,
    RequestError,
    TooManyRequests,
    Unreachable,
)
from banditroute.types import Candidate, Exclusion

Json = dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8400"

KEY_VARIABLE = "BANDITROUTE_API_KEY"
"""The environment variable that holds the API key of those who do not name one."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The answer to a route request, with the names of `Decision`; `raw` is the whole reply."""

    id: str
    model: str
    request_class: str
    policy: str
    variant: str | None
    experiment: str | None
    propensity: float
    state_seq: int
    fallbacks: tuple[str, ...]
    params: Mapping[str, Any]
    wants_response: bool
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...]
    raw: Json = field(repr=False)

    @property
    def decision_id(self) -> str:
        """The id, under its name in the HTTP contract."""
        return self.id


def encoded(body: object) -> bytes | None:
    """A body as JSON, numbers of numpy's kinds as any other; what JSON cannot hold is refused here."""
    if body is None:
        return None
    try:
        return json.dumps(body, allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError) as error:
        raise RequestError(
            f"This cannot be sent as JSON ({error}); send finite numbers, texts and lists."
        ) from None


def _plain(value: Any) -> object:
    """A number that is not Python's own as one that is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} is no JSON")


def common_headers(api_key: str | None) -> dict[str, str]:
    """What every request says; the key is the caller's, else that of the environment, else none."""
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(KEY_VARIABLE, "").strip() if api_key is None else api_key
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise RequestError(
            "The API key holds a space or a character that no key holds; copy it as "
            "`banditroute keys create` printed it.",
            param="api_key",
        )
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def headers_with(common: dict[str, str], key: str | None) -> dict[str, str]:
    """The headers of a request, with its idempotency key where it has one."""
    return common if key is None else {**common, "Idempotency-Key": key}


def answer(status: int, content: bytes, retry_after: str | None = None) -> Json:
    """The body of a reply, or the error that it is."""
    try:
        body = json.loads(content)
        if status == 200:
            return dict(body)
        error = body["error"]
        code, message, param = error["code"], error["message"], error.get("param")
    except (ValueError, KeyError, TypeError):
        raise Unreachable(
            f"The answer (status {status}) is not banditroute's; check that the URL is the service's own."
        ) from None
    kind = _KINDS.get(code, RequestError if status < 500 else BanditrouteError)
    if issubclass(kind, NoEligibleModel):
        raise kind(message, excluded=[Exclusion(**each) for each in error.get("excluded", ())])
    if issubclass(kind, TooManyRequests):
        raise kind(message, param=param, retry_after=_seconds(retry_after))
    raise kind(message, param=param) if issubclass(kind, RequestError) else kind(message)


def _seconds(retry_after: str | None) -> float:
    """What `Retry-After` says; something between here and the service may have written a date there."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0


_KINDS: dict[str, type[BanditrouteError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BanditrouteError)
}


def routed(reply: Json) -> Routed:
    """The answer to a route request, from its body."""
    candidates = tuple(
        Candidate(model=each["model"], propensity=each["propensity"], sd=each["sd"], **each["expected"])
        for each in reply["candidates"]
    )
    return Routed(
        reply["decision_id"],
        reply["model"],
        reply["request_class"],
        reply["policy"],
        reply["variant"],
        reply["experiment"],
        reply["propensity"],
        reply["state_seq"],
        tuple(reply["fallbacks"]),
        reply["params"],
        reply["wants_response"],
        candidates,
        tuple(Exclusion(**each) for each in reply["excluded"]),
        reply,
    )


def decision_path(decision_id: str) -> str:
    """Where a decision's receipt is."""
    return f"/v1/decisions/{quote(decision_id, safe='')}"


def state_path(min_seq: int, timeout: float) -> str:
    """Where the state is that holds event `min_seq`, waited for `timeout` seconds."""
    return f"/v1/state?{urlencode({'min_seq': min_seq, 'timeout': timeout})}"


def checked_url(url: str) -> str:
    """The address of a service, without a slash behind it."""
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.netloc or split.path.strip("/"):
        raise RequestError(f"{url!r} is not a service's URL; write it like {DEFAULT_URL}.", param="url")
    return f"{split.scheme}://{split.netloc}"


def unreachable(url: str, error: Exception) -> Unreachable:
    """What to say of a service that does not answer."""
    what = str(error) or type(error).__name__
    return Unreachable(f"The service at {url} does not answer ({what}); start it with `banditroute serve`.")
