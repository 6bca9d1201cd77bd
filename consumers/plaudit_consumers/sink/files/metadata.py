"""The metadata that a sink writes into the footer of every Parquet file."""

from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, ValidationError

from plaudit_consumers.rows.schemas import Subset
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
        licence: what the rows give as the licence of conversations without one of their own.
        conversations: in a file of amendments, the row count of the canonical file of the same range. Without
            one, the file of amendments is the commit.
        source: the furthest source event of the range and of all records before it.
    """

    # Fields that a newer sink has added are ignored, so that an older one can still read its files. So are
    # those that an earlier sink wrote for its training rows.
    model_config = ConfigDict(frozen=True, extra="ignore")

    layout: str = LAYOUT
    subset: Subset
    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    rows: int
    licence: str | None = Field(
        default=None,
        # An earlier sink wrote it among the settings of its training rows.
        validation_alias=AliasChoices("licence", AliasPath("settings", "training_licence")),
    )
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
        reason = str(error).splitlines()[0][:150]
        raise ForeignFileError(f"{path} is damaged ({reason}); move it out of the output") from None
    except ValidationError:
        raise ForeignFileError(f"{path} was not written by a sink; move it out of the output") from None
