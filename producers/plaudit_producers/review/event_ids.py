"""The ids of events that are not made from answers. They are derived, so that a repeat is a duplicate."""

from hashlib import sha256


def decline_event_id(item: str, reviewer: str) -> str:
    """The id of the event by which a reviewer declines an item. They can do so once."""
    digest = sha256(f"decline\0{item}\0{reviewer}".encode()).hexdigest()
    return f"review-{digest[:32]}"
