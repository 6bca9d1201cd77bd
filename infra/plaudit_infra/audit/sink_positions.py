"""How far sinks have come, by what lies in their output."""

from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.sink.commit.marker import Marker
from plaudit_schemas.errors import PlauditError
from pydantic import ValidationError


def position_of(marker: bytes | None) -> int | None:
    """The position that a marker names; None where there is none, or where it is damaged."""
    if marker is None:
        return None
    try:
        return Marker.model_validate_json(marker).position
    except ValidationError:
        return None


def written_positions(root: str) -> dict[int, int]:
    """Partition of the finished topic -> the offset up to which everything is in the output.

    Nothing for an output that no sink has begun.
    """
    try:
        markers = LiveRoot(root).markers()
    except PlauditError:
        return {}
    return {partition: position_of(marker) or 0 for partition, marker in markers.items()}
