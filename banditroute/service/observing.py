"""What is noticed of requests to the hot routes: counted always, logged and traced where that is wanted."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError, RequestError
from banditroute.judge.watched import Judged
from banditroute.routing.fields import FeedbackFields
from banditroute.service.traffic import Traffic
from banditroute.types import Decision, Receipt

Headers = Iterable[tuple[bytes, bytes]]

_LEVELS = {"off": None, "debug": logging.DEBUG, "info": logging.INFO}

_log = logging.getLogger(__name__)


class Tracer(Protocol):
    """Whoever makes spans of what was served. `begun` is in nanoseconds since the epoch."""

    dropped: int

    def routed(self, decision: Decision, headers: Headers, begun: int) -> None: ...

    def told(
        self, items: Sequence[FeedbackFields], receipt: Receipt, headers: Headers, begun: int
    ) -> None: ...

    def refused(self, operation: str, error: Exception, headers: Headers, begun: int) -> None: ...

    def judged(self, judged: Judged) -> None: ...


class Observer:
    """Hears of every request once it is answered. Lives in the thread that serves; only `judged` is called
    by the judge's."""

    def __init__(self, settings: Settings, traffic: Traffic, tracer: Tracer | None = None) -> None:
        self.traffic = traffic
        self.tracer = tracer
        self._level = _LEVELS[settings.logging.decisions]

    def routed(self, decision: Decision, headers: Headers, begun: int) -> None:
        """A model was chosen."""
        self.traffic.decided(decision)
        if self._level is not None and _log.isEnabledFor(self._level):
            _log.log(
                self._level,
                "Decided for %s.",
                decision.model,
                extra={
                    "decision_id": decision.id,
                    "model": decision.model,
                    "policy": decision.policy,
                    "kind": decision.kind,
                    "experiment": decision.experiment,
                    "variant": decision.variant,
                },
            )
        if self.tracer is not None:
            self.tracer.routed(decision, headers, begun)

    def told(self, items: Sequence[FeedbackFields], receipt: Receipt, headers: Headers, begun: int) -> None:
        """Feedback was stored."""
        self.traffic.told(items, receipt)
        if self.tracer is not None:
            self.tracer.told(items, receipt, headers, begun)

    def refused(
        self,
        operation: str,
        error: Exception,
        headers: Headers,
        begun: int,
        items: Sequence[FeedbackFields] = (),
    ) -> None:
        """A request was refused, or failed. The sentence of the refusal is not logged: it may repeat what the
        caller sent."""
        if operation == "feedback":
            self.traffic.feedback["refused"] += 1
            _tell_refused(error, items)
        if self.tracer is not None:
            self.tracer.refused(operation, error, headers, begun)

    def judged(self, judged: Judged) -> None:
        """A judge was asked."""
        if judged.verdict is not None:
            self.traffic.judged()
        if self.tracer is not None:
            self.tracer.judged(judged)


def _field(param: str) -> str | None:
    """The field of feedback that a refusal is about; None for a name that the caller made up."""
    named = re.match(r"(?:\[\d+\]\.)?(\w+)", param)
    return named[1] if named and named[1] in FeedbackFields.__struct_fields__ else None


def _tell_refused(error: Exception, items: Sequence[FeedbackFields]) -> None:
    if not isinstance(error, BanditrouteError):
        return  # a defect, which is logged with its trace where it is answered
    named = items[0].decision_id or items[0].inference_id if len(items) == 1 else None
    param = _field(error.param) if isinstance(error, RequestError) and error.param else None
    _log.info(
        "Feedback was refused: %s.",
        error.code,
        extra={"decision_id": named, "code": error.code, "status": error.status, "param": param},
    )
