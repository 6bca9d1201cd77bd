"""Label Studio's exports: JSON, one task with all its annotations, and JSON_MIN, one annotation in a record.

Shapes: labelstud.io/guide/task_format and the tags' pages (Pairwise, Rating, Ranker, ...), and exports of a
server of version 1.23. An export does not hold the labelling configuration, so the names of a task's fields
tell what they are (`shown_fields`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.annotations import Given
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.exports import export_file, fit_tags
from plaudit_producers.importers.formats import as_text, expect
from plaudit_producers.importers.label_studio_results import add_results, names_of
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.shown_fields import ShownFields, add_fields, choose_fields, other_fields

OURS: Final = "plaudit"
"""The field of a task's data by which tasks of `plaudit review tasks` are known."""
_ROW_FIELDS: Final = (
    "id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "project",
    "meta",
)  # fmt: skip
_KEYS: Final = {
    "selected": "pairwise", "rating": "rating", "number": "number", "choices": "choices",
    "taxonomy": "taxonomy", "ranker": "ranker", "labels": "labels", "text": "textarea",
}  # fmt: skip
"""The field of a value that tells its type, which JSON_MIN leaves out."""


def build_label_studio(chat: Chat, records: Sequence[ReadRecord]) -> None:
    """Add a task of the export JSON, or the records of JSON_MIN that belong to one task."""
    if is_row(records[0]):
        _build_rows(chat, records)
    else:
        _build_task(chat, records[0])


def task_of(record: Any) -> Any:
    """Return the id of the task that a record of JSON_MIN belongs to; None for a whole task.

    Raises:
        ValueError: it is neither.
    """
    if is_row(record):
        return record.get("id")
    if "data" not in expect(record, dict, "a task") or "annotations" not in record:
        raise ValueError("a task must have data and annotations, and a record of JSON_MIN an annotation_id")
    return None


def is_row(record: Any) -> bool:
    """Whether a record is one of JSON_MIN."""
    return isinstance(record, dict) and "annotation_id" in record and "annotations" not in record


def _build_task(chat: Chat, task: ReadRecord) -> None:
    annotations = [
        expect(each, dict, "an annotation") for each in expect(task["annotations"], list, "annotations")
    ]
    truths = [annotation["id"] for annotation in annotations if annotation.get("ground_truth")]
    data = expect(task["data"], dict, "data")
    shown = _start(chat, data, task, names=list(data), compared=_compared(annotations), truths=truths)
    for annotation in annotations:
        annotation.skip("id", "unique_id", "task", "result_count")
        given = _given(annotation.get("completed_by"), annotation)
        if annotation.get("was_cancelled"):
            chat.decline_review(as_text(task.get("id", "")) or "task", reason="was_cancelled", **given)
        else:
            add_results(chat, shown, annotation["result"], given)
        _add_lead_time(chat, annotation, given)
    for prediction in task.get("predictions") or ():
        if isinstance(prediction, dict):  # an export may hold their ids only
            add_results(chat, shown, prediction["result"], _given_by_model(prediction))
    chat.end()


def _build_rows(chat: Chat, rows: Sequence[ReadRecord]) -> None:
    said = {name for row in rows for name in _result_names(row)}
    names = [name for name in rows[0] if name not in said and name not in _ROW_FIELDS]
    shown = _start(chat, rows[0], rows[0], names=names)
    for row in rows:
        row.skip(*names)  # each record of a task has its data again
        given = _given(row.get("annotator"), row)
        results = [
            ReadRecord({"type": kind, "from_name": name, "value": value}.items())
            for name in _result_names(row)
            for kind, value in _values_of(row[name])
        ]
        add_results(chat, shown, results, given)
        _add_lead_time(chat, row, given)
    chat.end()


def _start(
    chat: Chat,
    data: ReadRecord,
    task: Mapping[str, Any],
    *,
    names: Sequence[str],
    compared: Sequence[str] = (),
    truths: Sequence[Any] = (),
) -> ShownFields:
    if isinstance(data.peek(OURS), dict):
        raise ValueError(  # noqa: TRY004
            "the task was written by `plaudit review tasks`; `plaudit label` sends its annotations to the "
            "conversation that it is about, and a second conversation of it would be counted twice"
        )
    choice = choose_fields(data, names, compared)
    tags = {name: as_text(task[name]) for name in ("project", "meta") if task.get(name)}
    if task.get("id") is not None:
        tags["original_id"] = as_text(task["id"])
    if truths:
        tags["ground_truth"] = as_text(truths)
    chat.start(tags=fit_tags(chat, {**tags, **other_fields(data, names, choice)}))
    return add_fields(chat, data, choice)


def _compared(annotations: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names that pairwise results compare; of three or more objects it is left open which."""
    results = [result for annotation in annotations for result in annotation.get("result") or ()]
    return [
        name
        for result in results
        if result.get("type") == "pairwise"
        for name in names_of(result.get("to_name") or "")
    ]


def _given(annotator: Any, annotation: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(annotator, dict):
        annotator = annotator["id"]
    rater = Rater(id=None if annotator is None else as_text(annotator), kind="reviewer")
    # The time of the last change, since an export holds what the annotation says now.
    at = annotation.get("updated_at") or annotation.get("created_at")
    return {"rater": rater, **at_time(at, "updated_at")}


def _given_by_model(prediction: Mapping[str, Any]) -> dict[str, Any]:
    score = prediction.get("score")
    sure = {"confidence": score} if isinstance(score, int | float) and 0 <= score <= 1 else {}
    rater = Rater(id=prediction.get("model_version") or "prediction", kind="model")
    at = prediction.get("updated_at") or prediction.get("created_at")
    return {"rater": rater, **sure, **at_time(at, "updated_at")}


def _add_lead_time(chat: Chat, annotation: Mapping[str, Any], given: Given) -> None:
    if annotation.get("lead_time") is not None:
        chat.signal(None, "lead_time_seconds", annotation["lead_time"], **given)


def _result_names(row: ReadRecord) -> list[str]:
    """The controls' names: between the task's id and the annotator, or with a value that looks like one."""
    names = list(row)
    after_id = set(names[names.index("id") + 1 :]) if "id" in row else set()
    before = set(names[: names.index("annotator")]) if "annotator" in row else set(names)
    return [
        name
        for name in names
        if name not in _ROW_FIELDS
        and (name in after_id & before or list(_values_of(row.peek(name), strict=True)))
    ]


def _values_of(value: Any, *, strict: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the type and the value of each result of a control. Single texts and choices are shortened."""
    if isinstance(value, str) and not strict:
        yield "text", {"text": [value]}
    elif isinstance(value, dict) and "choices" in value:
        yield "choices", value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                for key, kind in _KEYS.items():
                    if key in item:
                        yield kind, item


def _recognise(sample: Sample) -> Recognised | None:
    records = sample.objects
    if records and all(
        isinstance(each.get("data"), dict) and isinstance(each.get("annotations"), list) for each in records
    ):
        return Recognised(0.9, "its records are tasks with data and annotations")
    if records and all(is_row(each) and "annotator" in each for each in records):
        return Recognised(0.9, "its records have an annotator and an annotation_id, as JSON_MIN")
    return None


FORMAT = export_file(
    "label-studio",
    build_label_studio,
    help="Label Studio: an export as JSON or JSON_MIN",
    recognises=_recognise,
    key_of=task_of,
    adjacent=True,
)
