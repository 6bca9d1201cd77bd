"""What a reviewer does: take items, answer them, decline them and take answers back."""

import logging
from functools import partial
from typing import Any, Final

from plaudit_schemas.contract.names import DECLINE_REVIEW
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.review.answer_checks import problem_of, tidied
from plaudit_schemas.review.answers import (
    AnswerEvent,
    ItemAddress,
    Said,
    bodies_of,
    withdrawals_of,
    written_conversation,
)
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.rubric import Rubric

from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.review.event_ids import decline_event_id
from plaudit_producers.review.queues import OpenQueue
from plaudit_producers.review.recent_work import RecentWork
from plaudit_producers.review.sending import AnswerSender
from plaudit_producers.review.showing import Showing, found_item, no_item, replaced
from plaudit_producers.review.submissions import SentAnswers

log = logging.getLogger("plaudit.review")

_MOST_SKIPPED: Final = 50
_MOST_UNDONE: Final = 10_000


class ReviewWork:
    """The work of reviewers on one item after the other. Reviewers are rater ids, as the log has them."""

    def __init__(self, showing: Showing, sender: AnswerSender) -> None:
        self._showing, self._sender = showing, sender
        # Answers whose withdrawal is not acknowledged yet, so that an undo can be repeated.
        self._undone: dict[tuple[str, str], tuple[Answers, str]] = {}
        self._recent = RecentWork()

    async def next_item(self, at: OpenQueue, reviewer: str) -> dict[str, Any] | None:
        """The document of the next item; None if there is none for this reviewer now.

        Raises:
            ReviewRefusal: the rubric has a newer version, or was withdrawn.
        """
        if not at.active:
            raise replaced()
        for _ in range(_MOST_SKIPPED):
            claimed = await at.queue.next_item(reviewer, at.rules)
            if claimed is None:
                return None
            again = self._recent.take(at.name, reviewer, claimed.id)
            if again is not None:
                log.warning(
                    "Redis lost what a reviewer did to %s, so it is told again", printable(claimed.id)
                )
                await again()
                continue
            document = await self._showing.claimed(at, reviewer, claimed)
            if document is not None:
                return document
            # Nothing of it is left to judge. Of no interest to the log, but it must not come again.
            await at.queue.decline(claimed.id, reviewer, "nothing is left of it")
        return None

    async def open_item(self, at: OpenQueue, reviewer: str, item: str) -> dict[str, Any]:
        """The document of a named item.

        Raises:
            ReviewRefusal: it is gone, or others have taken it.
        """
        await self._showing.find(at, reviewer, item)
        claimed = await at.queue.open_item(item, reviewer, at.rules)
        if claimed is None:
            raise ReviewRefusal("taken", "This item is done, or others work on it; take the next one.")
        self._recent.take(at.name, reviewer, item)
        document = await self._showing.claimed(at, reviewer, claimed)
        if document is None:
            raise no_item()
        return document

    async def submit(self, at: OpenQueue, reviewer: str, item: str, sent: SentAnswers) -> str:
        """Answer an item. Returns what became of it, once Kafka has the answers.

        Raises:
            ReviewRefusal: the answers do not fit, the item is gone, or Kafka has not taken them. Then the
                same submission may be repeated.
        """
        shown = await self._showing.find(at, reviewer, item)
        address = shown.address(sent.candidates)
        must_fit(at.rubric, sent.answers, address)
        suggested = at.rubric.show_suggestions and sent.suggestion_shown
        said = Said(
            reviewer,
            sent.submission,
            suggestion_shown=suggested if at.rubric.show_suggestions else None,
            comment=sent.comment,
            confidence=sent.confidence,
        )
        events = bodies_of(at.rubric, address, sent.answers, said)
        packed = self._sender.pack(at.name.application, events)
        answers = tidied(at.rubric, sent.answers)
        while True:
            # The mark comes first: a crash in between leaves a slot that is kept, not an answer too many.
            outcome = await at.queue.submit(item, reviewer, sent.submission, answers)
            if outcome == "gone":
                raise no_item()
            await self._sender.send(at.name.application, packed)
            if await at.queue.acknowledge(item, reviewer, sent.submission):
                again = partial(_mark_again, at.queue, item, reviewer, sent.submission, answers)
                self._recent.add(at.name, reviewer, item, again)
                return outcome
            log.warning("Redis lost the mark of %s, so it is set again", item)

    async def decline(self, at: OpenQueue, reviewer: str, item: str, reason: str) -> None:
        """Decline an item, for good.

        Raises:
            ReviewRefusal: the item is gone, or Kafka has not taken it.
        """
        target = (await found_item(at, item)).reviewed.target
        address = ItemAddress(item, target)
        conversation = target.conversation_id or written_conversation(address, reviewer)
        about_message = target.message_id if target.kind in ("answer", "prompt", "answers") else ""
        body = {
            **({"message_id": about_message} if about_message else {}),
            "item_id": item,
            "rubric": at.rubric.name,
            "rubric_version": at.rubric.version,
            "rater": {"id": reviewer, "kind": "reviewer"},
            "reason": reason,
        }
        event = AnswerEvent(conversation, decline_event_id(item, reviewer), (DECLINE_REVIEW, body))
        await self._sender.send(at.name.application, self._sender.pack(at.name.application, [event]))
        await at.queue.decline(item, reviewer, reason)
        self._recent.add(at.name, reviewer, item, partial(at.queue.decline, item, reviewer, reason))

    async def undo(self, at: OpenQueue, reviewer: str, item: str) -> tuple[dict[str, Any], Answers]:
        """Take answers back. Returns the item, which is kept for the reviewer again, and the answers.

        Raises:
            ReviewRefusal: there are no answers, the item is gone, or Kafka has not taken the withdrawals;
                then it may be repeated.
        """
        shown = await self._showing.find(at, reviewer, item)
        answers, submission = await self._given(at, reviewer, item)
        said = Said(reviewer, submission)
        events = withdrawals_of(at.rubric, shown.address(()), answers, said)
        packed = self._sender.pack(at.name.application, events)
        self._undone[item, reviewer] = answers, submission
        while len(self._undone) > _MOST_UNDONE:
            del self._undone[next(iter(self._undone))]
        self._recent.take(at.name, reviewer, item)
        # The queue first: else the agent could meet the withdrawal, and give the free slot to somebody else.
        claimed = await at.queue.undo(item, reviewer, at.rules) or await at.queue.open_item(
            item, reviewer, at.rules
        )
        await self._sender.send(at.name.application, packed)
        await at.queue.acknowledge(item, reviewer, "")
        self._undone.pop((item, reviewer), None)
        document = None if claimed is None else await self._showing.claimed(at, reviewer, claimed)
        if document is None:
            raise no_item()
        return document, answers

    async def _given(self, at: OpenQueue, reviewer: str, item: str) -> tuple[Answers, str]:
        """The answers of a reviewer, and the submission that they came with."""
        found = await found_item(at, item)
        said = {**found.reviewed.surplus, **found.reviewed.verdicts}
        if reviewer not in said:
            if (item, reviewer) in self._undone:
                return self._undone[item, reviewer]
            raise ReviewRefusal("nothing_to_undo", "There is no answer of yours to take back.")
        submission = found.submissions.get(reviewer, "")
        if not submission and _holds_writing(at.rubric, said[reviewer]):
            raise ReviewRefusal(
                "nothing_to_undo",
                "The queue was rebuilt since you wrote this, so it is not found; ask a lead to exclude it.",
            )
        # Of answers that came back from the log nobody knows the submission; a new id is never a repeat.
        return said[reviewer], submission or new_ulid()


async def _mark_again(
    queue: ReviewQueue, item: str, reviewer: str, submission: str, answers: Answers
) -> None:
    await queue.submit(item, reviewer, submission, answers)
    await queue.acknowledge(item, reviewer, submission)


def must_fit(rubric: Rubric, answers: Answers, address: ItemAddress) -> None:
    """Refuse answers that do not fit the rubric.

    Raises:
        ReviewRefusal: with the question that is wrong.
    """
    problem = problem_of(rubric, answers, address.candidates)
    if problem is not None:
        first = problem.partition(" ")[0]
        question = first if rubric.question(first) is not None else None
        raise ReviewRefusal("answers", f"{problem}.", question=question)


def _holds_writing(rubric: Rubric, answers: Answers) -> bool:
    return any(
        question.kind in ("demonstration", "prompt") and question.name in answers
        for question in rubric.questions
    )
