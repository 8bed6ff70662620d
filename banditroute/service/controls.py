"""`/v1/controls`: what operators say, and what they were told."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from banditroute.errors import StoreError, TooLarge
from banditroute.router import AsyncRouter
from banditroute.routing.controls import ControlReply, ControlsReply, control_reply, record_control
from banditroute.routing.fields import ControlFields
from banditroute.routing.refusals import read_control_body
from banditroute.service import contract
from banditroute.service.errors import JSON
from banditroute.service.replies import encode

MAX_BODY = 64 * 1024
"""Bytes of a body that are read; a longer one is refused."""

_log = logging.getLogger(__name__)


def add_control_routes(app: FastAPI, router: AsyncRouter) -> None:
    """`POST` and `GET /v1/controls`."""
    controls = router.store.controls

    @app.post(
        "/v1/controls",
        summary="Reset what is believed of a model, acknowledge an alarm, start or stop an experiment",
        openapi_extra=contract.reads(contract.reference(ControlFields), ControlReply, 400, 413, 422, 503),
    )
    async def control(request: Request) -> Response:
        fields = read_control_body(await _body(request))
        who = request.state.caller.name
        event = await asyncio.to_thread(
            record_control, fields, router.settings, router.store.controls, principal=who
        )
        router.nudge()
        if fields.kind == "acknowledge":
            await _followed(router)
        return Response(encode(control_reply(event)), media_type=JSON)

    @app.get(
        "/v1/controls",
        summary="Alarms, resets and acknowledgements, in order",
        openapi_extra=contract.answers(ControlsReply, 422, 503),
    )
    async def events(
        after: Annotated[int, Query(ge=0, le=2**62, description="Only events after this number.")] = 0,
    ) -> Response:
        found = await asyncio.to_thread(controls.after, after)
        return Response(encode(ControlsReply([control_reply(event) for event in found])), media_type=JSON)


async def _followed(router: AsyncRouter) -> None:
    """Waits until the state knows of an event, so that who asks next is told of it."""
    try:
        await router.catch_up()
    except StoreError as error:  # the event is stored; the follower tries again, and /readyz tells
        _log.warning("What was acknowledged is followed a little later: %s", error)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise TooLarge(f"The body is longer than {MAX_BODY // 1024} kB; send one control event.")
    return bytes(body)
