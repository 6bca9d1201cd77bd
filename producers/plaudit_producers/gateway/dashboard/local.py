"""Whether a request comes from the gateway's own machine."""

import re

from starlette.requests import Request

from plaudit_producers.gateway.dashboard.settings import is_loopback

_HOST = re.compile(r"\[([^\]]*)\]|[^:]*")
_PASSED_ON = ("forwarded", "x-forwarded-", "x-real-ip", "via")


def is_local(request: Request) -> bool:
    """Whether a request was made on this machine, for this machine; a proxy shows by its headers or its name.

    A page elsewhere whose name leads here (DNS rebinding) shows by its name, too.
    """
    found = _HOST.match(request.headers.get("host", ""))
    asked = (found[1] or found[0]) if found else ""
    came_from = request.client.host if request.client else ""
    passed_on = any(name.startswith(_PASSED_ON) for name in request.headers)
    return is_loopback(came_from) and is_loopback(asked) and not passed_on
