"""What the documentation says of access to Kafka and Redis is what the test of a secured stack grants."""

import yaml
from plaudit_schemas.topics import definitions

from tests.support.services import ROOT

FILE = ROOT / "infra" / "security" / "access.yaml"


def test_the_page_has_the_file() -> None:
    assert FILE.read_text() in (ROOT / "docs" / "secured-servers.md").read_text()


def test_the_file_names_topics_that_exist() -> None:
    access = yaml.safe_load(FILE.read_text())
    named = {topic for role in access.values() for topic in role["kafka"]["topics"]}
    assert named == {topic.name for topic in definitions()}
