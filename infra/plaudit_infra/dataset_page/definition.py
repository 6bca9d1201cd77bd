"""The definition of the page that the console loads by its entry point."""

from typing import Final

from plaudit_consumers.sink.settings import RootSettings
from plaudit_schemas.service.console import ConsolePage, LoadSettings, PageParts
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.dataset_page.settings import SnapshotSettings


def _create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    from plaudit_infra.dataset_page.page import create  # noqa: PLC0415  # loads DuckDB and Arrow

    return create(connection, load)


PAGE: Final = ConsolePage(
    name="datasets",
    title="Data sets",
    order=20,
    package="plaudit_infra.dataset_page",
    settings=(RootSettings, SnapshotSettings),
    roles=frozenset(("reader",)),
    create=_create,
)
