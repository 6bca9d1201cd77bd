"""docs/rubrics.md says what the format is."""

import re
from typing import get_args

import yaml
from plaudit_schemas.review.rubric import ItemSelection, QuestionKind, Rubric
from plaudit_schemas.review.rubric_file import parse_rubric

from tests.support.services import ROOT

TEXT = (ROOT / "docs" / "rubrics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def _first_cells(heading: str) -> set[str]:
    """The names in backquotes that begin the rows of the table below a heading."""
    part = TEXT.partition(f"{heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| ([^|]*) \|", part, re.MULTILINE)
    return {name.partition(":")[0] for cell in cells[1:] for name in re.findall(r"`([^`]*)`", cell)}


def test_its_rubric_and_its_controls_are_fine() -> None:
    made, controls = BLOCKS
    rubric = parse_rubric((made + controls).encode(), "docs/rubrics.md")
    assert rubric.controls is not None
    assert len(rubric.controls.items) == 2


def test_it_names_every_field_kind_and_reason() -> None:
    assert _first_cells("## The file") == set(Rubric.model_fields)
    assert _first_cells("### Questions") == set(get_args(QuestionKind))
    assert _first_cells("### What becomes an item") == set(ItemSelection.model_fields)
    assert yaml.safe_load(BLOCKS[0])["version"] == "1"
