"""Looking at pages as a browser does, without one: requests, and HTML read by the standard parser."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from tests.service.live import PATIENCE

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"))
"""HTML's elements without an end."""


@dataclass
class Page:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    text: str
    cookie: str = ""


def visit(
    where: str,
    path: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Page:
    """Asks for a page, or sends a form, as a browser would."""
    connection = http.client.HTTPConnection(where, timeout=PATIENCE)
    sent = {"Accept": "text/html,*/*;q=0.8", **(headers or {})}
    try:
        if form is None:
            connection.request("GET", path, headers=sent)
        else:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{where}"}
            connection.request("POST", path, urlencode(form), sent)
        reply = connection.getresponse()
        text = reply.read().decode("utf-8")
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Page(reply.status, named, text, named.get("set-cookie", "").partition(";")[0])
    finally:
        connection.close()


@dataclass
class Element:
    """A start tag, the tags around it and the text within it."""

    tag: str
    attributes: dict[str, str | None]
    around: tuple[str, ...]
    text: str = ""


@dataclass
class Read(HTMLParser):
    """A page read strictly: every element is closed by its own end tag."""

    elements: list[Element] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []

    @classmethod
    def of(cls, text: str) -> Read:
        read = cls()
        read.feed(text)
        read.close()
        read.problems += [f"<{one.tag}> is not closed" for one in read._open]
        return read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len({name for name, _ in attrs}) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        element = Element(tag, dict(attrs), tuple(one.tag for one in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), tuple(one.tag for one in self._open)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.problems.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """The elements with one of these tags."""
        return [element for element in self.elements if element.tag in tags]
