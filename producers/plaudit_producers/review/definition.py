"""The definition of the page that the console loads by its entry point."""

from typing import Final

from plaudit_schemas.service.console import ConsolePage, LoadSettings, PageParts
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.review.settings import ReviewPageSettings


def _create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    from plaudit_producers.review.routes import create  # noqa: PLC0415  # loads the extra

    return create(connection, load(ReviewPageSettings))


PAGE: Final = ConsolePage(
    name="review",
    title="Review",
    order=30,
    package="plaudit_producers.review",
    settings=(ReviewPageSettings,),
    roles=frozenset(("reviewer", "lead")),
    create=_create,
)
