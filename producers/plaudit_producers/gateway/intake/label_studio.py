"""Webhooks of Label Studio: what one says, and what is sent for it. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import COMPARE_MESSAGES, EXCLUDE_FROM_TRAINING, UPDATE_MESSAGE
from plaudit_schemas.contract.words import rater_slot
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.review.answers import AnswerEvent

from plaudit_producers.gateway.intake.annotation_ledger import KnownAnnotation
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.interchange.annotated import AnnotatedItem, events_of, record_of, takes_back
from plaudit_producers.interchange.label_studio_annotations import (
    People,
    annotation_ids,
    items_of_webhook,
    number_of,
)

MADE: Final = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")
DELETED: Final = "ANNOTATIONS_DELETED"
SOURCE: Final = "gateway"


@dataclass(frozen=True, slots=True)
class AnnotationNews:
    """What a webhook says.

    Attributes:
        items: annotations that were made or changed.
        deleted: ids of those that were deleted.
        refused: why others cannot be read.
    """

    items: tuple[AnnotatedItem, ...] = ()
    deleted: tuple[str, ...] = ()
    refused: tuple[str, ...] = field(default=())

    def numbers(self) -> list[str]:
        """The ids of all annotations that it names."""
        return [*map(number_of, self.items), *self.deleted]


class AnnotationUnit(NamedTuple):
    """Events that belong together, and what to remember of the annotation once Kafka has them.

    Attributes:
        known: None if it is to be forgotten.
    """

    number: str
    status: str
    records: list[Record]
    known: KnownAnnotation | None


def read_webhook(body: bytes, people: People) -> AnnotationNews:
    """Read a webhook's body. One of another action says nothing.

    Raises:
        InvalidEventError: it is none.
    """
    try:
        payload = parse_json(body)
        if not isinstance(payload, dict) or "action" not in payload:
            raise InvalidEventError("the body is no webhook of Label Studio: it has no action")
        if payload["action"] == DELETED:
            return AnnotationNews(deleted=tuple(annotation_ids(payload)))
        found = list(items_of_webhook(payload, people)) if payload["action"] in MADE else []
    except ValueError as error:
        raise InvalidEventError(str(error)) from None
    return AnnotationNews(
        items=tuple(each for each in found if isinstance(each, AnnotatedItem)),
        refused=tuple(str(each) for each in found if isinstance(each, ValueError)),
    )


def units_of(
    news: AnnotationNews, known: Mapping[str, KnownAnnotation], application: str, *, now: int
) -> tuple[list[AnnotationUnit], list[tuple[str, str]]]:
    """What is sent for the annotations, and for those of which nothing can be sent the reason, by their ids.

    An annotation of which the same or a later version is known is not sent.

    Args:
        now: the time of the events, in microseconds since 1970.
    """
    units: list[AnnotationUnit] = []
    refused: list[tuple[str, str]] = []
    for item in news.items:
        number = number_of(item)
        before = known.get(number)
        if before is not None and item.version <= before.version:
            units.append(AnnotationUnit(number, "unchanged", [], before))
            continue
        try:
            events = _events(item, before, application)
        except ValueError as error:
            refused.append((number, str(error)))
            continue
        records = [record_of(application, event, SOURCE, now=now) for event in events]
        after = KnownAnnotation(item.version, takes_back(item))
        units.append(AnnotationUnit(number, "accepted", records, after))
    for number in news.deleted:
        gone = known.get(number)
        taken = [] if gone is None else gone.taking_back
        records = [record_of(application, event, SOURCE, now=now) for event in taken]
        units.append(AnnotationUnit(number, "unknown" if gone is None else "withdrawn", records, None))
    return units, refused


def _events(item: AnnotatedItem, before: KnownAnnotation | None, application: str) -> list[AnswerEvent]:
    theirs = item.carried.rubric.application
    if theirs != application:
        raise ValueError(f"the task is about application {theirs}, and the key belongs to {application}")
    events = events_of(item)
    said = {_place(event) for event in events}
    # What the version before said elsewhere, such as a demonstration, which is a message of its version.
    old = [] if before is None else [event for event in before.taking_back if _place(event) not in said]
    return [*old, *events]


def _place(event: AnswerEvent) -> Any:
    """What an event says something about: events of one place replace each other."""
    name, body = event.body
    if name == UPDATE_MESSAGE:
        slot = rater_slot(body.get("message_id") or "", body["feedback"], None)
    elif name in (COMPARE_MESSAGES, EXCLUDE_FROM_TRAINING):
        slot = body.get("comparison_id") or body["message_id"]
    else:
        slot = event.event_id
    return event.conversation_id, name, slot


def statuses(units: Iterable[AnnotationUnit], told: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The result of each annotation.

    Args:
        told: annotation id -> why its events were refused.
    """
    return [{"id": unit.number, "status": unit.status, **told.get(unit.number, {})} for unit in units]
