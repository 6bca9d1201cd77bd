"""A Label Studio for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.label_studio.environment import install, is_installed
from tests.label_studio.server import LabelStudio
from tests.support.services import unavailable, under_ci


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    """A real server. CI installs it; on a laptop `make label-studio` does."""
    if under_ci():
        install()
    if not is_installed():
        unavailable("Label Studio; `make label-studio` installs it")
    server = LabelStudio(tmp_path_factory.mktemp("label-studio"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
