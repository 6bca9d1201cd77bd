"""Follows what is active of a model, so that every scorer takes the same version for the same message."""

from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # public, not declared as such

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.asking import listed_offsets
from plaudit_schemas.kafka.publication_log import PublicationLog
from plaudit_schemas.models.activations import MIN_DELAY_MS, Activation, Activations
from plaudit_schemas.models.publication_log import MODEL_LOG
from plaudit_schemas.models.publications import activations_of, counted
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

_ANSWER_S: Final = 10.0
_NO_ANSWER: Final = "Kafka did not return the newest timestamp of {} ({}); try again"
_NO_TIME: Final = (KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE)  # noqa: SLF001  # public


class ActivationFollower:
    """Knows the activations of one model up to a time of the broker. Exact without any machine's clock.

    A look that begins after a record with the broker's timestamp R was written sees every publication up to
    R. Each is active no earlier than `min_delay_ms` after its own timestamp. So before R + `min_delay_ms` it
    is known what is active: `knows` tells, and `at` may then be asked. Otherwise `look` again; the record
    that is asked about was written before, so that one look is enough.

    A publication's delay less `min_delay_ms` (55 s by default) is what the brokers' clocks may differ by, and
    what a broker may take until its followers have a publication.

    Not thread-safe. `look` blocks; `knows`, `at` and the attributes do not.

    Attributes:
        name: the model's name.
        activations: of the last look.
        names: of all models that were published and are not withdrawn, sorted.
        unreadable: for each record of this model that this release cannot read, its key and the reason. What
            it says does not count, so tell people.
    """

    def __init__(
        self,
        connection: ConnectionSettings,
        name: str,
        *,
        min_delay_ms: int = MIN_DELAY_MS,
        timeout_s: float = _ANSWER_S,
    ) -> None:
        """Does not wait for Kafka. Nothing is known before the first look.

        Args:
            min_delay_ms: as in the `ModelRegistry`; at least 1.
            timeout_s: how long Kafka may stay silent before a look raises ServiceUnavailableError.
        """
        if min_delay_ms < 1:
            raise ValueError("without a delay nobody can know in time what is active")
        self.name, self.activations = name, Activations()
        self.names: list[str] = []
        self.unreadable: list[tuple[str, str]] = []
        self._min_delay_ms, self._timeout_s, self._connection = min_delay_ms, timeout_s, connection
        self._log = PublicationLog(connection, MODEL_LOG, timeout_s=timeout_s)
        self._admin: Any = admin_of(connection)
        self._known_before_ms = -1

    def look(self, seen_ms: int = 0) -> None:
        """Read the topic to its end. Some requests to Kafka: 50 ms on a machine of its own.

        Args:
            seen_ms: a time that the broker is past: the timestamp of the record that is asked about. As a
                rule the log has a newer record, and then it makes no difference.

        Raises:
            ServiceUnavailableError: Kafka does not answer. What was known stays known.
            TopicError: the topic is missing or cannot be used.
            RegistryUnavailableError: the schema registry cannot be asked now.
        """
        newest_ms = max(seen_ms, self._newest_event_ms())
        content = self._log.read()
        known = counted(content.publications)
        self.activations = Activations(activations_of(each for each in known if each.name == self.name))
        last = {each.name: each.action for each in known}
        self.names = sorted(name for name, action in last.items() if action != "withdraw")
        self.unreadable = [each for each in content.unreadable if each[0].startswith(f"{self.name}/")]
        self._known_before_ms = newest_ms + self._min_delay_ms

    def knows(self, arrived_ms: int) -> bool:
        """Whether it is known what is active at a time of the broker."""
        return arrived_ms < self._known_before_ms

    def at(self, arrived_ms: int) -> Activation | None:
        """What is active at a time of the broker; None if nothing is.

        Raises:
            ValueError: that is not known; `look` first.
        """
        if not self.knows(arrived_ms):
            raise ValueError(f"what is active at {arrived_ms} is not known yet; look first")
        return self.activations.at(arrived_ms)

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._log.close()

    def _newest_event_ms(self) -> int:
        """The largest timestamp in the events topic; 0 if the broker cannot tell."""
        topic = self._connection.topic_prefix + EVENTS
        count = live_partitions(self._admin, self._connection, timeout_s=self._timeout_s).get(topic, 0)
        if not count:
            return 0
        newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]  # not annotated
        try:
            answers = listed_offsets(self._admin, topic, dict.fromkeys(range(count), newest), self._timeout_s)
        except KafkaException as error:
            if error.args[0].code() in _NO_TIME:
                return 0
            raise ServiceUnavailableError(_NO_ANSWER.format(topic, error.args[0].str())) from None
        except TimeoutError:
            raise ServiceUnavailableError(_NO_ANSWER.format(topic, "no answer in time")) from None
        return max(timestamp for _, timestamp in answers.values())
