"""A member of the workers' consumer group that folds nothing, for tests of what only looks at the group."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer
from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS


@contextmanager
def member_of_workers(connection: ConnectionSettings) -> Iterator[None]:
    """Be in the group for as long as the block runs."""
    ended = threading.Event()
    member = Consumer(connection.kafka(**{"group.id": connection.topic_prefix + WORKER_GROUP}))
    member.subscribe([connection.topic_prefix + EVENTS])

    def stay() -> None:
        while not ended.is_set():
            member.poll(0.2)
        member.close()

    thread = threading.Thread(target=stay, name="group member", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
