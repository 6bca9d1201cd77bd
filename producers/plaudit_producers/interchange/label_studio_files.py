"""Exports of Label Studio whose tasks are ours, as a format of `plaudit label`."""

from collections.abc import Iterator
from typing import Any, Final

from plaudit_producers.importers.exports import read_members
from plaudit_producers.importers.formats import Format, expect
from plaudit_producers.importers.label_studio import is_row
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import Source
from plaudit_producers.interchange.annotated import AnnotatedItem
from plaudit_producers.interchange.carried import CARRIED
from plaudit_producers.interchange.judgement_files import LabelOptions, annotation_batches
from plaudit_producers.interchange.label_studio_annotations import item_of_row, items_of_task

NAME: Final = "label-studio"


def label_studio_format(options: LabelOptions) -> Format:
    """The format of exports as JSON and JSON_MIN."""

    def judged(record: Any) -> Iterator[AnnotatedItem | ValueError]:
        expect(record, dict, "a record")
        if is_row(record):
            yield item_of_row(record, options.people)
        else:
            yield from items_of_task(record, options.people)

    def read(source: Source, _options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return annotation_batches(read_members(source), judged, options)

    return Format(
        NAME, "Label Studio: tasks of `plaudit review tasks`, as JSON or JSON_MIN", read, _recognise
    )


def _recognise(sample: Sample) -> Recognised | None:
    records = sample.objects
    if records and all(is_row(each) or "annotations" in each for each in records):
        ours = any(CARRIED in each or CARRIED in (each.get("data") or {}) for each in records)
        return Recognised(0.9, "its records are annotations of Label Studio") if ours else None
    return None
