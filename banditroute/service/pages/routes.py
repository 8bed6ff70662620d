"""The addresses of the pages. Views are made in threads of their own; handlers only answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from banditroute.errors import BanditrouteError
from banditroute.routing.controls import record_control
from banditroute.routing.fields import ControlFields
from banditroute.routing.refusals import convert
from banditroute.service.keyring import Keyring
from banditroute.service.pages import session, trying
from banditroute.service.pages.calculating import calculator_page
from banditroute.service.pages.decisions import decisions_page
from banditroute.service.pages.desk import Desk, Filled, Make, Query, View
from banditroute.service.pages.documents import docs_page
from banditroute.service.pages.experiments import experiment_page, experiments_page
from banditroute.service.pages.login import login, login_form
from banditroute.service.pages.models import models_page
from banditroute.service.pages.overview import overview_page
from banditroute.service.pages.receipt import receipt_page
from banditroute.service.pages.site import HEADERS, Site
from banditroute.service.reports import Reports, SavingsKey
from banditroute.types import Decision

Answer = Callable[[Request], Awaitable[Response]]


def add_pages(app: FastAPI, site: Site, keyring: Keyring, savings: Reports[SavingsKey]) -> None:
    """Adds every page to the app; none is in its OpenAPI document."""

    async def static(request: Request) -> Response:
        return await site.assets.serve(request)

    async def docs(request: Request) -> Response:
        made = partial(_documented, app)
        return await site.show(request, "API", made, fresh=3_600.0, live=False)

    async def form(request: Request) -> Response:
        return login_form(site, request, to=request.query_params.get("next", "/"))

    async def signed_in(request: Request) -> Response:
        return await login(site, keyring, request)

    async def signed_out(request: Request) -> Response:
        session.check_token(request, await session.read_form(request))
        return session.logged_out(request)

    def viewed(here: str, make: Make, *, fresh: float = 2.0, live: bool = True) -> Answer:
        async def shown(request: Request) -> Response:
            site.desk.savings.serve(savings, asyncio.get_running_loop())
            return await site.show(request, here, make, fresh=fresh, live=live)

        return shown

    async def receipt(request: Request) -> Response:
        decision_id = request.path_params["decision_id"]

        def made(desk: Desk, _: Query) -> View:
            return receipt_page(desk, decision_id)

        return await site.show(request, "Decisions", made, fresh=1.0)

    async def experiment(request: Request) -> Response:
        name = request.path_params["name"]

        def made(desk: Desk, _: Query) -> View:
            return experiment_page(desk, name)

        return await site.show(request, "Experiments", made)

    async def tried(request: Request) -> Response:
        return await _tried(site, request)

    async def told(request: Request) -> Response:
        return await _control(site, request)

    get = partial(app.add_api_route, methods=["GET"], include_in_schema=False)
    post = partial(app.add_api_route, methods=["POST"], include_in_schema=False)
    get("/", viewed("Overview", overview_page))
    get("/models", viewed("Models", models_page))
    get("/decisions", viewed("Decisions", decisions_page))
    get("/decisions/{decision_id:path}", receipt)
    get("/experiments", viewed("Experiments", experiments_page))
    get("/experiments/{name:path}", experiment)
    get("/try", viewed("Try it", trying.try_page, fresh=0.0, live=False))
    post("/try", tried)
    get("/calculator", viewed("Calculator", calculator_page, live=False))
    get("/docs", docs)
    get("/login", form)
    post("/login", signed_in)
    post("/logout", signed_out)
    post("/controls", told)
    get("/static/{digest}/{name:path}", static)


def _documented(app: FastAPI, _: Desk, __: Query) -> View:
    return docs_page(app.openapi())


async def _tried(site: Site, request: Request) -> Response:
    """The answer to the form of `/try`: alone for htmx, within the page for everybody else."""
    form = Filled(await session.read_form(request))
    sent: dict[str, object] = {}
    made: Decision | BanditrouteError
    try:
        fields, sent = trying.read_fields(form)
        _, made = await site.desk.router.apart(fields)
    except BanditrouteError as error:
        made = error

    def rendered() -> Response:
        answer = site.fill(trying.answer(site.desk, form, sent, made))
        if request.headers.get("hx-request") == "true":
            return site.piece(answer)
        values = trying.form_values(site.desk, form) | {"answer": site.safe(answer)}
        return site.page(request, "Try it", "Try it", site.fill(View("Try it", "try.html", values)))

    return await asyncio.to_thread(rendered)  # the text may be a long one


async def _control(site: Site, request: Request) -> Response:
    """What an operator says on a page: an alarm was seen to, an experiment starts or stops."""
    form = Filled(await session.read_form(request))
    session.check_token(request, form)
    said: dict[str, object] = {"kind": form["kind"], "subject": form["subject"]}
    if form["running"]:
        said["running"] = {"true": True, "false": False}.get(form["running"], form["running"])
    fields = convert(said, ControlFields)
    desk, who = site.desk, request.state.caller.name
    await asyncio.to_thread(record_control, fields, desk.settings, desk.controls, principal=who)
    desk.router.nudge()
    site.forget()
    return RedirectResponse(session.local(form["next"]), 303, HEADERS)
