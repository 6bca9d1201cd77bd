"""Live feedback for viewers of the dashboard: the newest events of the log."""

from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder, Record
from plaudit_schemas.contract.names import COMPARE_MESSAGES, UPDATE_MESSAGE
from plaudit_schemas.contract.times import range_problem
from plaudit_schemas.errors import CodecError, PlauditError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_consumers.dashboard.following import TopicFollower

AT_ONCE: Final = 300
"""Events decoded in one reading. Further ones are skipped, because the list is for people to watch."""

_LONGEST_TEXT: Final = 500
"""In characters."""
_VERDICTS: Final = {"correct", "incorrect"}


class FeedbackItem(NamedTuple):
    """One feedback: `shown` is for every viewer, `private` only for admins of the application.

    `shown["at"]` is None for a time outside the years 1 to 9999, which an old log may hold.
    """

    application: str
    shown: dict[str, Any]
    private: dict[str, Any]


class FeedbackTail:
    """Reads the end of the events topic, without a consumer group. It may skip events."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._decoder = Decoder("conversation_event", schemas_of(connection))
        self._follower = TopicFollower(connection, EVENTS)

    def poll(self) -> list[FeedbackItem]:
        """The feedback since the last call; blocks briefly. Empty if Kafka does not answer."""
        try:
            records = self._follower.poll(AT_ONCE, 0.05)
            if len(records) == AT_ONCE:
                self._follower.skip_to_end()
        except PlauditError:  # the monitor reads from the same Kafka, and reports the error
            return []
        found = [self._item(record) for record in records]
        return [item for item in found if item is not None]

    def close(self) -> None:
        """Disconnect from Kafka."""
        self._follower.close()

    def _item(self, record: KafkaRecord) -> FeedbackItem | None:
        try:
            return item_of(self._decoder.decode(record.value or b""))
        except CodecError:
            return None


def item_of(record: Record) -> FeedbackItem | None:
    """The list entry of a decoded event; None if the event is not feedback."""
    name, body = record["body"]
    at = record["occurred_at"]
    shown: dict[str, Any] = {
        "at": at if range_problem(at) is None else None,
        "application": record["application"],
        "source": record["source"],
    }
    private: dict[str, Any] = {"conversation": record["conversation_id"]}
    if name == COMPARE_MESSAGES:
        shown |= {"aspect": body["aspect"], "rater": body["rater"]["kind"], "what": "comparison"}
        private["text"] = _cut(body.get("comment"))
        return FeedbackItem(record["application"], shown, private)
    if name != UPDATE_MESSAGE:
        return None
    feedback = body["feedback"]
    shown |= {"aspect": feedback["aspect"], "rater": feedback["rater"]["kind"], "what": _what(feedback)}
    private |= {"message": body.get("message_id"), "text": _cut(_text(feedback))}
    return FeedbackItem(record["application"], shown, private)


def _what(feedback: Record) -> str:
    """The value of a feedback, without any text that a person wrote."""
    if feedback.get("value") is None:
        return "withdrawn"
    name, value = feedback["value"]
    kind = str(name.rpartition(".")[2]).lower()
    if kind == "thumb":
        return "like" if value["like"] else "dislike"
    if kind == "number":
        return f"{value['number']:g} of {value['maximum']:g}"
    if kind == "signal":
        return str(value["name"])
    # Labels are free text, except for the two verdicts.
    known = kind == "label" and set(value["labels"]) <= _VERDICTS
    return ", ".join(value["labels"]) if known else kind


def _text(feedback: Record) -> str | None:
    value: Record = (feedback.get("value") or ("", {}))[1]
    written = [value.get("text"), value.get("content"), *value.get("labels", ()), feedback.get("comment")]
    return "; ".join(text for text in written if text) or None


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ..."
