"""The source files of a snapshot: checks them, and derives those that a sink has not published yet."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from plaudit_consumers.datasets.errors import SourceFileError, first_line
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.schemas import SCHEMAS, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.files.metadata import FileMetadata
from plaudit_consumers.sink.layout import LAYOUT

_DERIVED_AT_ONCE: Final = 512
"""Conversations in one batch, to bound the memory."""


class SourceFiles:
    """Local files of the wanted subsets.

    The canonical file is the commit of its range. If its training files are missing, because the sink has not
    published them yet or has crashed, their rows are derived here just as the sink would do it.

    Attributes:
        paths: subset -> local files.
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
        wanted: list[Subset] = [subset for subset in subsets if subset != "conversations"]
        published = {subset: {file.span: file for file in files[subset]} for subset in wanted}
        self.paths: dict[Subset, list[str]] = {subset: [] for subset in ("conversations", *wanted)}
        self._settings: dict[str, RowSettings] = {}
        for canonical in files["conversations"]:
            path = live.local_path(canonical, work)
            metadata = read_footer("conversations", path)
            self.paths["conversations"].append(str(path))
            self._settings[str(path)] = metadata.settings
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
                self._add_derived(path, missing, metadata.settings)
        spans = {file.span for file in files["conversations"]}
        for subset in wanted:
            for span in published[subset].keys() - spans:
                raise SourceFileError(f"{published[subset][span].path} has no canonical file; move it away")

    def thresholds(self, canonical: Iterable[str]) -> list[dict[str, Any]]:
        """The distinct row settings of some canonical files, in a fixed order."""
        texts = {self._settings[path].model_dump_json() for path in canonical}
        return [json.loads(text) for text in sorted(texts)]

    def _add_published(self, subset: Subset, file: PublishedFile, rows: int) -> None:
        path = self._live.local_path(file, self._work)
        found = read_footer(subset, path).rows
        if found != rows:
            raise SourceFileError(f"{path} has {found} rows; the canonical file beside it says {rows}")
        self.paths[subset].append(str(path))

    def _add_derived(self, canonical: Path, subsets: list[Subset], settings: RowSettings) -> None:
        name = f"{canonical.parent.name}-{canonical.name}"
        targets = {subset: self._work / "derived" / subset / name for subset in subsets}
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        writers = {subset: pq.ParquetWriter(target, SCHEMAS[subset]) for subset, target in targets.items()}
        with pq.ParquetFile(canonical) as file:
            for batch in file.iter_batches(_DERIVED_AT_ONCE):
                for subset, table in derive(pa.Table.from_batches([batch]), settings):
                    if subset in writers:
                        writers[subset].write_table(table)
        for subset, writer in writers.items():
            writer.close()
            self.paths[subset].append(str(targets[subset]))


def read_footer(subset: Subset, path: Path) -> FileMetadata:
    """The metadata of a local file of a sink.

    Raises:
        SourceFileError: the file is damaged, its columns are not those of the subset, or no sink wrote it.
    """
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise SourceFileError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
    if not schema.equals(SCHEMAS[subset]):
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
    return metadata
