"""Consumer groups as Kafka describes them."""

import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plaudit_schemas.errors import ServiceUnavailableError

_ANSWER_S: Final = 10.0
_PATIENCE_S: Final = 15.0
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


def described_group(admin: AdminClient, group: str) -> Any:
    """The group's state and members, as confluent-kafka describes it; None if there is no such group.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """

    def ask() -> Any:
        # Described only if it exists: a broker that has never had a group has no coordinator to ask.
        listed: Any = admin.list_consumer_groups(request_timeout=_ANSWER_S).result(_ANSWER_S + 5)
        if listed.errors:  # a broker that is starting lists a part
            raise listed.errors[0]
        if group not in {each.group_id for each in listed.valid}:
            return None
        described = admin.describe_consumer_groups([group], request_timeout=_ANSWER_S)[group]
        return described.result(_ANSWER_S + 5)

    return ask_again(ask, f"describe the group {group}")
