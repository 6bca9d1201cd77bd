"""What a lead does: see how reviewers do, and settle what they disagree on."""

import time
from collections.abc import Callable
from typing import Any, Final

from plaudit_schemas.review.answers import Said, bodies_of

from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.review.quality.cache import QualityCache
from plaudit_producers.review.quality.figures import own_figures
from plaudit_producers.review.quality.words import disagreement_of
from plaudit_producers.review.queues import OpenQueue
from plaudit_producers.review.sending import AnswerSender
from plaudit_producers.review.showing import Showing, found_item
from plaudit_producers.review.submissions import SentAnswers
from plaudit_producers.review.working import must_fit

_QUALITY_S: Final = 10.0
_REMEMBERED_S: Final = 600.0  # longer than any figures are kept
_FEWEST_CONTROLS: Final = 5
"""Answers to control items before a reviewer is told of them: a single one would give the item away."""


class ReviewLead:
    """The figures of queues, and adjudication."""

    def __init__(
        self, showing: Showing, sender: AnswerSender, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._showing, self._sender, self._clock = showing, sender, clock
        self._quality = QualityCache(seconds=_QUALITY_S)
        self._settled: dict[str, float] = {}

    async def quality(self, at: OpenQueue) -> dict[str, Any]:
        """All figures of a queue, at most ten seconds old."""
        return await self._quality.figures(at.rubric, at.queue)

    async def own_quality(self, at: OpenQueue, reviewer: str) -> dict[str, Any] | None:
        """The figures of one reviewer, for their own eyes. None before their first answer."""
        found = own_figures(await self.quality(at), reviewer)
        if found is None:
            return None
        controls = found.get("controls")
        enough = controls is not None and controls["count"] >= _FEWEST_CONTROLS
        return {**found, "controls": controls if enough else None}

    async def disagreements(self, at: OpenQueue, reviewer: str, limit: int) -> dict[str, Any]:
        """Items that wait for an adjudicator."""
        document = await self.quality(at)
        self._forget()
        waiting = [each for each in document["disagreements"] if await self._waits(at, each["item"])]
        return {
            "items": [
                {
                    "item": each["item"],
                    "kind": each["kind"],
                    "questions": each["questions"],
                    "verdicts": len(each["answers"]),
                    "mine": reviewer in each["answers"],
                }
                for each in waiting[:limit]
            ],
            "more": len(waiting) > limit,
        }

    async def answers(self, at: OpenQueue, reviewer: str, item: str) -> dict[str, Any]:
        """An item with what everybody said of it.

        Raises:
            ReviewRefusal: the item is gone.
        """
        shown = await self._showing.find(at, reviewer, item)
        found = await found_item(at, item)
        said = [
            {"reviewer": rater, "answers": dict(answers), "surplus": surplus}
            for surplus, all_of_them in ((False, found.reviewed.verdicts), (True, found.reviewed.surplus))
            for rater, answers in all_of_them.items()
        ]
        return {
            "item": await self._showing.document(at, shown),
            "answers": said,
            "adjudicated": {rater: dict(each) for rater, each in found.reviewed.adjudicated.items()},
            "declined": dict(found.reviewed.declined),
            "reasons": list(found.reviewed.reasons),
            "questions": list(disagreement_of(at.rubric, found.reviewed)),
        }

    async def adjudicate(self, at: OpenQueue, reviewer: str, item: str, sent: SentAnswers) -> None:
        """Settle an item, and return once Kafka has the answers.

        Raises:
            ReviewRefusal: the lead answered it, nobody disagrees, the answers do not fit, the item is gone,
                or Kafka has not taken them. Then the same submission may be repeated.
        """
        shown = await self._showing.find(at, reviewer, item)
        reviewed = (await found_item(at, item)).reviewed
        if reviewer in reviewed.verdicts or reviewer in reviewed.surplus:
            raise ReviewRefusal(
                "not_allowed", "You have answered this item, so somebody else must settle it."
            )
        # Who settled it may settle it again: a repeat after an outage must not be refused.
        if reviewer not in reviewed.adjudicated and not disagreement_of(at.rubric, reviewed):
            raise ReviewRefusal("agreed", "Nothing is to be settled here; load the list again.")
        address = shown.address(sent.candidates)
        must_fit(at.rubric, sent.answers, address)
        said = Said(reviewer, sent.submission, comment=sent.comment, adjudicates=True)
        packed = self._sender.pack(at.name.application, bodies_of(at.rubric, address, sent.answers, said))
        await self._sender.send(at.name.application, packed)
        await at.queue.adjudicate(item, reviewer, sent.answers)
        self._settled[item] = self._clock()

    async def _waits(self, at: OpenQueue, item: str) -> bool:
        """Whether an item of the figures still waits: it may have been settled here since."""
        if item not in self._settled:
            return True
        found = await at.queue.find(item)
        return found is not None and bool(disagreement_of(at.rubric, found.reviewed))

    def _forget(self) -> None:
        now = self._clock()
        self._settled = {each: at for each, at in self._settled.items() if now - at < _REMEMBERED_S}
