"""Redis keys of one queue. They share a hash tag: one script may change them all, also in a cluster."""

from hashlib import sha1
from typing import NamedTuple

from plaudit_schemas.review.targets import QueueName


class QueueKeys(NamedTuple):
    """The keys that every script gets, in this order (`shared.lua`), and prefixes of the others.

    Attributes:
        item: prefix; the item's id follows.
        context: likewise; a string, see `NewItem`.
        touched: prefix; a reviewer follows. What the reviewer answered or declined.
        record: likewise; where the reviewer is.
    """

    summary: str
    positions: str
    fresh: str
    started: str
    leases: str
    unconfirmed: str
    members: str
    controls: str
    ahead: str
    people: str
    erased: str
    item: str
    context: str
    touched: str
    record: str

    @property
    def shared(self) -> list[str]:
        """Those of every script."""
        return list(self[:11])

    def of_item(self, item: str) -> list[str]:
        """Item and context."""
        return [self.item + item, self.context + item]

    def of_reviewer(self, reviewer: str) -> list[str]:
        """What a reviewer touched, and the record."""
        return [self.touched + reviewer, self.record + reviewer]


def queue_keys(prefix: str, name: QueueName) -> QueueKeys:
    """The keys of a queue under the configured prefix."""
    tag = f"{prefix}{{plaudit:review:{name.application}/{name.rubric}@{name.version}}}:"
    prefixes = ("item", "context", "touched", "record")
    return QueueKeys(*(tag + field + (":" if field in prefixes else "") for field in QueueKeys._fields))


def indexed(conversation_id: str) -> str:
    """How members of the index begin whose items belong to a conversation. The item's id follows."""
    return sha1(conversation_id.encode()).hexdigest()  # noqa: S324  # Redis has no other hash


def item_of_member(member: bytes) -> str:
    """The item of a member of the index."""
    return member[40:].decode()
