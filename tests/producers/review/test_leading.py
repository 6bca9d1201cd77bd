"""What a lead has settled leaves the list at once, however old the figures are that the list comes from."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from plaudit_producers.review.leading import ReviewLead
from plaudit_producers.review.submissions import SentAnswers
from plaudit_schemas.review.answers import ItemAddress
from plaudit_schemas.review.claims import FoundItem, ReviewedItem

from tests.producers.review.quality.queues import rubric_of, thumbs


class Queue:
    """A queue of disputed items."""

    def __init__(self, *items: ReviewedItem) -> None:
        self.held = {each.id: each for each in items}

    async def items(self, *, chunk: int = 500) -> AsyncIterator[ReviewedItem]:
        for each in list(self.held.values())[:chunk]:
            yield each

    async def find(self, item: str) -> FoundItem:
        return FoundItem(self.held[item], b"", {})

    async def adjudicate(self, item: str, adjudicator: str, answers: Any) -> None:
        self.held[item] = self.held[item]._replace(adjudicated={adjudicator: answers})


class Sender:
    """Sends nothing."""

    def pack(self, *_: Any) -> list[Any]:
        return []

    async def send(self, *_: Any) -> None:
        return None


def test_what_was_settled_does_not_come_back_with_figures_that_are_kept() -> None:
    now, disputed = [0.0], thumbs("+-", "-+")
    queue, rubric = Queue(*disputed), rubric_of()
    at: Any = SimpleNamespace(queue=queue, rubric=rubric, name=SimpleNamespace(application="acme"))

    async def find(_at: Any, _reviewer: str, item: str) -> Any:
        address = ItemAddress(item, queue.held[item].target)
        return SimpleNamespace(address=lambda _compared: address)

    showing: Any = SimpleNamespace(find=find)
    sender: Any = Sender()
    lead = ReviewLead(showing, sender, lambda: now[0])

    async def listed() -> list[str]:
        return [each["item"] for each in (await lead.disagreements(at, "lea", 10))["items"]]

    async def work() -> None:
        assert sorted(await listed()) == sorted(each.id for each in disputed)
        sent = SentAnswers(submission="0123456789", answers={"helpful": True})
        await lead.adjudicate(at, "lea", disputed[0].id, sent)
        now[0] = 45.0
        assert await listed() == [disputed[1].id]

    asyncio.run(work())
