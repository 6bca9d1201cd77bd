"""The page's routes, and how refusals become answers."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.review.queue import QueueNotReadyError
from plaudit_schemas.service.console import PageParts
from plaudit_schemas.service.redis import AWAY, connect
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from plaudit_producers.live_reader import installed_reader
from plaudit_producers.privacy import identity_hash
from plaudit_producers.review.errors import REBUILDING, RETRY_AFTER_S, ReviewRefusal
from plaudit_producers.review.leading import ReviewLead
from plaudit_producers.review.page import ReviewPage
from plaudit_producers.review.queues import ReviewQueues
from plaudit_producers.review.reading import REDIS_AWAY, ItemReader
from plaudit_producers.review.sending import AnswerSender
from plaudit_producers.review.settings import ReviewPageSettings
from plaudit_producers.review.showing import Showing
from plaudit_producers.review.working import ReviewWork

log = logging.getLogger("plaudit.review")

_REDIS_TIMEOUT_S: Final = 5.0
_QUEUE: Final = "/queues/{rubric}/{version}"
_ITEM: Final = _QUEUE + "/items/{item}"

Handle = Callable[[Request], Awaitable[Mapping[str, Any]]]


def create(connection: ConnectionSettings, settings: ReviewPageSettings) -> PageParts:
    """The parts of the page. Nothing is connected before the first request.

    Raises:
        SettingsError: a setting is wrong.
    """
    sender = AnswerSender(
        connection,
        timeout_s=settings.review_ack_timeout_s,
        identity=identity_hash(settings.review_identity_key),
    )
    client = connect(connection.redis_url.get_secret_value(), timeout_s=_REDIS_TIMEOUT_S)
    queues = ReviewQueues(RubricFollower(connection), client, connection.redis_prefix)
    reader = ItemReader(installed_reader(connection))
    showing = Showing(reader)
    page = ReviewPage(queues, ReviewWork(showing, sender), ReviewLead(showing, sender), sender)

    async def close() -> None:
        await sender.close()
        await reader.close()
        await queues.close()

    return PageParts(routes=routes_of(page), close=close)


def routes_of(page: ReviewPage) -> list[Route]:
    """The routes of a page."""
    return [
        _get("/queues", page.list_queues),
        _get(_QUEUE, page.show_queue),
        _get(_QUEUE + "/mine", page.own_figures),
        _post(_QUEUE + "/next", page.next_item),
        _post(_QUEUE + "/undo", page.undo),
        _post(_ITEM + "/open", page.open_item),
        _post(_ITEM + "/renew", page.renew),
        _post(_ITEM + "/release", page.release),
        _post(_ITEM + "/submit", page.submit),
        _post(_ITEM + "/decline", page.decline),
        _get(_QUEUE + "/quality", page.quality),
        _get(_QUEUE + "/disagreements", page.disagreements),
        _get(_ITEM + "/answers", page.answers),
        _post(_ITEM + "/adjudicate", page.adjudicate),
    ]


def _get(path: str, handle: Handle) -> Route:
    return Route(path, _answered(handle), methods=["GET"])


def _post(path: str, handle: Handle) -> Route:
    return Route(path, _answered(handle), methods=["POST"])


def _answered(handle: Handle) -> Any:
    async def answer(request: Request) -> Response:
        try:
            return _json(await handle(request))
        except ReviewRefusal as refusal:
            return _refused(refusal)
        except QueueNotReadyError:
            return _refused(ReviewRefusal("rebuilding", REBUILDING))
        except AWAY as error:
            log.warning("Redis does not answer: %s", error)
            return _refused(ReviewRefusal("redis", REDIS_AWAY))

    return answer


def _refused(refusal: ReviewRefusal) -> Response:
    document: dict[str, Any] = {"detail": refusal.detail, "code": refusal.code}
    if refusal.code == "answers":
        document["question"] = refusal.question
    answer = _json(document, refusal.status)
    if refusal.status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
