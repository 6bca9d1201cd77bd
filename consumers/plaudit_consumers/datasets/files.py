"""The source files of a snapshot: checks them, and derives those that a sink has not published yet."""

import json
from collections.abc import Iterable, Set
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from plaudit_consumers.datasets.errors import SourceFileError, first_line
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.earlier import completed_table, is_earlier
from plaudit_consumers.rows.schemas import RECORDS, SCHEMAS, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.rows.times import with_readable_times
from plaudit_consumers.sink.files.metadata import FileMetadata
from plaudit_consumers.sink.layout import LAYOUT, FileSpan

_DERIVED_AT_ONCE: Final = 512
"""Conversations in one batch, to bound the memory."""


class RowMaker(NamedTuple):
    """What the training rows of a canonical file were made with."""

    settings: RowSettings
    rules: int


class SourceFiles:
    """Local files of the wanted subsets.

    The canonical file is the commit of its range. If its training files are missing, because the sink has not
    published them yet or has crashed, their rows are derived here just as the sink would do it.

    Attributes:
        paths: subset -> local files.
        older: the subsets with files that lack columns of today's schema.
    """

    def __init__(self, live: LiveRoot, subsets: Iterable[Subset], work: Path, last_day: str) -> None:
        """Collect the files.

        Args:
            work: a folder for copies of remote files and for derived files.
            last_day: the last day (YYYY-MM-DD) whose training files are needed. Canonical files of all days
                are needed.

        Raises:
            SourceFileError: a file is damaged, or does not match its name.
        """
        self._live, self._work, files = live, work, live.files()
        records = {file.span: file for subset in RECORDS for file in files[subset]}
        _refuse_overlaps(records.values())
        wanted: list[Subset] = [subset for subset in subsets if subset != "conversations"]
        published = {subset: {file.span: file for file in files[subset]} for subset in wanted}
        self.paths: dict[Subset, list[str]] = {subset: [] for subset in (*RECORDS, *wanted)}
        self.older: set[Subset] = set()
        self._metadata: dict[str, FileMetadata] = {}
        self._spans = {file.span for file in files["conversations"]}
        ends = {span.partition: span for span in sorted(records, key=lambda span: span.first)}
        for amendments in files["amendments"]:
            self._add_amendments(amendments, is_last=ends[amendments.span.partition] == amendments.span)
        for canonical in files["conversations"]:
            path = live.local_path(canonical, work)
            metadata, schema = read_footer("conversations", path)
            self._note_schema("conversations", schema)
            self.paths["conversations"].append(str(path))
            self._metadata[str(path)] = metadata
            if canonical.span.day > last_day:
                continue
            missing: list[Subset] = []
            for subset in wanted:
                # A subset without rows in this range has no file, and none is missing.
                if subset in metadata.derived:
                    training = published[subset].get(canonical.span)
                    if training is None:
                        missing.append(subset)
                    else:
                        self._add_published(subset, training, metadata.derived[subset])
            if missing:
                self._add_derived(path, missing, metadata)
        for subset in wanted:
            _refuse_orphans(files[subset], self._spans)

    def thresholds(self, canonical: Iterable[str]) -> list[dict[str, Any]]:
        """The distinct row settings of some canonical files, in a fixed order."""
        texts = {self._metadata[path].settings.model_dump_json() for path in canonical}
        return [json.loads(text) for text in sorted(texts)]

    def by_maker(self, canonical: Iterable[str]) -> dict[RowMaker, list[str]]:
        """Some canonical files, by the settings and the rules of their training rows, in a fixed order."""
        found: dict[tuple[str, int], list[str]] = {}
        for path in canonical:
            metadata = self._metadata[path]
            found.setdefault((metadata.settings.model_dump_json(), metadata.rules), []).append(path)
        makers = {key: RowMaker(self._metadata[paths[0]].settings, key[1]) for key, paths in found.items()}
        return {makers[key]: found[key] for key in sorted(found)}

    def _add_amendments(self, file: PublishedFile, *, is_last: bool) -> None:
        path = self._live.local_path(file, self._work)
        metadata, schema = read_footer("amendments", path)
        # Their canonical file is still to come, so the range counts as not written. Of an earlier range
        # somebody may have deleted it.
        if is_last and metadata.conversations and file.span not in self._spans:
            return
        self._note_schema("amendments", schema)
        self.paths["amendments"].append(str(path))

    def _add_published(self, subset: Subset, file: PublishedFile, rows: int) -> None:
        path = self._live.local_path(file, self._work)
        metadata, schema = read_footer(subset, path)
        if metadata.rows != rows:
            raise SourceFileError(
                f"{path} has {metadata.rows} rows; the canonical file beside it says {rows}"
            )
        self._note_schema(subset, schema)
        self.paths[subset].append(str(path))

    def _note_schema(self, subset: Subset, schema: Any) -> None:
        if not schema.equals(SCHEMAS[subset]):
            self.older.add(subset)

    def _add_derived(self, canonical: Path, subsets: list[Subset], metadata: FileMetadata) -> None:
        name = f"{canonical.parent.name}-{canonical.name}"
        targets = {subset: self._work / "derived" / subset / name for subset in subsets}
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        writers = {subset: pq.ParquetWriter(target, SCHEMAS[subset]) for subset, target in targets.items()}
        with pq.ParquetFile(canonical) as file:
            for batch in file.iter_batches(_DERIVED_AT_ONCE):
                conversations = completed_table(
                    "conversations", with_readable_times(pa.Table.from_batches([batch]))
                )
                for subset, table in derive(conversations, metadata.settings, metadata.rules):
                    if subset in writers:
                        writers[subset].write_table(table)
        for subset, writer in writers.items():
            writer.close()
            self.paths[subset].append(str(targets[subset]))


def _refuse_overlaps(canonical: Iterable[PublishedFile]) -> None:
    files = sorted(canonical, key=lambda file: (file.span.partition, file.span.first))
    for before, after in pairwise(files):
        if after.span.partition == before.span.partition and after.span.first <= before.span.last:
            raise SourceFileError(f"{before.path} and {after.path} hold the same offsets; move the copy away")


def _refuse_orphans(training: Iterable[PublishedFile], canonical: Set[FileSpan]) -> None:
    for file in training:
        if file.span not in canonical:
            raise SourceFileError(f"{file.path} has no canonical file; move it away")


class Footer(NamedTuple):
    """The end of a sink's file: its metadata, and its Arrow schema, which may lack columns of today's."""

    metadata: FileMetadata
    schema: Any


def read_footer(subset: Subset, path: Path) -> Footer:
    """The footer of a local file of a sink.

    Raises:
        SourceFileError: the file is damaged, its columns are neither those of the subset nor of an earlier
            version, or no sink wrote it.
    """
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise SourceFileError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
    if not is_earlier(schema, SCHEMAS[subset]):
        odd = sorted(set(schema.names) ^ set(SCHEMAS[subset].names))
        what = f"the columns {', '.join(odd)} differ" if odd else "types differ"
        raise SourceFileError(f"{path} has another schema than {subset} of {LAYOUT}: {what}; move it away")
    try:
        metadata = FileMetadata.from_footer(footer)
    except ValidationError:
        raise SourceFileError(f"{path} was not written by a sink; move it away") from None
    if metadata.subset != subset:
        raise SourceFileError(
            f"{path} belongs to {metadata.subset} by its metadata, not to {subset}; move it away"
        )
    return Footer(metadata, schema)
