"""Remembers in Kafka what each id of a schema registry meant, so that a registry that forgot is noticed.

A registry that keeps its ids in memory gives them anew after a restart, in another order. Whoever then
decodes by them reads records as what they are not. So the first process that meets an id writes down its
schema, and every other compares. The topic is compacted; it has one record for each id.
"""

import json
import logging
import threading
from hashlib import sha256
from typing import Any, Final

from confluent_kafka import KafkaException
from fastavro.schema import to_parsing_canonical_form

from plaudit_schemas.codec.catalog import SchemaName, parse, schema_text
from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.errors import (
    RegistryUnavailableError,
    SchemaMovedError,
    ServiceUnavailableError,
    TopicError,
    UnknownSchemaError,
)
from plaudit_schemas.kafka.producer import connector
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import SCHEMA_IDS

log = logging.getLogger(__name__)

_ANSWER_S: Final = 30.0
_OURS: Final = "plaudit.v1."


def schemas_of(connection: ConnectionSettings) -> SchemaSource:
    """The schemas that a connection's settings name, as readers and writers of the line must use them.

    Those of a registry come with what Kafka remembers of its ids. It does not connect.

    Raises:
        SettingsError: librdkafka refuses an option.
    """
    source = connection.schemas()
    return RememberedSchemas(source, connection) if isinstance(source, RegistrySchemas) else source


def moved_ids(source: SchemaSource) -> int:
    """How many ids of a source mean something else than before, as far as this process has met them."""
    return len(source.moved) if isinstance(source, RememberedSchemas) else 0


class RememberedSchemas:
    """A registry's schemas. An id that means another schema than before is refused. Thread-safe.

    Only ids of Plaudit's own schemas are remembered: others never become anything but dead letters.

    Attributes:
        moved: ids whose last answer was another one than before.
    """

    def __init__(self, registry: RegistrySchemas, connection: ConnectionSettings) -> None:
        """Does not connect."""
        self._registry, self._log = registry, SchemaIdLog(connection)
        self._lock = threading.Lock()
        self.moved: set[int] = set()

    def id_of(self, name: SchemaName) -> int:
        """As `RegistrySchemas.id_of`.

        A schema that had an id is not registered in a registry that has lost it. It would take the id of
        another schema, while somebody restores them.

        Raises:
            SchemaMovedError: the id meant another schema before, so readers would refuse what has it; or the
                schema had an id, which the registry has lost.
            RegistryUnavailableError: the registry, or what Kafka remembers of it, cannot be asked now.
        """
        before = None
        if not self._registry.has_id(name):
            with self._lock:
                before = self._remembered_id(schema_text(name))
        if before is not None:
            self._registry.forget(before)  # what it said before it lost its ids says nothing
            self.text_of(before)
        given = self._registry.id_of(name)
        with self._lock:
            self._compare(given, schema_text(name))
        return given

    def text_of(self, schema_id: int) -> str:
        """As `RegistrySchemas.text_of`.

        Raises:
            SchemaMovedError: the id means another schema than before, or none any more.
            RegistryUnavailableError: the registry, or what Kafka remembers of it, cannot be asked now.
        """
        try:
            text = self._registry.text_of(schema_id)
        except UnknownSchemaError as error:
            with self._lock:
                if self._remembered(schema_id) is None:
                    raise
                raise self._moved(schema_id, f"is unknown now ({error})") from None
        with self._lock:
            self._compare(schema_id, text)
        return text

    def _compare(self, schema_id: int, text: str) -> None:
        name, digest = _identity(text)
        before = self._remembered(schema_id)
        if before is None:
            if name.startswith(_OURS):
                self._log.remember(schema_id, name, digest)
        elif before[1] != digest:
            raise self._moved(schema_id, f"is {name or 'no Avro record'} now")
        self.moved.discard(schema_id)

    def _remembered_id(self, text: str) -> int | None:
        """The newest id that a schema had; None if nobody has met one."""
        try:
            return self._log.newest_id(_identity(text)[1])
        except ServiceUnavailableError as error:
            raise _unreadable(error) from None

    def _remembered(self, schema_id: int) -> tuple[str, str] | None:
        try:
            return self._log.find(schema_id)
        except ServiceUnavailableError as error:
            raise _unreadable(error) from None

    def _moved(self, schema_id: int, what: str) -> SchemaMovedError:
        self._registry.forget(schema_id)  # so that the next try asks it again
        self.moved.add(schema_id)
        before = self._log.known[schema_id][0]
        return SchemaMovedError(
            f"schema id {schema_id} was {before}, and {what}: the registry at {self._registry.url} has lost "
            "its ids; restore them (docs/operations.md says how)"
        )


class SchemaIdLog:
    """The topic. It is read when an id is asked for that is not known yet. Not thread-safe.

    Attributes:
        known: schema id -> the full name of the schema, and a digest of its canonical form.
    """

    def __init__(self, connection: ConnectionSettings) -> None:
        """Does not connect."""
        self._connection = connection
        self.known: dict[int, tuple[str, str]] = {}
        self._asked: set[int] = set()
        self._missing = False

    def find(self, schema_id: int) -> tuple[str, str] | None:
        """What an id meant; None if nobody has met it.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        if schema_id not in self.known and schema_id not in self._asked:
            self._read()
            if len(self._asked) > 1000:  # so that invented ids cannot fill the memory
                self._asked.clear()
            self._asked.add(schema_id)
        return self.known.get(schema_id)

    def newest_id(self, digest: str) -> int | None:
        """The highest id of a schema that somebody has met, by the digest of its canonical form.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        if all(digest != known for _, known in self.known.values()):
            self._read()
        return max((at for at, (_, known) in self.known.items() if known == digest), default=None)

    def remember(self, schema_id: int, name: str, digest: str) -> None:
        """Write down what an id means. If Kafka does not take it, the next process tries again."""
        self.known[schema_id] = (name, digest)
        if self._missing:
            return
        topic = self._connection.topic_prefix + SCHEMA_IDS
        value = json.dumps({"schema": name, "sha256": digest}).encode()
        failed: list[str] = []

        def note(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error.str())

        options = {"log_level": 0, "message.timeout.ms": int(_ANSWER_S * 1000)}
        try:
            client = connector(self._connection, options)()
            client.produce(topic, value, b"%d" % schema_id, on_delivery=note)
            if client.flush(_ANSWER_S + 1):
                failed.append("no answer in time")
        except KafkaException as error:
            failed.append(error.args[0].str())
        if failed:
            log.warning("Kafka did not remember that schema id %d is %s: %s", schema_id, name, failed[0])

    def _read(self) -> None:
        with TopicReader(self._connection, SCHEMA_IDS, timeout_s=_ANSWER_S) as reader:
            try:
                partitions = reader.partitions()
            except TopicError as error:
                if not self._missing:
                    log.warning("a registry that loses its ids will not be noticed: %s", error)
                self._missing = True
                return
            self._missing = False
            for partition in partitions:
                for record in reader.records(partition, *reader.ends(partition)):
                    self._take(record.key, record.value)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        try:
            schema_id = int(key or b"")
            if value is None:
                self.known.pop(schema_id, None)
                return
            document = json.loads(value)
            self.known[schema_id] = (str(document["schema"]), str(document["sha256"]))
        except (ValueError, KeyError, TypeError):
            log.warning("a record of %s cannot be read; its key is %r", SCHEMA_IDS, key)


def _unreadable(error: ServiceUnavailableError) -> RegistryUnavailableError:
    return RegistryUnavailableError(f"what schema ids meant cannot be read: {error}")


def _identity(text: str) -> tuple[str, str]:
    """The full name of a schema, and a digest of its canonical form; no name if it is no Avro record."""
    try:
        schema: Any = parse(text)
        return str(schema["name"]), sha256(to_parsing_canonical_form(schema).encode()).hexdigest()
    except Exception:  # a registry may also hold Protobuf, JSON Schema and references
        return "", sha256(text.encode()).hexdigest()
