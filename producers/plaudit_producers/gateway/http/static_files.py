"""Files that the gateway serves: the browser client, its types, and a page that shows the API offline."""

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.http.operations import Handler, Operation

FILES: Final = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/plaudit.js": ("plaudit.js", "text/javascript; charset=utf-8"),
    "/plaudit.d.ts": ("plaudit.d.ts", "text/plain; charset=utf-8"),
}
"""Path -> file name and media type."""


def _file_handler(name: str, media_type: str) -> Handler:
    content = (files("plaudit_producers.gateway.http") / "static" / name).read_bytes()
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    if name == "plaudit.js":
        # Pages of any origin load it as a module, and browsers load modules with CORS. It holds no secret.
        headers["Access-Control-Allow-Origin"] = "*"

    async def get_file(_request: Request) -> Response:
        return Response(content, headers=headers, media_type=media_type)

    return get_file


OPERATIONS: Final = tuple(Operation("GET", path, _file_handler(*file)) for path, file in FILES.items())
