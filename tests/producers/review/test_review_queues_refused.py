"""The page of reviews where the rubrics cannot be read: the reviewer is told why, as far as it helps."""

import asyncio
from typing import cast

import pytest
from plaudit_producers.review.errors import ReviewRefusal
from plaudit_producers.review.queues import ReviewQueues
from plaudit_schemas.errors import PlauditError, ServiceUnavailableError, TopicError
from plaudit_schemas.review.follower import RubricFollower
from plaudit_schemas.service.redis import RedisClient


class FailingFollower:
    """A follower whose looks all fail."""

    def __init__(self, error: PlauditError) -> None:
        self._error = error

    def look(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ServiceUnavailableError("no broker"), "Kafka does not return the rubrics; try again in a moment."),
        (
            TopicError("topic plaudit.rubrics does not exist; run `plaudit topics create`"),
            "Nothing can be reviewed: topic plaudit.rubrics does not exist; run `plaudit topics create`.",
        ),
    ],
    ids=["Kafka is away", "no topic"],
)
def test_the_refusal_says_why(error: PlauditError, told: str) -> None:
    queues = ReviewQueues(cast("RubricFollower", FailingFollower(error)), cast("RedisClient", None), "")
    with pytest.raises(ReviewRefusal) as refused:
        asyncio.run(queues.active("shop"))
    assert (refused.value.code, refused.value.detail) == ("kafka", told)
