"""`/login`: where a browser shows the same API key that applications send."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from banditroute.service.auth import READING
from banditroute.service.keyring import Keyring
from banditroute.service.pages import session
from banditroute.service.pages.desk import View
from banditroute.service.pages.site import Site

_TITLE = "Sign in"


def login_form(site: Site, request: Request, says: str = "", to: str = "/") -> Response:
    """The form that asks for a key."""
    content = site.fill(View(_TITLE, "login.html", {"says": says, "to": session.local(to)}))
    return site.page(request, "", _TITLE, content, status=401 if says else 200, nav=False)


async def login(site: Site, keyring: Keyring, request: Request) -> Response:
    """Lets a key in that may read, and sends its owner where they wanted to go."""
    form = await session.read_form(request)
    key, to = form.get("key", "").strip(), form.get("next", "/")
    caller = keyring.find(key.encode("utf-8", "replace"))
    if caller is None:
        says = (
            "That key is not known here, or was revoked. A key reads br_… and is shown once, when it is made."
        )
        return login_form(site, request, says, to)
    if caller.scopes.isdisjoint(READING):
        says = (
            "That key may not read. The pages need the scope read, or admin: "
            "banditroute keys create NAME --scope read."
        )
        return login_form(site, request, says, to)
    return session.logged_in(request, key, to)
