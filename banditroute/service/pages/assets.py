"""The static files, held in memory and served under an address that changes with their content.

`/static/DIGEST/NAME` may be kept by browsers for ever: another content has another address. Files of each
other's folder find each other, since all share one digest.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from banditroute.errors import BanditrouteError

FOLDER = Path(__file__).parent.parent / "static"

PREFIX = "/static/"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served, by suffix; nothing else is."""

_FOREVER = "public, max-age=31536000, immutable"


class NoSuchFile(BanditrouteError):
    """There is no static file of that name."""

    code = "not_found"
    status = 404


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    packed: bytes
    media_type: str


class Assets:
    """Every static file, plain and packed."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES)
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        content = hashlib.blake2b(digest_size=8)
        for name, file in self._files.items():
            content.update(f"{name}\0{len(file.plain)}\0".encode() + file.plain)
        self.digest = content.hexdigest()

    def url(self, name: str) -> str:
        """The address of a file; KeyError for one that there is not."""
        self._files[name]
        return f"{PREFIX}{self.digest}/{name}"

    async def serve(self, request: Request) -> Response:
        """`GET /static/{digest}/{name}`. Who asks under an old digest gets today's file, not to be kept."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise NoSuchFile("There is no such file; reload the page that asked for it.")
        current = request.path_params["digest"] == self.digest
        packs = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"cache-control": _FOREVER if current else "no-store", "vary": "accept-encoding"}
        if packs:
            headers["content-encoding"] = "gzip"
        return Response(file.packed if packs else file.plain, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, gzip.compress(content, mtime=0), TYPES[path.suffix])
