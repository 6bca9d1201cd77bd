"""What the gateway has sent of annotations of other tools, in Redis: a deletion says no more than their ids.

Losing it loses no annotation. Only those that are deleted afterwards are not found any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from plaudit_schemas.review.answers import AnswerEvent

from plaudit_producers.gateway.intake.redis_ledger import RedisLedger


class KnownAnnotation(NamedTuple):
    """What Kafka has of one annotation.

    Attributes:
        version: later ones are greater.
        taking_back: the events that would take back what it says.
    """

    version: str
    taking_back: Sequence[AnswerEvent]


class AnnotationLedger:
    """The known annotations of each application and each server of a tool."""

    def __init__(self, redis: Any, prefix: str) -> None:
        self._rows = RedisLedger(redis, f"{prefix}plaudit:annotations:", "annotations")

    async def find(self, application: str, server: str, names: Iterable[str]) -> dict[str, KnownAnnotation]:
        """The known ones among some annotations, by their ids.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        rows = await self._rows.find(application, server, names)
        return {name: _known(row) for name, row in rows.items()}

    async def update(
        self, application: str, server: str, sent: Mapping[str, KnownAnnotation], gone: Iterable[str]
    ) -> None:
        """Remember annotations that Kafka has, and forget those that were deleted.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        rows = {
            name: orjson.dumps((each.version, *(tuple(event) for event in each.taking_back)))
            for name, each in sent.items()
        }
        await self._rows.update(application, server, rows, gone)


def _known(row: bytes) -> KnownAnnotation:
    version, *events = orjson.loads(row)
    return KnownAnnotation(
        version, [AnswerEvent(conversation, event_id, tuple(body)) for conversation, event_id, body in events]
    )
