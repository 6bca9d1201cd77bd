"""The consumer group of an output's sinks.

Sinks of one output share the partitions, so they must be in one group. Sinks of two outputs must not: each
output would get the rows of some partitions only. So the output itself records its group, and the name of a
member in the group says which output it writes.
"""

import uuid
from collections.abc import Callable
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from plaudit_consumers.sink.errors import ForeignFileError, SinkGroupError
from plaudit_consumers.sink.layout import GROUP_FILE
from plaudit_consumers.sink.outputs.output import OutputRoot, VersionConflict

_NAME: Final = "plaudit-sink-"


class OutputGroup(BaseModel):
    """The content of `.plaudit/group.json`.

    Attributes:
        group: the consumer group.
        output: tells this output apart from all others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    group: str
    output: str

    def client_id(self, writer: str) -> str:
        """The client id of one of the output's sinks."""
        return f"{_NAME}{self.output}-{writer}"

    def is_stranger(self, client_id: str) -> bool:
        """Whether a member with this client id writes another output.

        The sinks of an earlier version have other client ids, which do not say.
        """
        return client_id.startswith(_NAME) and not client_id.startswith(self.client_id(""))


def join_group(output: OutputRoot, wanted: str | None, has_members: Callable[[str], bool]) -> OutputGroup:
    """The group of the output's sinks. The first sink records it.

    Args:
        wanted: the group of the settings; None takes the recorded one, or a new one if none is recorded.
        has_members: whether a group has members now.

    Raises:
        SinkGroupError: sinks of another group write to the output.
        ForeignFileError: the record is damaged.
    """
    while True:
        loaded = output.load(GROUP_FILE)
        recorded, version = (None, None) if loaded is None else (_parse(loaded[0]), loaded[1])
        if recorded is not None and wanted in (None, recorded.group):
            return recorded
        if recorded is not None and has_members(recorded.group):
            raise SinkGroupError(
                f"sinks of the group {recorded.group} write to this output: leave out PLAUDIT_SINK_GROUP, or "
                "stop them first"
            )
        name = uuid.uuid4().hex[:12] if recorded is None else recorded.output
        made = OutputGroup(group=wanted or _NAME + name, output=name)
        try:
            output.swap(GROUP_FILE, orjson.dumps(made.model_dump()), version)
        except VersionConflict:
            continue  # another sink has recorded a group meanwhile
        return made


def _parse(data: bytes) -> OutputGroup:
    try:
        return OutputGroup.model_validate_json(data)
    except ValidationError:
        raise ForeignFileError(
            f"{GROUP_FILE} is damaged; stop all sinks of this output, delete it, and start them again"
        ) from None
