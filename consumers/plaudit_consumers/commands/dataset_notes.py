"""The notes that `plaudit datasets build` prints to stderr after a build."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from plaudit_schemas.settings import load

from plaudit_consumers.sink.settings import SinkSettings

if TYPE_CHECKING:
    from plaudit_consumers.datasets.manifest import Manifest


def print_notes(manifest: "Manifest", root: str, arguments: Namespace) -> None:
    """Say what is empty, and what still waits in Kafka."""
    from plaudit_consumers.datasets.notes import content_notes, waiting_note  # noqa: PLC0415  # loads Arrow
    from plaudit_consumers.datasets.waiting import waiting_records  # noqa: PLC0415  # loads Kafka's client

    notes = list(content_notes(manifest, arguments.subsets or ()))
    # A snapshot of an earlier time has what there was at that time.
    if arguments.as_of is None:
        waiting = waiting_records(root, manifest.read_to)
        notes.append(waiting_note(waiting, load(SinkSettings).rotate_minutes, root) or "")
    for note in filter(None, notes):
        print(f"note: {note}", file=sys.stderr)
