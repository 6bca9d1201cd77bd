"""Files that the gateway serves: the browser client, its types, and a page that shows the API offline."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/plaudit.js": ("plaudit.js", "text/javascript; charset=utf-8"),
    "/plaudit.d.ts": ("plaudit.d.ts", "text/plain; charset=utf-8"),
}


def _serve(path: str, name: str, media_type: str) -> None:
    content = (files("plaudit_producers.gateway") / "static" / name).read_bytes()
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    if name == "plaudit.js":
        # A module is fetched with CORS, from whatever page; there is nothing secret in it.
        headers["Access-Control-Allow-Origin"] = "*"

    @router.get(path)
    async def get_file() -> Response:
        return Response(content, headers=headers, media_type=media_type)


for _path, (_name, _media_type) in FILES.items():
    _serve(_path, _name, _media_type)
