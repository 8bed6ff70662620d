"""The journal of a collection: `LOG.partial.jsonl`, to which what was paid for is appended.

A cell is the answer of one model to one prompt, with its verdict. Before money is promised for cells, the
journal says so (`Begun`) and is forced to disk; a cell that is complete ends the promise (`Cell`), and so
does one that came to nothing (`Lost`). What a process promised and did not live to end counts as spent, since
nobody knows better. Cells go by a digest of all that they depend on: another start finds those it needs,
with whatever sample or models it is told.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from banditroute.errors import LogError

ENDING = ".partial.jsonl"


class Begun(Struct, frozen=True, tag="begun"):
    """USD that cells may cost, by key."""

    reserved: Mapping[str, float]


class Cell(Struct, frozen=True, tag="cell", omit_defaults=True):
    """One model's answer to one prompt: what it cost by itself (`usd`), its verdict (`judge_usd`), and all of
    it with what failed on the way (`spent`). Without a verdict there is no `quality`, unless the call failed
    (`error`) and counts as such."""

    key: str
    request_id: str
    model: str
    spent: float
    usd: float = 0.0
    judge_usd: float = 0.0
    quality: float | None = None
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None


class Lost(Struct, frozen=True, tag="lost"):
    """A cell that came to nothing, and what it cost."""

    key: str
    spent: float
    why: str


Line = Begun | Cell | Lost

_decoder = msgspec.json.Decoder(Line)


class Journal:
    """The journal of the log at `out`, held by this process alone until it is closed.

    `cells` are those that are complete, by key; `spent` is what everything has cost so far, `lost` the part
    of it that came to nothing. Raises LogError where it cannot be read or is in use.
    """

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(out.name + ENDING)
        self.cells: dict[str, Cell] = {}
        self.spent = self.lost = 0.0
        self._file = _held(self.path)
        try:
            open_promises = self._read()
            self.end(Lost(key, usd, "its process ended") for key, usd in open_promises.items())
        except BaseException:
            self._file.close()
            raise

    def begin(self, reserved: Mapping[str, float]) -> None:
        """Promises money for cells; on disk when it returns."""
        self._append([Begun(reserved)])
        self.sync()

    def end(self, ended: Iterable[Cell | Lost]) -> None:
        """Ends promises; safe from the death of this process when it returns, on disk after `sync`."""
        ended = list(ended)
        self._append(ended)
        for one in ended:
            self._count(one)

    def sync(self) -> None:
        """Forces what was written to disk."""
        os.fsync(self._file.fileno())

    def close(self, *, done: bool = False) -> None:
        """Lets go of the journal, and removes it once the collection is `done`, or where nothing is in it."""
        if done or self.path.stat().st_size == 0:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _append(self, lines: Iterable[Line]) -> None:
        self._file.write(msgspec.json.Encoder().encode_lines(list(lines)))
        self._file.flush()

    def _count(self, ended: Cell | Lost) -> None:
        self.spent += ended.spent
        if isinstance(ended, Cell):
            self.cells[ended.key] = ended
        else:
            self.lost += ended.spent

    def _read(self) -> dict[str, float]:
        """Reads what is there; gives promises that were not ended. A line that was cut off goes."""
        promised: dict[str, float] = {}
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                read = _decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise LogError(
                    f"{self.path}, line {number}, is no line of a collection ({error}); move the file "
                    "away, or name another log."
                ) from None
            if isinstance(read, Begun):
                for key, usd in read.reserved.items():
                    promised[key] = promised.get(key, 0.0) + usd
            else:
                promised.pop(read.key, None)
                self._count(read)
        self._file.truncate(whole)
        self._file.seek(whole)
        return promised


def _held(path: Path) -> BinaryIO:
    """The file, opened to read and append, and locked."""
    try:
        file = path.open("a+b")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise LogError(f"Another process is writing {path}; wait for it, or name another log.") from None
    except OSError as error:
        raise LogError(
            f"{path} cannot be written ({error.strerror}); name a log in another folder."
        ) from None
    file.seek(0)
    return file
