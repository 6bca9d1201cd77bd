"""The console pages that installed members offer."""

from argparse import Namespace

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.console import PAGES_GROUP, ConsolePage, PageParts
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.installed import load_installed


def console_pages() -> list[ConsolePage]:
    """Every page, in the order of the navigation.

    Raises:
        SettingsError: two pages have the same name.
    """
    pages: list[ConsolePage] = load_installed(PAGES_GROUP)
    names = [page.name for page in pages]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                f"two pages of the console are named {name!r}; uninstall one of their members"
            )
    return sorted(pages, key=lambda page: (page.order, page.name))


def create_parts(page: ConsolePage, connection: ConnectionSettings, arguments: Namespace) -> PageParts:
    """Create a page's routes, with settings from the command's arguments and the environment.

    Raises:
        SettingsError: one of the page's settings is wrong.
    """
    return page.create(connection, lambda kind: load(kind, arguments))
