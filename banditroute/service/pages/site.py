"""How pages are answered: rendered, with the headers that keep them safe, and errors as pages for people."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

import banditroute
from banditroute.errors import BanditrouteError, NotAllowed, NotAuthenticated
from banditroute.router import AsyncRouter
from banditroute.service.keyring import Caller
from banditroute.service.pages import session
from banditroute.service.pages.assets import Assets
from banditroute.service.pages.desk import Desk, Filled, Make, Query, View
from banditroute.service.pages.formats import FILTERS
from banditroute.service.pages.kept import Kept, Piece

FOLDER = Path(__file__).parent.parent / "templates"

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "vary": "hx-request, cookie",
}
"""Headers of every page: nothing from elsewhere, no script or style within it, no frame around it."""

CHARTED = ("Overview", "Experiments")
"""Pages that draw charts, now or once there is something to draw."""

LONGEST_QUERY = 2_000


class Site:
    """The pages of a service."""

    def __init__(self, router: AsyncRouter) -> None:
        self.desk = Desk(router)
        self.assets = Assets()
        self._kept = Kept()
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals.update(
            asset=self.assets.url, hue=self.desk.hue, version=banditroute.__version__
        )
        for name in self._templates.list_templates():  # compiled now: no first visitor waits for it
            self._templates.get_template(name)

    async def show(
        self, request: Request, here: str, make: Make, *, fresh: float = 2.0, live: bool = True
    ) -> Response:
        """A view as a page, or alone where htmx asks; one that is fresh enough is shown again."""
        query = read_query(request)
        base = str(request.base_url).rstrip("/")
        key = f"{base}{request.url.path}?{urlencode(sorted(query.items()))}"

        def rendered() -> Piece:
            view = make(self.desk, query)
            return Piece(view.title, view.status, self.fill(view, base))

        shown = await self._kept.get(key, fresh, rendered)
        if request.headers.get("hx-request") == "true":
            return self.piece(shown.content, shown.status)
        live = live and shown.status == 200
        return self.page(request, here, shown.title, shown.content, status=shown.status, live=live)

    def fill(self, view: View, base: str = "") -> str:
        """The view's template, filled; any thread may. `base` is the address of the service."""
        return self._templates.get_template(view.template).render(view.values, base=base)

    def page(
        self,
        request: Request,
        here: str,
        title: str,
        content: str,
        *,
        status: int = 200,
        live: bool = False,
        nav: bool = True,
    ) -> Response:
        """A piece within the frame that all pages share."""
        caller: Caller | None = request.scope.get("state", {}).get("caller")
        policy = self.desk.settings.policy
        text = self._templates.get_template("base.html").render(
            title=title,
            content=self.safe(content),
            here=here,
            address=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            live=live,
            nav=nav,
            charts=here in CHARTED,
            admin=caller is not None and "admin" in caller.scopes,
            who=caller.name if caller is not None else "",
            token=session.token(request),
            policy=policy.name,
            mode=policy.mode if nav else "",
        )
        return HTMLResponse(text, status, HEADERS)

    def refusal(self, scope: Scope, error: BanditrouteError) -> Response | None:
        """How a person hears of an error; None for programs, who are told in JSON."""
        if not wants_page(scope):
            return None
        request = Request(scope)
        fragment = request.headers.get("hx-request") == "true"
        if isinstance(error, NotAuthenticated) and not fragment:
            return RedirectResponse(session.login_address(request.url.path, request.url.query), 303, HEADERS)
        return self.error(request, error.status, str(error), nav=not isinstance(error, NotAuthenticated))

    def error(self, request: Request, status: int, says: str, *, nav: bool = True) -> Response:
        """A page that says what went wrong."""
        title = TITLES.get(status, "This did not work")
        forbidden = status == NotAllowed.status
        content = self.fill(View(title, "error.html", {"title": title, "says": says, "forbidden": forbidden}))
        if request.headers.get("hx-request") == "true":
            return self.piece(content, status)
        return self.page(request, "", title, content, status=status, nav=nav)

    def piece(self, content: str, status: int = 200) -> Response:
        """What htmx puts into a page."""
        return HTMLResponse(content, status, HEADERS)

    @staticmethod
    def safe(content: str) -> Markup:
        """What a template rendered, for another one to take as it is."""
        return Markup(content)

    def forget(self) -> None:
        """Makes every piece anew: somebody has just changed what they show."""
        self._kept.forget()

    def close(self) -> None:
        """Ends the threads that make pages."""
        self._kept.close()
        self.desk.verdicts.close()


TITLES = {
    401: "A key is needed",
    403: "Your key does not open this",
    404: "There is nothing here",
    422: "That cannot be read",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available at the moment",
}
"""What went wrong, in a few words, by the status of the answer."""

PROGRAMS = ("/v1/", "/metrics", "/healthz", "/readyz", "/openapi.json")
"""How the paths begin that programs ask for."""


def wants_page(scope: Scope) -> bool:
    """Whether whoever asks looks at pages: a browser at an address that is no program's."""
    if scope["path"].startswith(PROGRAMS):
        return False
    headers = Headers(scope=scope)
    accepted = headers.get("accept", "")
    return "text/html" in accepted or headers.get("hx-request") == "true"


def read_query(request: Request) -> Query:
    """What the address says, shortened to what any page can mean."""
    return Filled(
        (name, value[:LONGEST_QUERY]) for name, value in request.query_params.items() if value.strip()
    )
