"""The definition of the page that the console loads by its entry point."""

from typing import Final

from plaudit_consumers.sink.settings import RootSettings
from plaudit_producers.review.settings import ReviewPageSettings
from plaudit_schemas.service.console import ConsolePage, LoadSettings, PageParts
from plaudit_schemas.settings.connection import ConnectionSettings


def _create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    from plaudit_infra.conversations_page.page import create  # noqa: PLC0415  # loads DuckDB and Kafka

    return create(connection, load)


PAGE: Final = ConsolePage(
    name="conversations",
    title="Conversations",
    order=15,
    package="plaudit_infra.conversations_page",
    settings=(RootSettings, ReviewPageSettings),
    # Not reviewers: who looks up what others said of an answer does not judge it alone.
    roles=frozenset(("reader", "lead")),
    create=_create,
)
