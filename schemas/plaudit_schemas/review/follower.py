"""Follows which rubrics are active, and what people sent to their queues."""

from plaudit_schemas.kafka.publication_log import PublicationLog
from plaudit_schemas.review.publications import RubricBook
from plaudit_schemas.review.rubric_log import RUBRIC_LOG
from plaudit_schemas.settings.connection import ConnectionSettings


class RubricFollower:
    """Knows what is published of rubrics, as of its last look. Not thread-safe; a look blocks.

    Attributes:
        book: of the last look. The same object as long as nothing is published.
        unreadable: for each record that this release cannot read, its key and the reason. What it says does
            not count, so tell people.
    """

    def __init__(self, connection: ConnectionSettings, *, timeout_s: float = 10.0) -> None:
        """Does not wait for Kafka. Nothing is known before the first look.

        Args:
            timeout_s: how long Kafka may stay silent before a look raises ServiceUnavailableError.
        """
        self.book = RubricBook()
        self.unreadable: list[tuple[str, str]] = []
        self._log = PublicationLog(connection, RUBRIC_LOG, timeout_s=timeout_s)
        self._bounds: tuple[int, int] | None = None

    def look(self) -> RubricBook:
        """Read the topic, if it has grown since the last look. Some requests to Kafka.

        Raises:
            ServiceUnavailableError: Kafka does not answer. What was known stays known.
            TopicError: the topic is missing or cannot be used.
            RegistryUnavailableError: the schema registry cannot be asked now.
        """
        bounds = self._log.bounds()
        if bounds != self._bounds:
            content = self._log.read()
            self.book, self.unreadable = RubricBook(content.publications), content.unreadable
            self._bounds = bounds
        return self.book

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._log.close()
