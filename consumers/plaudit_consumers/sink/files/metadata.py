"""What every Parquet file of a sink says of itself, in its footer."""

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
    """The furthest event of the events topic whose finished conversation was written.

    A finished conversation whose source offset is not beyond it is a repeat.

    Attributes:
        finished_at: the latest time at which one of the conversations so far finished, in microseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: int = -1
    finished_at: int = 0


class FileMetadata(BaseModel):
    """The footer's entry `plaudit`, as JSON.

    Attributes:
        first, last: offsets of the finished topic that the file covers, both included.
        settings: those that its training rows were made with.
        derived: in a canonical file, the rows of each training file that belongs to it.
        source: in a canonical file, the furthest event of its records and of all before them.
    """

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
    derived: dict[Subset, int] = {}
    source: SourcePosition = SourcePosition()

    @classmethod
    def from_footer(cls, footer: Any) -> Self:
        """The entry in the footer of a Parquet file, as `pyarrow.parquet.read_metadata` gives it.

        Raises:
            pydantic.ValidationError: no sink wrote it.
        """
        return cls.model_validate_json((footer.metadata or {}).get(_KEY.encode(), b"{}"))

    def footer_entries(self) -> dict[str, str]:
        """The entry, for a writer of Parquet."""
        return {_KEY: self.model_dump_json()}


def read_metadata(output: OutputRoot, path: str) -> FileMetadata:
    """What a published file says of itself.

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
