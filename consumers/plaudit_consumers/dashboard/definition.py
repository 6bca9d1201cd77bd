"""The definition of the dashboard that the console loads by its entry point."""

from typing import Final

from plaudit_schemas.service.console import ConsolePage, LoadSettings, PageParts
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.dashboard.settings import DashboardSettings


def _create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    from plaudit_consumers.dashboard.page import create  # noqa: PLC0415  # avoids loading Kafka's client

    return create(connection, load)


PAGE: Final = ConsolePage(
    name="dashboard",
    title="Dashboard",
    order=10,
    package="plaudit_consumers.dashboard",
    settings=(DashboardSettings,),
    roles=frozenset(("reader",)),
    create=_create,
)
