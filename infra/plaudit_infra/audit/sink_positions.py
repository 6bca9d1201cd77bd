"""How far sinks have come, as their output shows."""

from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.sink.commit.marker import Marker
from plaudit_schemas.errors import PlauditError
from pydantic import ValidationError


def position_of(marker: bytes | None) -> int | None:
    """The position in a marker; None if there is no marker, or it is damaged."""
    if marker is None:
        return None
    try:
        return Marker.model_validate_json(marker).position
    except ValidationError:
        return None


def written_positions(root: str) -> dict[int, int]:
    """Partition of the finished topic -> the next offset that is not in the output.

    Empty if no sink has written to the output yet.
    """
    try:
        markers = LiveRoot(root).markers()
    except PlauditError:
        return {}
    return {partition: position_of(marker) or 0 for partition, marker in markers.items()}
