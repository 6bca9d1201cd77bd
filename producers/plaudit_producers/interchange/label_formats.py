"""The formats of `plaudit label`."""

from plaudit_producers.importers.formats import Format
from plaudit_producers.interchange.argilla_responses import argilla_format
from plaudit_producers.interchange.judgement_files import LabelOptions
from plaudit_producers.interchange.label_studio_files import label_studio_format
from plaudit_producers.interchange.verdict_files import csv_format, jsonl_format


def label_formats(options: LabelOptions) -> dict[str, Format]:
    """All of them by name, for these options."""
    made = (csv_format(options), jsonl_format(options), label_studio_format(options), argilla_format(options))
    return {form.name: form for form in made}
