"""Responses of Argilla 2 on records of ours, nested or flattened, as a format of `plaudit label`.

The nested form does not tell drafts and discarded responses from submitted ones; the flattened one does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from plaudit_producers.importers.argilla_answers import GivenAnswer, parts_of, ranked_groups
from plaudit_producers.importers.argilla_tables import records_of
from plaudit_producers.importers.exports import read_members
from plaudit_producers.importers.formats import Format, as_text, expect
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import Source
from plaudit_producers.interchange.annotated import AnnotatedItem
from plaudit_producers.interchange.carried import CARRIED, CarriedItem, read_carried, tie_name
from plaudit_producers.interchange.judgement_files import LabelOptions, annotation_batches
from plaudit_producers.interchange.label_studio_config import ANSWER, UP, comment_name
from plaudit_producers.interchange.label_studio_results import tied

NAME: Final = "argilla"
DISCARDED: Final = "discarded in Argilla"


def argilla_format(options: LabelOptions) -> Format:
    """The format of records as JSON: `to_json`, `to_list` and `to_dict`."""

    def judged(record: Any) -> Iterator[AnnotatedItem | ValueError]:
        return items_of_record(expect(record, dict, "a record"), options)

    def read(source: Source, _options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return annotation_batches(records_of(read_members(source)), judged, options)

    return Format(NAME, "Argilla 2: records of `plaudit review tasks` as JSON", read, _recognise)


def items_of_record(record: ReadRecord, options: LabelOptions) -> Iterator[AnnotatedItem | ValueError]:
    """What each user said of a record; an error where it cannot be read.

    Raises:
        ValueError: it is no record of ours.
    """
    carried = _carried(record)
    by_user: dict[str | None, list[GivenAnswer]] = {}
    for given in parts_of(record).answers:
        rater = given.given["rater"]
        if rater.kind == "reviewer":
            by_user.setdefault(rater.id, []).append(given)
    for user, answers in by_user.items():
        try:
            yield _item(carried, user, answers, options)
        except ValueError as error:
            yield ValueError(f"user {user}: {error}")


def _item(
    carried: CarriedItem, user: str | None, given: Sequence[GivenAnswer], options: LabelOptions
) -> AnnotatedItem:
    if not user:
        raise ValueError("a response names no user")
    if any(each.status == "draft" for each in given):
        raise ValueError("the response is a draft; submit it in Argilla")
    values = {each.question: each.value for each in given}
    discarded = any(each.status == "discarded" for each in given)
    answers, comment = ({}, None) if discarded else _answers(carried, values)
    said = json.dumps([values, discarded, options.again], sort_keys=True, default=str)
    return AnnotatedItem(
        carried,
        options.people.get(user, user),
        f"argilla {carried.address.id} by {user}",
        said,
        answers,
        comment,
        # Records have no times, so nobody knows what was said before.
        edited=True,
        skipped=DISCARDED if discarded else None,
    )


def _answers(carried: CarriedItem, values: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    rubric = carried.rubric
    ties = {tie_name(rubric, each.name): each.name for each in rubric.questions if each.kind == "ranking"}
    answers = {name: _answer(carried, name, value) for name, value in values.items() if name not in ties}
    comment = answers.pop(comment_name(rubric), None)
    for name, value in values.items():
        if name in ties:
            answers[ties[name]] = tied(carried, ties[name], as_text(value), answers.get(ties[name]))
    return answers, comment


def _answer(carried: CarriedItem, name: str, value: Any) -> Any:
    question = carried.rubric.question(name)
    if question is None or question.kind in ("text", "correction", "demonstration", "label", "labels"):
        return value
    if question.kind == "thumb":
        return value == UP
    if question.kind == "rating":
        return int(value)
    names = {f"{ANSWER}{number}": each for number, each in enumerate(carried.address.candidates, 1)}
    groups = [[names[each] for each in group if each in names] for group in ranked_groups(value)]
    return {"groups": [group for group in groups if group], "none_acceptable": False}


def _carried(record: ReadRecord) -> CarriedItem:
    metadata = record.get("metadata") if "fields" in record else record
    text = metadata.get(CARRIED) if isinstance(metadata, Mapping) else None
    if not isinstance(text, str):
        raise ValueError(  # noqa: TRY004
            f"its metadata has no {CARRIED}, so it is no record that `plaudit review tasks` wrote"
        )
    return read_carried(parse_json(text.encode()))


def _recognise(sample: Sample) -> Recognised | None:
    records = sample.objects
    if records and all(
        CARRIED in (each.get("metadata") or each) and "_server_id" in each for each in records
    ):
        return Recognised(0.9, "its records are those of Argilla")
    return None
