"""Redis keys.

All keys of one Kafka partition share the hash tag `{plaudit:p}`. A cluster therefore keeps them in one slot,
where one script may change them all.
"""

from typing import NamedTuple


class PartitionKeys(NamedTuple):
    """The keys of one partition.

    Attributes:
        position: hash of the owner's epoch, the next offset and more (`commit.lua`).
        open: sorted set of open conversations by last activity.
        ended: sorted set of ended conversations by end.
        conversation: prefix; `application/conversation id` follows.
        metrics: prefix; the bucket's name follows.
        changed: sorted set of bucket names by the offset that changed them last.
        losses: list of the ranges of events that were given up, as JSON (`losses.py`).
    """

    position: str
    open: str
    ended: str
    changed: str
    conversation: str
    metrics: str
    losses: str


def partition_keys(prefix: str, partition: int) -> PartitionKeys:
    """The keys of one partition under the configured prefix."""
    tag = f"{prefix}{{plaudit:{partition}}}:"
    return PartitionKeys(
        position=tag + "position",
        open=tag + "open",
        ended=tag + "ended",
        changed=tag + "changed",
        conversation=tag + "conversation:",
        metrics=tag + "metrics:",
        losses=tag + "losses",
    )


def reset_key(prefix: str) -> str:
    """The mark of a reset of the state that has begun and not ended."""
    return prefix + "plaudit:reset"


def labels_key(prefix: str, kind: str) -> str:
    """The set of values of one kind that count apart, by rules before version 5 (fold.rules)."""
    return f"{prefix}plaudit:labels:{kind}"


def places_key(prefix: str, kind: str, day: int) -> str:
    """The places of values of one kind on a day, in days since 1970 (admit_labels.lua)."""
    return f"{prefix}{{plaudit:labels}}:{kind}:{day}"


def since_key(prefix: str, kind: str, day: int) -> str:
    """Since when those places of a day are held that are not held from its begin."""
    return places_key(prefix, kind, day) + ":since"


def place_days_key(prefix: str) -> str:
    """The days that have places."""
    return f"{prefix}{{plaudit:labels}}:days"


def clears_key(prefix: str) -> str:
    """The times at which places were cleared."""
    return f"{prefix}{{plaudit:labels}}:clears"


def cleared_key(prefix: str) -> str:
    """When the places of each kind and application were cleared last."""
    return f"{prefix}{{plaudit:labels}}:cleared"


def evictions_key(prefix: str) -> str:
    """The hash that records how many keys each node of Redis had evicted when the state first saw it."""
    return prefix + "plaudit:evictions"
