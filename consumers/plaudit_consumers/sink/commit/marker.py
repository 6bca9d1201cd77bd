"""The marker of a partition: the position of the output, and the range that is being written.

It changes by conditional writes only, so that of two sinks on one partition only one can continue.
"""

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from plaudit_consumers.sink.errors import ForeignFileError, SinkFencedError
from plaudit_consumers.sink.files.metadata import SourcePosition
from plaudit_consumers.sink.outputs.output import FileVersion, OutputRoot, VersionConflict


class Marker(BaseModel):
    """The position and the claim of a partition.

    Attributes:
        position: everything before this offset of the finished topic is in the output.
        claim: the last offset of the file that begins at `position` and is being written; None outside a
            commit. A sink that finds a claim must write exactly that range.
        source: the furthest source event of all records before `position`.
        writer: the sink that wrote the marker.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: int
    claim: int | None = None
    source: SourcePosition = SourcePosition()
    writer: str


class MarkerFile:
    """One partition's marker in the output."""

    def __init__(self, output: OutputRoot, path: str) -> None:
        self._output, self._path = output, path
        self._version: FileVersion | None = None

    def load(self) -> Marker | None:
        """The current marker; None if there is none.

        Raises:
            ForeignFileError: it is damaged.
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
                f"{self._path} is damaged ({problem}); delete it: the position is then taken from the files"
            ) from None

    def store(self, marker: Marker) -> None:
        """Write the marker if the file has not changed since it was last loaded or stored.

        Raises:
            SinkFencedError: another sink has changed it.
        """
        data = orjson.dumps(marker.model_dump())
        try:
            self._version = self._output.swap(self._path, data, self._version)
        except VersionConflict:
            # The store's client repeats a write whose answer was lost, so the conflict may be with its own
            # first attempt. Then the marker holds just what was to be written.
            if self.load() != marker:
                raise SinkFencedError(
                    f"another sink writes to {self._path.removesuffix('.json')}, so this one stops; "
                    "give each consumer group an output of its own"
                ) from None
