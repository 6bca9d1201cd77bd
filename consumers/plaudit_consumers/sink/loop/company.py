"""The other members of the sink's consumer group: who they are, and whether they write the same output."""

import logging
import threading
import time
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from plaudit_schemas.kafka.groups import GroupReader, ask_again
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.topics.admin import admin_of

from plaudit_consumers.sink.errors import SinkGroupError
from plaudit_consumers.sink.layout import GROUP_FILE
from plaudit_consumers.sink.loop.backlog import Backlog
from plaudit_consumers.sink.outputs.sink_group import OutputGroup

log = logging.getLogger("plaudit.sink")

_ANSWER_S: Final = 10.0
_PAUSE_S: Final = 0.5


class GroupMember(NamedTuple):
    """A member of a consumer group, as the broker knows it."""

    client_id: str
    host: str


def group_members(reader: GroupReader, group: str) -> list[GroupMember]:
    """The members of a group; empty if there is no such group.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """
    described = reader.describe(group)
    members = [] if described is None else described.members
    return [GroupMember(each.client_id, each.host.lstrip("/")) for each in members]


class SinkCompany:
    """Checks that all members of the group write to this sink's output."""

    def __init__(
        self,
        connection: ConnectionSettings,
        topic: str,
        group: OutputGroup,
        backlog: Backlog,
        own_client_id: str,
    ) -> None:
        """Connects to Kafka."""
        self._topic, self._group, self._backlog = topic, group, backlog
        self._own_client_id, self._reader = own_client_id, GroupReader(lambda: admin_of(connection))
        # A consumer without a subscription reads and writes a group's offsets, but is no member. The sink's
        # own consumer cannot serve, because another thread would wait for it as long as it fetches.
        with refused_options():
            self._offsets: Any = Consumer(connection.kafka(**{"group.id": group.group, "log_level": 0}))

    def close(self) -> None:
        """Disconnect from Kafka."""
        self._offsets.close()

    def others(self) -> list[GroupMember]:
        """The other members of the group.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        members = group_members(self._reader, self._group.group)
        return [member for member in members if member.client_id != self._own_client_id]

    def check(self) -> None:
        """Check the other members.

        Raises:
            SinkGroupError: one of them writes to another output.
            ServiceUnavailableError: Kafka does not answer.
            OutputUnavailableError: the output cannot be used at the moment.
        """
        others = self.others()
        for member in others:
            if self._group.is_stranger(member.client_id):
                raise SinkGroupError(
                    f"a sink at {member.host} is in the group {self._group.group} too, but writes to another "
                    "output: leave out PLAUDIT_SINK_GROUP, so that each output has a group of its own"
                )
        # The offsets first: a marker may move between the two.
        committed = self._committed()
        ahead = _further(committed, self._backlog.written(committed)) if others else {}
        if ahead:
            number, (theirs, ours) = min(ahead.items())
            raise SinkGroupError(
                f"the group {self._group.group} has written partition {number} up to {theirs}, but this "
                f"output has it up to {ours}: another sink writes to a copy of it; if this is the copy, "
                f"delete {GROUP_FILE} in it"
            )

    def go_back(self) -> None:
        """Set the offsets of a group without members back to the output's positions.

        The output was restored from a backup, or is a new one in an old group. The sink goes on from the
        positions of the output; the offsets must not make the next sink believe in a copy.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            OutputUnavailableError: the output cannot be used at the moment.
        """
        if self.others():
            return
        ahead = _further(self._committed(), self._backlog.positions(self._backlog.bounds()))
        if not ahead:
            return
        partitions, name = sorted(ahead), self._group.group
        log.warning("the group %s was ahead of the output in the partitions %s", name, partitions)
        places = [TopicPartition(self._topic, number, position) for number, (_, position) in ahead.items()]
        ask_again(
            lambda: self._offsets.commit(offsets=places, asynchronous=False),
            f"take offsets of the group {name}",
        )

    def wait_alone(self, within_s: float, stop: threading.Event) -> None:
        """Wait until the group has no other members. A sink that was killed stays one until its session ends.

        Raises:
            SinkGroupError: it still has some.
            ServiceUnavailableError: Kafka does not answer.
        """
        deadline = time.monotonic() + within_s
        while (others := self.others()) and not stop.wait(_PAUSE_S):
            if time.monotonic() > deadline:
                hosts = ", ".join(sorted({member.host for member in others}))
                raise SinkGroupError(
                    f"a sink at {hosts} writes to this output already (group {self._group.group}), and "
                    "--once would write only a part: stop that sink, or leave out --once"
                )

    def _committed(self) -> dict[int, int]:
        places = [TopicPartition(self._topic, number) for number in self._backlog.bounds()]
        found: Any = ask_again(
            lambda: self._offsets.committed(places, timeout=_ANSWER_S),
            f"return the offsets of the group {self._group.group}",
        )
        return {place.partition: place.offset for place in found if place.offset >= 0}


def _further(committed: dict[int, int], written: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Partition -> the group's offset and the output's position, where the group is further.

    A sink commits an offset to the group after it has moved the marker. So the group is never further than
    the output that it writes, unless that was restored from a backup.
    """
    return {
        number: (committed[number], position)
        for number, position in written.items()
        if committed.get(number, 0) > position
    }
