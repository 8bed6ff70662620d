"""The log of the process on stderr: lines for people, or one JSON object a line for machines.

A line names the decision that it is about, where there is one. What it says besides are the `FIELDS`, which
hold names and numbers. No prompt, comment or answer gets into a line: of an exception it has the kind and the
place, and what it says only where it speaks of files and connections; others repeat what they were given.
Lines are made and written by a thread of its own, so that serving never waits for whoever reads them.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from types import TracebackType
from typing import TextIO

import msgspec

from banditroute.config.telemetry import LoggingSettings
from banditroute.errors import StoreError

FIELDS = (
    "decision_id", "model", "policy", "kind", "subject", "experiment", "variant", "code", "status", "param",
)  # fmt: skip
"""What a line may say besides its message, given as `extra`."""

SAFE = (OSError, StoreError)
"""Exceptions whose sentences hold nothing that a caller sent."""

SysExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Log:
    """Writes what waits, until it is closed; the end of the process closes it too."""

    def __init__(self, listener: QueueListener) -> None:
        self._listener = listener
        self._open = True
        listener.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Writes what is left."""
        if self._open:
            self._open = False
            atexit.unregister(self.close)
            self._listener.stop()


def start_log(own: LoggingSettings, stream: TextIO | None = None) -> Log:
    """Sends what this process logs to a stream, stderr by default, as `[logging]` says."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines() if own.format == "json" else TextLines(_TEXT))
    waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
    root = logging.getLogger()
    root.handlers[:] = [_Later(waiting)]
    root.setLevel(
        logging.WARNING
    )  # libraries say little; only our own loggers are as talkative as configured
    logging.getLogger("banditroute").setLevel(own.level.upper())
    return Log(QueueListener(waiting, handler))


class _Later(QueueHandler):
    """Hands records on as they are: they are made into text by the thread that writes them."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


class _Lines(logging.Formatter):
    """Tells of an exception what happened where, but not what it was given."""

    def formatException(self, ei: SysExcInfo) -> str:  # noqa: N802 (logging's own name)
        return "" if ei[1] is None else "".join(_told(ei[1]))


class TextLines(_Lines):
    """A line for people, with the decision at its end."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        line = super().formatMessage(record)
        decision = getattr(record, "decision_id", None)
        if not decision:
            return line
        return f"{line} ({decision if str(decision).isprintable() else repr(decision)})"


class JsonLines(_Lines):
    """One JSON object: `time` (UTC), `level`, `logger`, `message`, the `FIELDS` that are known, and of what
    went wrong `exception` and `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = type(record.exc_info[1]).__name__
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _told(error: BaseException) -> Iterator[str]:
    """An exception and those that it came from, the first one first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
        yield "\n\nThen:\n"
    yield "".join(traceback.format_tb(error.__traceback__))
    yield f"{type(error).__name__}: {error}" if isinstance(error, SAFE) else type(error).__name__


def _time(at: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1.0 * 1000):03d}Z"
