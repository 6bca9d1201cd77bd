"""Whatever client of Kafka refuses an option, the error is the same and names the setting."""

from collections.abc import Callable
from typing import Any

import pytest
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.copy_source import CopySource
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.settings.connection import ConnectionSettings, KafkaOptions
from plaudit_schemas.topics.admin import admin_of
from plaudit_stream_processors.scoring.committed import CommittedOffsets

CLIENTS: dict[str, Callable[[ConnectionSettings], Any]] = {
    "admin": admin_of,
    "producer": lambda connection: AckedProducer(connection, {}),
    "reader": lambda connection: TopicReader(connection, "t"),
    "copies": lambda connection: CopySource(connection, "t", "g", 1),
    "scorer's offsets": lambda connection: CommittedOffsets(connection, "g", ""),
}


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"no.such.option": "1"}, "no.such.option", id="an unknown one"),
        pytest.param(
            {"ssl.ca.location": "/none.pem", "security.protocol": "SSL"}, "ssl.ca.location", id="a file"
        ),
    ],
)
def test_a_refused_option_is_named_the_same_everywhere(
    make: Callable[[ConnectionSettings], Any], options: dict[str, str | int | float], said: str
) -> None:
    connection = ConnectionSettings(kafka_options=KafkaOptions(options))
    with pytest.raises(SettingsError, match=r"^PLAUDIT_KAFKA_OPTIONS: .*; see `plaudit config`$") as caught:
        make(connection)
    assert said in str(caught.value)
