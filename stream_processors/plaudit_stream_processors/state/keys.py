"""Redis keys. All keys of one Kafka partition share the hash tag `{plaudit:p}`, so one slot."""

from typing import NamedTuple


class PartitionKeys(NamedTuple):
    """The keys of one partition.

    Attributes:
        conversation: prefix; `application/conversation id` follows.
        metrics: prefix; the bucket's name follows.
        changed: sorted set of bucket names by the offset that changed them last.
    """

    position: str
    open: str
    ended: str
    changed: str
    conversation: str
    metrics: str


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
    )


def partitions_key(prefix: str) -> str:
    """Where the topic's number of partitions is recorded."""
    return prefix + "plaudit:partitions"


def labels_key(prefix: str, kind: str) -> str:
    """The set of metric labels of one kind that have been admitted."""
    return f"{prefix}plaudit:labels:{kind}"
