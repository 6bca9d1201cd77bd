"""The marker of a partition: how far the output has come, and which range is being written.

It changes only by conditional writes, so of two sinks on one partition one goes on.
"""

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from plaudit_consumers.sink.errors import FencedError, ForeignFileError
from plaudit_consumers.sink.output import Conflict, Output, Version


class Source(BaseModel):
    """The furthest event whose finished conversation was written: its offset, and the latest arrival.

    A record whose source offset is not beyond it is a repeat.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: int = -1
    finished_at: int = 0


class Marker(BaseModel):
    """What is known of a partition.

    Attributes:
        position: everything before this offset of the finished topic is in the output.
        claim: the last offset of the file that begins at `position` and is being written; None
            outside a commit. Whoever finds a claim writes just that range.
        writer: the sink that wrote the marker.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: int
    claim: int | None = None
    source: Source = Source()
    writer: str


class MarkerFile:
    """One partition's marker in the output."""

    def __init__(self, output: Output, path: str) -> None:
        self._output, self._path = output, path
        self._version: Version | None = None

    def load(self) -> Marker | None:
        """Read it anew.

        Raises:
            ForeignFileError: it cannot be read.
        """
        loaded = self._output.load(self._path)
        if loaded is None:
            self._version = None
            return None
        data, self._version = loaded
        try:
            return Marker.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise ForeignFileError(
                f"{self._path} is damaged ({problem}); delete it: the position is then read from the files"
            ) from None

    def store(self, marker: Marker) -> None:
        """Write it, if it is still what was loaded or stored last.

        Raises:
            FencedError: another sink has written it since.
        """
        data = orjson.dumps(marker.model_dump())
        try:
            self._version = self._output.swap(self._path, data, self._version)
        except Conflict:
            # An answer may have been lost, and the write tried again by the client below us.
            if self.load() != marker:
                raise FencedError(
                    f"another sink writes to {self._path.removesuffix('.json')}: this one leaves it alone; "
                    "give each consumer group an output of its own"
                ) from None
