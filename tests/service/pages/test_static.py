"""The static files: small, complete, from nowhere else, kept by browsers as long as they are the same."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from banditroute.service.pages.assets import FOLDER, Assets
from banditroute.service.pages.site import FOLDER as TEMPLATES
from tests.service.pages.visit import Read, visit

MOST = 150_000
"""Bytes of everything that a browser may be sent besides the page itself."""

ELSEWHERE = re.compile(r"""(?:https?:)?//[\w.-]+\.\w+""")
NAMED = {"http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"}
"""Addresses that files name and nobody asks for: a namespace, and where a library comes from."""


def test_all_of_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MOST


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in (*FOLDER.rglob("*"), *TEMPLATES.glob("*.html")):
        if path.is_file() and path.suffix != ".txt":
            found = set(ELSEWHERE.findall(path.read_text("utf-8"))) - NAMED
            assert not [
                one for one in found if not any(known in f"{one}/" or one in known for known in NAMED)
            ], path


def test_every_library_comes_with_its_licence() -> None:
    libraries = {path.name.split(".")[0] for path in (FOLDER / "vendor").glob("*.js")}
    assert libraries == {"htmx", "uplot"}
    for name in libraries:
        assert "permi" in (FOLDER / "vendor" / f"{name}-LICENSE.txt").read_text("utf-8").lower()


def test_files_are_kept_until_they_change(empty: str) -> None:
    page = Read.of(visit(empty, "/").text)
    asked = [str(e.attributes.get("src") or e.attributes.get("href")) for e in page.all("script", "link")]
    assert len(asked) >= 6
    for address in asked:
        plain = visit(empty, address, headers={"Accept": "*/*"})
        assert plain.status == 200
        assert "immutable" in plain.headers["cache-control"]
        assert Assets().digest in address
    old = re.sub(r"/static/\w+/", "/static/0123/", asked[-1])
    assert visit(empty, old, headers={"Accept": "*/*"}).headers["cache-control"] == "no-store"
    for bad in ("/static/0/../site.py", "/static/0/nothing.js", "/static/0/%2e%2e/%2e%2e/app.py"):
        assert visit(empty, bad, headers={"Accept": "*/*"}).status == 404


def test_another_content_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a")
    one = Assets(tmp_path)
    (tmp_path / "a.css").write_text("b")
    other = Assets(tmp_path)
    assert one.url("a.css") != other.url("a.css")
    with pytest.raises(KeyError):
        one.url("b.css")


def test_packed_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let x = 1;" * 100)
    files = Assets(tmp_path)
    packed = files._files["a.js"].packed
    assert gzip.decompress(packed) == files._files["a.js"].plain
    assert len(packed) < 200
