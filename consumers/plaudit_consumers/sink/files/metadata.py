"""The metadata that a sink writes into the footer of every Parquet file."""

from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.layout import LAYOUT
from plaudit_consumers.sink.outputs.output import OutputRoot

_KEY: Final = "plaudit"


class SourcePosition(BaseModel):
    """The furthest event of the events topic whose finished conversation or amendment was written.

    A record whose source offset is not beyond this one is a repeat.

    Attributes:
        offset: of that event; -1 before the first.
        finished_at: the latest arrival of all these events, in microseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: int = -1
    finished_at: int = 0


class FileMetadata(BaseModel):
    """The footer's entry `plaudit`, as JSON.

    Attributes:
        first, last: offsets of the finished topic that the file covers, both included.
        rows: how many the file has.
        settings: the settings with which the training rows were derived.
        rules: the version of the rules by which they were derived (`rows.settings.ROW_RULES`).
        derived: in a canonical file, the row count of each training file of the same range.
        conversations: in a file of amendments, the row count of the canonical file of the same range. Without
            one, the file of amendments is the commit.
        source: in a canonical file and one of amendments, the furthest source event of the range and of all
            records before it.
    """

    # Fields that a newer sink has added are ignored, so that an older one can still read its files.
    model_config = ConfigDict(frozen=True, extra="ignore")

    layout: str = LAYOUT
    subset: Subset
    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    rows: int
    settings: RowSettings
    rules: int = 1  # files from before there were versions do not say
    derived: dict[Subset, int] = {}
    conversations: int = 0
    source: SourcePosition = SourcePosition()

    @classmethod
    def from_footer(cls, footer: Any) -> Self:
        """Parse the entry in a footer, as `pyarrow.parquet.read_metadata` returns it.

        Raises:
            pydantic.ValidationError: no sink wrote the file.
        """
        return cls.model_validate_json((footer.metadata or {}).get(_KEY.encode(), b"{}"))

    def footer_entries(self) -> dict[str, str]:
        """The entry as key-value metadata for a Parquet writer."""
        return {_KEY: self.model_dump_json()}


def read_metadata(output: OutputRoot, path: str) -> FileMetadata:
    """The metadata of a published file.

    Raises:
        ForeignFileError: it is damaged, or no sink wrote it.
    """
    try:
        return FileMetadata.from_footer(pq.read_metadata(output.open_file(path)))
    except (OSError, pa.ArrowException) as error:
        raise damaged_file(path, error) from None
    except ValidationError:
        raise ForeignFileError(f"{path} was not written by a sink; move it out of the output") from None


def damaged_file(path: str, error: Exception) -> ForeignFileError:
    """The error for a file that Arrow cannot read."""
    reason = str(error).splitlines()[0][:150]
    return ForeignFileError(f"{path} is damaged ({reason}); move it out of the output")
