"""The HTTP service: the one place where things are wired."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query, Response

import banditroute
from banditroute.config.settings import Settings
from banditroute.errors import StoreError
from banditroute.judge.run import judge_thread
from banditroute.router import AsyncRouter
from banditroute.routing.follow import Progress
from banditroute.routing.judging import judging_now
from banditroute.routing.tally import Tally
from banditroute.service import contract, errors
from banditroute.service.auth import Gate
from banditroute.service.controls import add_control_routes
from banditroute.service.experiments import add_experiment_routes
from banditroute.service.hot import HotApp, feedback_handler, route_handler
from banditroute.service.keyring import Keyring
from banditroute.service.metrics import add_metrics
from banditroute.service.observing import Observer
from banditroute.service.pages.routes import add_pages
from banditroute.service.pages.site import Site
from banditroute.service.replies import (
    FeedbackReply,
    ModelsReply,
    ReceiptReply,
    RouteReply,
    StateReply,
    StatusReply,
    encode,
    models_reply,
    receipt_reply,
    state_reply,
)
from banditroute.service.reports import add_report_routes
from banditroute.service.tracing import open_telemetry
from banditroute.service.traffic import Traffic
from banditroute.store import Store
from banditroute.store.keys import KeyStore

LONGEST_WAIT = 60.0
"""Seconds that `GET /v1/state` waits at most."""


def create_app(
    settings: Settings,
    store: Store | None = None,
    *,
    progress: Progress | None = None,
    keys_required: bool = False,
    loopback: bool = False,
) -> FastAPI:
    """The service of a configuration. Opens the event log and folds what is new before it returns;
    the app closes it when it ends. `keys_required` asks everybody for a key, as `[auth] required` does;
    `loopback` says that it listens for this machine alone, where whoever has no key must call it by a name of
    its own."""
    router = AsyncRouter(settings, store, progress=progress)
    keyring = Keyring(KeyStore(router.store.engine), settings.auth.requests_per_minute)

    traffic, telemetry = Traffic(settings), open_telemetry(settings)
    observer = Observer(settings, traffic, telemetry)
    judge = judge_thread(settings, router.store, observer.judged)
    tally = Tally(router.store, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keyring.start()
        if judge is not None:
            judge.start()
        tally.start()
        yield
        await asyncio.to_thread(tally.close)
        if judge is not None:
            await asyncio.to_thread(judge.close)
        keyring.close()
        site.close()
        if telemetry is not None:
            await asyncio.to_thread(telemetry.close)
        await router.close()

    app = HotApp(
        Gate(
            keyring,
            required=keys_required or settings.auth.required,
            names=frozenset(name.lower() for name in settings.server.hosts) if loopback else None,
        ),
        traffic,
        title="banditroute",
        version=banditroute.__version__,
        description="Picks a language model for each request and learns from what comes back.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    site = Site(router)
    app.refusal = site.refusal
    errors.install(app, site.refusal)
    _add_hot_routes(app, router, observer)
    _add_reading_routes(app, router)
    savings = add_report_routes(app, router)
    add_experiment_routes(app, router, site.desk.views)
    add_control_routes(app, router)
    add_metrics(app, router, observer, tally)
    _add_health(app, router, keyring)
    contract.document(app)
    add_pages(app, site, keyring, savings)
    return app


def _add_hot_routes(app: HotApp, router: AsyncRouter, observer: Observer) -> None:
    app.add_hot(
        "/v1/route",
        route_handler(router, observer),
        name="route",
        summary="Choose a model for a request",
        description="Decides only: the application calls the model itself, and then reports back.",
        openapi_extra=contract.reads(contract.ROUTE_BODY, RouteReply, 400, 413, 422, 503),
    )
    app.add_hot(
        "/v1/feedback",
        feedback_handler(router, observer),
        name="feedback",
        summary="Report what is known about decisions",
        description="One object or a list, which is stored as a whole or not at all. Whatever is known, "
        "whenever it is known: it may come late, be repeated, revised or retracted.",
        openapi_extra={
            "parameters": [contract.IDEMPOTENCY_KEY],
            **contract.reads(contract.FEEDBACK_BODY, FeedbackReply, 400, 404, 409, 413, 422, 503),
        },
    )


def _add_reading_routes(app: FastAPI, router: AsyncRouter) -> None:
    settings = router.settings

    @app.get(
        "/v1/decisions/{decision_id:path}",
        summary="The receipt of a decision, with its outcomes",
        openapi_extra=contract.answers(ReceiptReply, 404, 503),
    )
    async def decision(decision_id: str) -> Response:
        return _json(receipt_reply(await router.decision(decision_id)))

    @app.get(
        "/v1/models",
        summary="The models, in OpenAI's shape",
        openapi_extra=contract.answers(ModelsReply),
    )
    async def models() -> Response:
        return _json(models_reply(settings.models))

    @app.get(
        "/v1/state",
        summary="What is believed of each model in each class",
        openapi_extra=contract.answers(StateReply, 422, 504),
    )
    async def state(
        min_seq: Annotated[int, Query(ge=0, description="Wait until this event is folded in.")] = 0,
        timeout: Annotated[
            float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait at most.")
        ] = 10.0,
    ) -> Response:
        known = await router.folded(min_seq, timeout)
        pending = await asyncio.to_thread(router.store.pending)
        policy, at = settings.policy, time.time()
        judging = await asyncio.to_thread(judging_now, settings, router.store, at)
        alarms = await asyncio.to_thread(router.raised.accounts)
        return _json(
            state_reply(
                known,
                pending=pending,
                policy=policy.name,
                mode=policy.mode,
                prior=settings.prior,
                at=at,
                judging=judging,
                alarms=alarms,
            )
        )


def _add_health(app: FastAPI, router: AsyncRouter, keyring: Keyring) -> None:
    @app.get("/healthz", summary="Is the process alive?", openapi_extra=contract.answers(StatusReply))
    async def healthz() -> Response:
        return _json(StatusReply("ok", router.state.seq))

    @app.get(
        "/readyz",
        summary="Can it serve and write, and does it learn?",
        openapi_extra=contract.answers(StatusReply, 503),
    )
    async def readyz() -> Response:
        if router.unwritten is not None:
            raise StoreError(f"The last write failed, trying again: {router.unwritten}")
        if router.failure is not None:
            raise StoreError(f"Outcomes cannot be folded at the moment ({router.failure}); trying again.")
        if keyring.failure is not None:
            raise StoreError(f"Keys cannot be read at the moment ({keyring.failure}); trying again.")
        return _json(StatusReply("ready", router.state.seq))


def _json(reply: object) -> Response:
    return Response(encode(reply), media_type=errors.JSON)
