"""Consumer groups as Kafka describes them."""

import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plaudit_schemas.errors import ServiceUnavailableError

_ANSWER_S: Final = 10.0
_PATIENCE_S: Final = 20.0  # longer than one question may take, so that there is a second one
_PAUSE_S: Final = 0.5


def ask_again(ask: Callable[[], Any], what: str) -> Any:
    """Ask Kafka, and ask again: after a broker's start, a group has no coordinator for some seconds.

    Raises:
        ServiceUnavailableError: Kafka did not do `what`.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except (KafkaException, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(f"Kafka did not {what} ({error}); try again") from None
        time.sleep(_PAUSE_S)


class GroupReader:
    """Describes consumer groups. Not safe for threads.

    After a failure it takes a new client: once a request to a coordinator has timed out, as while a broker's
    disk is full, all later ones of the same client may time out.
    """

    def __init__(self, connect: Callable[[], AdminClient]) -> None:
        """Connects at the first question."""
        self._connect = connect
        self._admin: AdminClient | None = None

    def describe(self, group: str) -> Any:
        """The group's state and members, as confluent-kafka describes it; None if there is no such group.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        return ask_again(lambda: self._ask(group), f"describe the group {group}")

    def _ask(self, group: str) -> Any:
        admin, self._admin = self._admin or self._connect(), None
        # Described only if it exists: a broker that has never had a group has no coordinator to ask.
        listed: Any = admin.list_consumer_groups(request_timeout=_ANSWER_S).result(_ANSWER_S + 5)
        if listed.errors:  # a broker that is starting lists a part
            raise KafkaException(listed.errors[0])
        described = None
        if group in {each.group_id for each in listed.valid}:
            future = admin.describe_consumer_groups([group], request_timeout=_ANSWER_S)[group]
            described = future.result(_ANSWER_S + 5)
        self._admin = admin
        return described
