"""The address of the event log: `sqlite:///FILE` or `memory://`.

The file's path is percent-encoded, as in any address: `%3F` stands for a question mark, `%25` for a
percent sign. Every other character may stand for itself.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from banditroute.config.checks import Refused

MEMORY = "memory://"

_SQLITE = "sqlite:///"


def log_file(url: str) -> Path | None:
    """The file behind an address, relative where it is written so; None for the memory.

    Raises Refused. The sentence does not repeat the address, which may hold a password.
    """
    if url == MEMORY:
        return None
    written = url.removeprefix(_SQLITE)
    if written in (url, "", ":memory:"):
        raise Refused(f"is not supported; write {_SQLITE}file.db or {MEMORY}.")
    if "?" in written:
        raise Refused("takes no options; leave out what follows the ?, or write %3F for one in a name.")
    file = unquote(written)
    if "\0" in file:
        raise Refused(f"holds the character NUL; write {_SQLITE}file.db.")
    return Path(file)


def beside(url: str, folder: Path) -> str:
    """The address with its file in `folder`, where it is relative."""
    file = log_file(url)
    if file is None or file.is_absolute():
        return url
    encoded = str(folder).replace("%", "%25").replace("?", "%3F")
    return f"{_SQLITE}{encoded}/{url.removeprefix(_SQLITE)}"
