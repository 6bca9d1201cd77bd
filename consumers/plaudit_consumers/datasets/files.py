"""The files that a snapshot is made of: checked, and completed where a sink has not come to it yet."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.sources import VERSION, LiveRoot, Published
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.schemas import SCHEMAS, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.parquet import METADATA_KEY, FileMetadata

AT_ONCE: Final = 512


class Sources:
    """Local files of the wanted subsets.

    A canonical file is the commit of its range: training rows that a sink has not published yet, or that a
    crash left out, are derived here as the sink would have.

    Attributes:
        paths: subset -> local files.
    """

    def __init__(self, live: LiveRoot, subsets: Iterable[Subset], work: Path, until: str) -> None:
        """`until`: the last day whose training files are needed; canonical ones are needed of all days.

        Raises:
            SourceFileError: a file is damaged, or is not what its name says.
        """
        self._live, self._work, files = live, work, live.files()
        wanted: list[Subset] = [subset for subset in subsets if subset != "conversations"]
        published = {subset: {file.place: file for file in files[subset]} for subset in wanted}
        self.paths: dict[Subset, list[str]] = {subset: [] for subset in ("conversations", *wanted)}
        self._settings: dict[str, RowSettings] = {}
        for canonical in files["conversations"]:
            path = live.local(canonical, work)
            metadata = read_footer("conversations", path)
            self.paths["conversations"].append(str(path))
            self._settings[str(path)] = metadata.settings
            if canonical.date > until:
                continue
            missing = [subset for subset in wanted if subset in metadata.derived]
            for subset in [subset for subset in missing if canonical.place in published[subset]]:
                self._take(subset, published[subset][canonical.place], metadata.derived[subset])
                missing.remove(subset)
            if missing:
                self._derive(path, missing, metadata.settings)
        places = {file.place for file in files["conversations"]}
        for subset in wanted:
            for place in published[subset].keys() - places:
                raise SourceFileError(f"{published[subset][place].path} has no canonical file; move it away")

    def thresholds(self, canonical: Iterable[str]) -> list[dict[str, Any]]:
        """The settings that the rows of some canonical files were made with, each once and in one order."""
        texts = {self._settings[path].model_dump_json() for path in canonical}
        return [json.loads(text) for text in sorted(texts)]

    def _take(self, subset: Subset, file: Published, rows: int) -> None:
        path = self._live.local(file, self._work)
        found = read_footer(subset, path).rows
        if found != rows:
            raise SourceFileError(f"{path} has {found} rows; the canonical file beside it says {rows}")
        self.paths[subset].append(str(path))

    def _derive(self, path: Path, missing: list[Subset], settings: RowSettings) -> None:
        targets = {
            subset: self._work / "derived" / subset / f"{path.parent.name}-{path.name}" for subset in missing
        }
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        writers = {subset: pq.ParquetWriter(target, SCHEMAS[subset]) for subset, target in targets.items()}
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(AT_ONCE):
                for subset, table in derive(pa.Table.from_batches([batch]), settings):
                    if subset in writers:
                        writers[subset].write_table(table)
        for subset, writer in writers.items():
            writer.close()
            self.paths[subset].append(str(targets[subset]))


def read_footer(subset: Subset, path: Path) -> FileMetadata:
    """What a file of a sink says of itself.

    Raises:
        SourceFileError: it is damaged, its columns are not those of the subset, or no sink wrote it.
    """
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise SourceFileError(
            f"{path} cannot be read as Parquet: {str(error).partition(chr(10))[0]}"
        ) from None
    if not schema.equals(SCHEMAS[subset]):
        odd = sorted(set(schema.names) ^ set(SCHEMAS[subset].names))
        what = f"the columns {', '.join(odd)} differ" if odd else "types differ"
        raise SourceFileError(f"{path} has another schema than {subset} of {VERSION}: {what}; move it away")
    try:
        metadata = FileMetadata.model_validate_json((footer.metadata or {}).get(METADATA_KEY, b"{}"))
    except ValidationError:
        raise SourceFileError(f"{path} was not written by a sink; move it away") from None
    if metadata.subset != subset:
        raise SourceFileError(f"{path} says it is of {metadata.subset}, not {subset}; move it away")
    return metadata
