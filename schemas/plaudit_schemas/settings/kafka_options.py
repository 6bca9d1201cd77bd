"""What librdkafka says of the user's options, as an error that names the setting."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from plaudit_schemas.errors import SettingsError


@contextmanager
def refused_options() -> Iterator[None]:
    """For the block that makes a client of Kafka.

    Raises:
        SettingsError: librdkafka refuses an option.
    """
    try:
        yield
    except (KafkaException, ValueError, TypeError) as error:
        text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise SettingsError(f"PLAUDIT_KAFKA_OPTIONS: {text}; see `plaudit config`") from None
