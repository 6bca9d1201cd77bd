"""The page's requests: who asks, for which queue, and what they get."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from plaudit_schemas.review.queue import QueueNotReadyError
from plaudit_schemas.service.console import ConsoleUser, user_of
from plaudit_schemas.service.redis import AWAY
from starlette.requests import Request

from plaudit_producers.review.access import application_of, is_lead, may_review, must_lead, must_review
from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.review.item_documents import progress_document, rubric_document
from plaudit_producers.review.leading import ReviewLead
from plaudit_producers.review.queues import OpenQueue, ReviewQueues
from plaudit_producers.review.sending import AnswerSender
from plaudit_producers.review.submissions import (
    SentAnswers,
    SentDecline,
    SentNothing,
    SentUndo,
    read_body,
)
from plaudit_producers.review.working import ReviewWork

_MOST_LISTED: Final = 200


class ReviewPage:
    """Answers the browser. Users see queues of their own application only."""

    def __init__(
        self, queues: ReviewQueues, work: ReviewWork, lead: ReviewLead, sender: AnswerSender
    ) -> None:
        self._queues, self._work, self._lead, self._sender = queues, work, lead, sender

    async def list_queues(self, request: Request) -> dict[str, Any]:
        """Every queue that concerns the user, with how far it is."""
        user = user_of(request.scope)
        found = await self._queues.active(application_of(user))
        shown = [at for at in found if is_lead(user) or may_review(user, at.rubric)]
        return {
            "person": user.person,
            "name": user.name,
            "lead": is_lead(user),
            "queues": [await self._queue(at, user) for at in shown],
        }

    async def show_queue(self, request: Request) -> dict[str, Any]:
        """A rubric with its questions."""
        at, user = await self._asked(request)
        # Guidelines may be long, and others must not wait while they are rendered.
        shown = await asyncio.to_thread(rubric_document, at.rubric)
        return {**await self._queue(at, user), **shown}

    async def next_item(self, request: Request) -> dict[str, Any]:
        """The next item for the user."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        await read_body(request, SentNothing)
        item = await self._work.next_item(at, self._reviewer(user))
        return {"item": item, "queue": await self._queue(at, user)}

    async def open_item(self, request: Request) -> dict[str, Any]:
        """A named item."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        await read_body(request, SentNothing)
        return {"item": await self._work.open_item(at, self._reviewer(user), _item(request))}

    async def renew(self, request: Request) -> dict[str, Any]:
        """Keep an item for longer."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        left = await at.queue.renew(_item(request), self._reviewer(user), at.rules)
        if left is None:
            raise ReviewRefusal(
                "lost", "The time for this item ran out. You may still answer it; others may have, too."
            )
        return {"lease_ms": left}

    async def release(self, request: Request) -> dict[str, Any]:
        """Leave an item to others."""
        at, user = await self._asked(request)
        await at.queue.release(_item(request), self._reviewer(user))
        return {}

    async def submit(self, request: Request) -> dict[str, Any]:
        """Answer an item."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        sent = await read_body(request, SentAnswers)
        outcome = await self._work.submit(at, self._reviewer(user), _item(request), sent)
        return {"outcome": outcome, **await self._after(at, user, and_next=sent.next)}

    async def decline(self, request: Request) -> dict[str, Any]:
        """Decline an item."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        sent = await read_body(request, SentDecline)
        await self._work.decline(at, self._reviewer(user), _item(request), sent.reason)
        return await self._after(at, user, and_next=sent.next)

    async def undo(self, request: Request) -> dict[str, Any]:
        """Take back the last answer, or that to a named item."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        sent, reviewer = await read_body(request, SentUndo), self._reviewer(user)
        item = sent.item or (await at.queue.reviewer_progress(reviewer)).last_item
        if item is None:
            raise ReviewRefusal("nothing_to_undo", "There is no answer of yours to take back.")
        document, answers = await self._work.undo(at, reviewer, item)
        return {"item": document, "answers": answers, "queue": await self._queue(at, user)}

    async def own_figures(self, request: Request) -> dict[str, Any]:
        """How the user does."""
        at, user = await self._asked(request)
        must_review(user, at.rubric)
        reviewer = self._reviewer(user)
        return {
            "mine": _mine(await at.queue.reviewer_progress(reviewer)),
            "quality": await self._lead.own_quality(at, reviewer),
        }

    async def quality(self, request: Request) -> dict[str, Any]:
        """How all reviewers of a queue do."""
        at, _ = await self._asked(request, lead=True)
        found = await self._lead.quality(at)
        return {name: value for name, value in found.items() if name != "disagreements"}

    async def disagreements(self, request: Request) -> dict[str, Any]:
        """What waits for an adjudicator."""
        at, user = await self._asked(request, lead=True)
        text = request.query_params.get("limit", "50")
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST_LISTED:
            raise ReviewRefusal("request", f"limit must be a number from 1 to {_MOST_LISTED}.")
        return await self._lead.disagreements(at, self._reviewer(user), int(text))

    async def answers(self, request: Request) -> dict[str, Any]:
        """An item with what everybody said of it."""
        at, user = await self._asked(request, lead=True)
        return await self._lead.answers(at, self._reviewer(user), _item(request))

    async def adjudicate(self, request: Request) -> dict[str, Any]:
        """Settle an item."""
        at, user = await self._asked(request, lead=True)
        sent = await read_body(request, SentAnswers)
        await self._lead.adjudicate(at, self._reviewer(user), _item(request), sent)
        return {"outcome": "answered"}

    async def _asked(self, request: Request, *, lead: bool = False) -> tuple[OpenQueue, ConsoleUser]:
        """The queue of a request's path, and the user who may see it."""
        user = user_of(request.scope)
        application = application_of(user)
        if lead:
            must_lead(user)
        given = request.path_params
        at = await self._queues.find(application, given["rubric"], given["version"])
        if not is_lead(user):
            must_review(user, at.rubric)
        return at, user

    def _reviewer(self, user: ConsoleUser) -> str:
        return self._sender.reviewer_of(user.person)

    async def _after(self, at: OpenQueue, user: ConsoleUser, *, and_next: bool) -> dict[str, Any]:
        """What the browser shows after an answer. It is stored by now, so no outage may hide that."""
        answer: dict[str, Any] = {"queue": await self._queue(at, user)}
        if and_next:
            # Without it the browser asks for the next item, and is told what is wrong.
            with contextlib.suppress(ReviewRefusal, QueueNotReadyError, *AWAY):
                answer["next"] = await self._work.next_item(at, self._reviewer(user))
        return answer

    async def _queue(self, at: OpenQueue, user: ConsoleUser) -> dict[str, Any]:
        progress, mine = await self._progress(at, user)
        rubric = at.rubric
        return {
            "rubric": rubric.name,
            "version": rubric.version,
            "title": rubric.title,
            "target": rubric.target,
            "overlap": rubric.overlap,
            "may_review": may_review(user, rubric),
            "progress": progress,
            "mine": mine,
        }

    async def _progress(
        self, at: OpenQueue, user: ConsoleUser
    ) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """How far a queue and the user are; None while it is being built, or Redis is away."""
        try:
            progress, mine = await asyncio.gather(
                at.queue.progress(), at.queue.reviewer_progress(self._reviewer(user))
            )
        except AWAY:  # the rubrics are known all the same
            return None, None
        return (progress_document(progress), _mine(mine)) if progress.ready else (None, None)


def _mine(progress: Any) -> Mapping[str, Any]:
    # What is of the random share is left out: it would tell a reviewer which items are.
    return {name: getattr(progress, name) for name in ("answered", "declined", "leased", "last_item")}


def _item(request: Request) -> str:
    item: str = request.path_params["item"]
    return item
