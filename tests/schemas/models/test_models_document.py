"""docs/models.md: its example is valid, every field and every setting is in it."""

import re

from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.manifest_file import parse_manifest
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.settings import variable_of

from tests.support.services import ROOT

DOCUMENT = (ROOT / "docs" / "models.md").read_text()


def test_the_example_is_a_manifest() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert parse_manifest(example.encode(), "docs/models.md").name == "polite"


def test_every_field_is_explained_as_the_command_does() -> None:
    for name, field in ModelManifest.model_fields.items():
        assert f"| `{name}` | {field.description} |\n" in DOCUMENT


def test_the_optional_fields_are_named() -> None:
    [named] = re.findall(r"The optional fields are (.*?)\.\n", DOCUMENT, re.DOTALL)
    optional = {name for name, field in ModelManifest.model_fields.items() if not field.is_required()}
    assert set(re.findall(r"`(\w+)`", named)) == optional - {"format"}


def test_every_setting_is_in_the_table() -> None:
    for name in RuntimeSettings.model_fields:
        assert f"| `{variable_of(name)}` |" in DOCUMENT
