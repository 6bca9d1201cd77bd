"""Which answers a scorer scores, by its settings."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.scoring.answers import NewAnswer, Skips, answers_of, in_sample, split_late
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.settings import ScorerSettings


class AnswerSelection:
    """The sample, and what to do with answers that are late."""

    def __init__(
        self,
        settings: ScorerSettings,
        overtaken: OvertakenMessages,
        partitions: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`partitions` of the events topic, to tell which records are misplaced."""
        self._overtaken = overtaken
        self._sample, self._clock = settings.scorer_sample, clock
        self._max_lag_s = settings.scorer_max_lag_s if settings.scorer_lag_policy == "skip" else None
        self._rules = Rules(partitions=partitions)

    def select(self, messages: Sequence[tuple[KafkaRecord, Record]], skips: Skips) -> list[NewAnswer]:
        """The answers to score: those among messages, and earlier ones that overtook one of these.

        `skips` counts answers that do not belong to the sample, and what is no answer to score.
        """
        found = answers_of(messages, self._rules, skips)
        sampled = [answer for answer in found if in_sample(answer, self._sample)]
        if len(sampled) < len(found):
            skips["sample"] += len(found) - len(sampled)
        return list(dict.fromkeys([*sampled, *self._overtaking(messages)]))

    def _overtaking(self, messages: Iterable[tuple[KafkaRecord, Record]]) -> Iterator[NewAnswer]:
        for _, event in messages:
            key = f"{event['application']}/{event['conversation_id']}"
            yield from self._overtaken.come(key, event["body"][1].get("message_id", ""))

    def leave_late(self, answers: Sequence[NewAnswer], skips: Skips) -> list[NewAnswer]:
        """The answers that are not too late now, by this machine's clock; `skips` counts the others."""
        if self._max_lag_s is None:
            return list(answers)
        kept, late = split_late(answers, (self._clock() - self._max_lag_s) * 1000)
        if late:
            skips["lag"] += late
        return kept
