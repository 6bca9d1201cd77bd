"""The source files of a snapshot, and what is checked of them."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from plaudit_consumers.datasets.errors import SourceFileError, first_line
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.earlier import is_earlier
from plaudit_consumers.rows.schemas import RECORDS, SCHEMAS, Subset
from plaudit_consumers.sink.files.metadata import FileMetadata
from plaudit_consumers.sink.layout import LAYOUT


class Footer(NamedTuple):
    """The end of a sink's file: its metadata, and its Arrow schema, which may lack columns of today's."""

    metadata: FileMetadata
    schema: Any


class SourceFiles:
    """Local files of conversations and amendments. Training files, which sinks wrote once, are not read.

    Attributes:
        paths: subset -> local files.
        older: the subsets with files that lack columns of today's schema.
    """

    def __init__(self, live: LiveRoot, work: Path) -> None:
        """Collect the files.

        Args:
            work: a folder for copies of remote files.

        Raises:
            SourceFileError: a file is damaged, or does not match its name.
        """
        self._live, self._work, files = live, work, live.files()
        records = {file.span: file for subset in RECORDS for file in files[subset]}
        _refuse_overlaps(records.values())
        self.paths: dict[Subset, list[str]] = {subset: [] for subset in RECORDS}
        self.older: set[Subset] = set()
        self._spans = {file.span for file in files["conversations"]}
        ends = {span.partition: span for span in sorted(records, key=lambda span: span.first)}
        for amendments in files["amendments"]:
            self._add_amendments(amendments, is_last=ends[amendments.span.partition] == amendments.span)
        for canonical in files["conversations"]:
            path = live.local_path(canonical, work)
            self._add("conversations", path, read_footer("conversations", path))

    def _add_amendments(self, file: PublishedFile, *, is_last: bool) -> None:
        path = self._live.local_path(file, self._work)
        footer = read_footer("amendments", path)
        # Their canonical file is still to come, so the range counts as not written. Of an earlier range
        # somebody may have deleted it.
        if is_last and footer.metadata.conversations and file.span not in self._spans:
            return
        self._add("amendments", path, footer)

    def _add(self, subset: Subset, path: Path, footer: Footer) -> None:
        if not footer.schema.equals(SCHEMAS[subset]):
            self.older.add(subset)
        self.paths[subset].append(str(path))


def _refuse_overlaps(canonical: Iterable[PublishedFile]) -> None:
    files = sorted(canonical, key=lambda file: (file.span.partition, file.span.first))
    for before, after in pairwise(files):
        if after.span.partition == before.span.partition and after.span.first <= before.span.last:
            raise SourceFileError(f"{before.path} and {after.path} hold the same offsets; move the copy away")


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
