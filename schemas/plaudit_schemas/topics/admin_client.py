"""A client of Kafka's admin API that knows whether the brokers let it in."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from plaudit_schemas.errors import AccessError
from plaudit_schemas.settings.connection import ConnectionSettings

_SHUT_OUT: Final = (
    KafkaError._AUTHENTICATION,  # noqa: SLF001  # public codes despite their names
    KafkaError._SSL,  # noqa: SLF001
)
_ASK_S: Final = 10.0
_SURE_S: Final = 1.0  # of a server's several addresses the first may refuse, and another is tried next
_LOOK_S: Final = 0.2  # so often the errors are looked at, which librdkafka reports between requests only


def refuse_if_shut_out(connection: ConnectionSettings) -> None:
    """Ask the brokers whether they let us in, after a client that cannot tell got no answer.

    Blocks until a broker answers or refuses; 1 s where none can be reached, 10 s at most.

    Raises:
        AccessError: as `KafkaAdmin.refuse_shut_out`.
    """
    admin = KafkaAdmin(connection.kafka(log_level=0))
    began = time.monotonic()
    answered = False
    while not answered and time.monotonic() - began < (_SURE_S if admin.unreachable else _ASK_S):
        with suppress(KafkaException):
            admin.list_topics(timeout=_LOOK_S)
            answered = True
        admin.refuse_shut_out()


class KafkaAdmin(AdminClient):
    """The admin client, which keeps the error of a refused password or certificate.

    A request that waited for such a broker only times out, as if Kafka were away.

    Attributes:
        unreachable: whether the last `refuse_shut_out` heard from librdkafka that no broker can be reached.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._shut_out: str | None = None
        self.unreachable = False
        given: dict[str, Any] = {**options, "error_cb": self._note}
        super().__init__(given)

    def refuse_shut_out(self) -> None:
        """Call it after a request without an answer.

        Raises:
            AccessError: the brokers refuse the password or the certificate, or theirs is not trusted.
        """
        self.poll(0)  # librdkafka reports errors here only
        reason, self._shut_out = self._shut_out, None
        if reason is not None:
            raise AccessError(
                f"Kafka does not let us in ({reason}); check PLAUDIT_KAFKA_OPTIONS and PLAUDIT_KAFKA_PASSWORD"
            )

    def _note(self, error: KafkaError) -> None:
        if error.code() in _SHUT_OUT:
            self._shut_out = " ".join(error.str().split())
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self.unreachable = True
