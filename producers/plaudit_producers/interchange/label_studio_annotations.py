"""Annotations of Label Studio on tasks of ours: from its exports (JSON, JSON_MIN) and its webhooks. Pure.

Shapes: labelstud.io/guide/export and labelstud.io/guide/webhook_reference, and a server of version 1.23.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from plaudit_producers.interchange.annotated import AnnotatedItem
from plaudit_producers.interchange.carried import CARRIED, CarriedItem, read_carried
from plaudit_producers.interchange.label_studio_results import answers_of, results_of_export, results_of_row

People = Mapping[str, str]
"""The ids of Label Studio's users -> the ids of the people here. Others are `label-studio-<id>`."""
NAMED: Final = "label-studio "
"""Begins the name of an annotation; its number follows."""
SKIPPED: Final = "skipped in Label Studio"
_AT_ONCE_S: Final = 1.0
"""An annotation that was changed within this time of its making was only made: that takes two writes."""


def items_of_task(task: Mapping[str, Any], people: People) -> Iterator[AnnotatedItem | ValueError]:
    """The annotations of a task of the export JSON; an error for one that cannot be read.

    Raises:
        ValueError: it is no task of ours.
    """
    data = _object(task.get("data"), "the task's data")
    carried = read_carried(data.get(CARRIED))
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        raise ValueError("a task must have a list of annotations; export it as JSON or JSON_MIN")  # noqa: TRY004
    for annotation in annotations:
        yield _tried(partial(_item, carried, data, annotation, people))


def item_of_row(row: Mapping[str, Any], people: People) -> AnnotatedItem:
    """The annotation in a record of JSON_MIN, which has no skips.

    Raises:
        ValueError: it is not about a task of ours, or cannot be read.
    """
    carried = read_carried(row.get(CARRIED))
    answers, comment = answers_of(carried, list(results_of_row(row, carried)), row)
    return AnnotatedItem(
        carried,
        _rater(row.get("annotator"), people),
        *_version(row, row.get("annotation_id")),
        answers,
        comment,
        edited=_is_edited(row),
        lead_time_s=_seconds(row.get("lead_time")),
    )


def items_of_webhook(payload: Mapping[str, Any], people: People) -> Iterator[AnnotatedItem | ValueError]:
    """The annotations that a webhook says were made or changed; an error for one that cannot be read.

    Raises:
        ValueError: it has no annotation with its task.
    """
    annotations, tasks = _listed(payload.get("annotation")), _listed(payload.get("task"))
    if not annotations or not tasks:
        raise ValueError("the webhook has no annotation with its task; let it send its payload")
    by_id = {task.get("id"): task for task in tasks if isinstance(task, Mapping)}
    for annotation in annotations:
        task = tasks[0]
        if len(tasks) > 1 and isinstance(annotation, Mapping):
            task = by_id.get(annotation.get("task"))
        yield _tried(partial(_item_of_task, task, annotation, people))


def annotation_ids(payload: Mapping[str, Any]) -> list[str]:
    """The ids of the annotations that a webhook says were deleted."""
    annotations = _listed(payload.get("annotations"))
    return [str(each["id"]) for each in annotations if isinstance(each, Mapping) and "id" in each]


def _item_of_task(task: Any, annotation: Any, people: People) -> AnnotatedItem:
    data = _object(_object(task, "the annotation's task").get("data"), "the task's data")
    return _item(read_carried(data.get(CARRIED)), data, annotation, people)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _item(carried: CarriedItem, data: Mapping[str, Any], annotation: Any, people: People) -> AnnotatedItem:
    annotation = _object(annotation, "an annotation")
    rater = _rater(annotation.get("completed_by"), people)
    name, version = _version(annotation, annotation.get("id"))
    edited, seconds = _is_edited(annotation), _seconds(annotation.get("lead_time"))
    if annotation.get("was_cancelled"):
        return AnnotatedItem(
            carried, rater, name, version, {}, edited=edited, skipped=SKIPPED, lead_time_s=seconds
        )
    answers, comment = answers_of(carried, list(results_of_export(annotation.get("result"))), data)
    return AnnotatedItem(
        carried, rater, name, version, answers, comment, edited=edited,
        ground_truth=bool(annotation.get("ground_truth")), lead_time_s=seconds,
    )  # fmt: skip


def _version(annotation: Mapping[str, Any], number: Any) -> tuple[str, str]:
    """A name for the annotation, and its version. All three forms have what they are made of."""
    if number is None:
        raise ValueError("an annotation has no id")
    # Numbers begin at 1 on every server, so the time of its making tells two servers apart.
    return (
        f"{NAMED}{number} of {_at(annotation, 'created_at').isoformat()}",
        _at(annotation, "updated_at").isoformat(timespec="microseconds"),
    )


def number_of(item: AnnotatedItem) -> str:
    """The id that Label Studio gave to an annotation."""
    return item.annotation.removeprefix(NAMED).partition(" ")[0]


def _is_edited(annotation: Mapping[str, Any]) -> bool:
    made, changed = _at(annotation, "created_at"), _at(annotation, "updated_at")
    return (changed - made).total_seconds() > _AT_ONCE_S


def _at(annotation: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(annotation[name])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"an annotation has no time {name}; export it from Label Studio again") from None
    if at.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return at


def _rater(user: Any, people: People) -> str:
    number = user.get("id") if isinstance(user, Mapping) else user
    if number is None:
        raise ValueError("an annotation does not say who made it (completed_by)")
    return people.get(str(number), f"label-studio-{number}")


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value >= 0 else None


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be an object")  # noqa: TRY004
    return value


def _tried(read: Callable[[], AnnotatedItem]) -> AnnotatedItem | ValueError:
    try:
        return read()
    except KeyError as error:
        return ValueError(f"an annotation lacks {error}")
    except ValueError as error:
        return error
