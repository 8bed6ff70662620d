"""Which models a provider serves: `GET /models` of OpenAI's dialect."""

from __future__ import annotations

import os
from collections.abc import Mapping

import aiohttp
import msgspec

from banditroute.config.settings import Upstream
from banditroute.errors import UpstreamError
from banditroute.upstream.openai import BASE_URL, authorization, refusal

SECONDS = 20.0


async def served_models(
    upstream: Upstream, *, timeout: float = SECONDS, environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """The names of the models that an upstream serves, sorted.

    Raises UpstreamError where it does not say, ConfigError where its key is missing.
    """
    url = f"{(upstream.base_url or BASE_URL).rstrip('/')}/models"
    limits = aiohttp.ClientTimeout(total=timeout)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, headers=authorization(upstream, environ)) as session,
            session.get(url, allow_redirects=False) as reply,  # a redirect would carry the key elsewhere
        ):
            content = await reply.read()
            if reply.status != 200:
                raise refusal(upstream.name, reply.status, reply.headers, content)
    except (aiohttp.ClientError, TimeoutError) as error:
        what = "no answer in time" if isinstance(error, TimeoutError) else str(error) or "cut off"
        raise UpstreamError(
            f"{upstream.name} does not say which models it serves ({what}); see base_url and the network."
        ) from error
    try:
        return tuple(sorted({str(entry["id"]) for entry in msgspec.json.decode(content)["data"]}))
    except (msgspec.DecodeError, LookupError, TypeError) as error:
        raise UpstreamError(
            f"The list of models of {upstream.name} is not in OpenAI's dialect ({error}); see that base_url "
            "is the address of its API, as in https://api.openai.com/v1."
        ) from error
