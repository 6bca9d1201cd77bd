"""`POST /v1/open-webui`: votes of Open WebUI, from its Event function or from its export."""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.access.callers import charge_principal
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.call_sending import batch_limit, identify_call_sender
from plaudit_producers.gateway.http.openapi import json_body, reference, results_schema
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.sending import (
    count_unreadable,
    read_aside,
    results_response,
    send_parts,
    told_problems,
)
from plaudit_producers.gateway.intake.open_webui import (
    OpenWebuiRequest,
    parse_votes,
    read_votes,
    vote_ids,
    withdrawals,
)
from plaudit_producers.gateway.intake.vote_ledger import KnownVote
from plaudit_producers.gateway.services import services_of

_VOTE: Final[Json] = {
    "type": "object",
    "description": "A record of Open WebUI's feedback, with its snapshot",
    "properties": {"id": {"type": "string"}, "data": {"type": "object"}, "meta": {"type": "object"}},
    "required": ["id", "data", "meta"],
}
_IDS: Final[Json] = {"type": "array", "items": {"type": "string"}}
_WHOLE: Final[Json] = {
    "type": "object",
    "properties": {
        "instance": {"type": "string", "description": "Which Open WebUI it is, where there are several"},
        "feedbacks": {"type": "array", "items": _VOTE},
        "deleted": {**_IDS, "description": "Ids of votes that were deleted"},
        "all": {**_IDS, "description": "Ids of all votes that there are: others are taken back"},
    },
}
SCHEMAS: Final[Json] = {
    "VoteResults": results_schema(
        {
            "id": {"type": "string"},
            "status": {"enum": ["accepted", "unchanged", "withdrawn", "unknown", "refused"]},
            "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
            "detail": {"type": "string"},
        },
        ["id", "status"],
    )
}


async def post_open_webui(request: Request) -> Response:
    """Take votes of Open WebUI: from its Event function, or a part of the export of its feedback.

    Each vote comes with its whole chat, branches included. A vote that comes again is `unchanged`. One that
    changed replaces what it said before. One that was deleted is taken back, and so is each known one that is
    not in `all`. The answer comes once Kafka has the events, with the statuses of `POST /v1/events`.
    """
    principal = await identify_call_sender(request)
    async with read_charged_body(request, principal, batch_limit(request)) as body:
        await charge_principal(request, principal, 1)
        with told_problems():
            asked = await read_aside(body, lambda: parse_votes(body))
            return results_response(await _take_votes(request, principal, asked, body))


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/open-webui",
        post_open_webui,
        tag="model calls",
        body=json_body(
            {"anyOf": [_WHOLE, _VOTE, {"type": "array", "items": _VOTE}]},
            "Votes, and what is known of others; or an export; or one vote",
        ),
        answers={
            200: DocumentedAnswer("Kafka has every vote", reference("VoteResults")),
            207: DocumentedAnswer(
                "Kafka has some votes; the others are refused for good", reference("VoteResults")
            ),
        },
        problems=(401, 403, 408, 413, 422, 429, 503),
    ),
)


class _Unit(NamedTuple):
    """Events that belong together, and what to remember or to forget once Kafka has them."""

    status: str
    records: list[Record]
    sent: Mapping[str, KnownVote] = {}
    gone: tuple[str, ...] = ()


async def _take_votes(
    request: Request, principal: Principal, asked: OpenWebuiRequest, body: bytes
) -> list[Json]:
    """Send what is new. Returns a result for each vote.

    Raises:
        ServiceUnavailableError: Redis does not answer.
        Problem: 429 or 503.
    """
    services, application = services_of(request), principal.application
    ids = [*vote_ids(asked.feedbacks), *asked.deleted]
    known = await services.votes.find(application, asked.instance, ids)
    gone = {vote_id: known[vote_id] for vote_id in asked.deleted if vote_id in known}
    if asked.all_ids is not None:
        there = asked.all_ids.union(vote_ids(asked.feedbacks))
        gone |= await services.votes.find_gone(application, asked.instance, there)
    now = time.time_ns() // 1000
    read = await read_aside(body, lambda: read_votes(asked.feedbacks, application, known, now=now))
    count_unreadable(services, len(read.refused))
    units = [_Unit("accepted", chat.records, chat.votes) for chat in read.chats]
    units += [
        _Unit("withdrawn", withdrawals(name, vote, vote.kinds, "deleted", application, now=now), {}, (name,))
        for name, vote in gone.items()
    ]
    unknown = [vote_id for vote_id in asked.deleted if vote_id not in known]
    return [
        *(
            {"id": name, "status": "refused", "reason": "invalid", "detail": why}
            for name, why in read.refused
        ),
        *({"id": name, "status": "unchanged"} for name in read.unchanged),
        *({"id": name, "status": "unknown"} for name in unknown),
        *await _send_units(request, principal, asked.instance, units),
    ]


async def _send_units(
    request: Request, principal: Principal, instance: str, units: list[_Unit]
) -> list[Json]:
    services, results = services_of(request), list[Json]()
    if not units:
        return []
    refusals = await send_parts(request, principal, [unit.records for unit in units])
    for unit, told in zip(units, refusals, strict=True):
        if told is None:
            await services.votes.update(principal.application, instance, unit.sent, unit.gone)
        results += [{"id": name, **(told or {"status": unit.status})} for name in (*unit.sent, *unit.gone)]
    return results
