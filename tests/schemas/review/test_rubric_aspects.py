"""Answers to a rubric's questions must fit the declared aspects."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.review.rubric_file import parse_rubric

from tests.support.rubric_problems import problems_in
from tests.support.rubrics import LABELS, RANKING, RATING, THUMB, rubric_fields

ASPECTS = """\
version: 1
applications:
  app:
    - {name: fine, kinds: [thumb], levels: [message], direction: higher_is_better}
    - {name: helpful, kinds: [number], levels: [message], direction: higher_is_better, minimum: 1, maximum: 5}
    - {name: faults, kinds: [label], levels: [message], direction: neutral, labels: [long, rude]}
    - {name: style, kinds: [thumb], levels: [message], direction: neutral}
"""


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param(
            rubric_fields("answer", {**THUMB, "aspect": "fien"}),
            "line 7: questions.0: aspect fien is not declared for application app; did you mean fine?",
            id="not declared",
        ),
        pytest.param(rubric_fields("answer", RATING), "is on the scale 0 to 4, but", id="another scale"),
        pytest.param(
            rubric_fields("answer", LABELS), "declared with labels long, rude, not طويل", id="another label"
        ),
        pytest.param(
            rubric_fields("conversation", THUMB),
            "declared with levels message, not a conversation",
            id="another level",
        ),
        pytest.param(
            rubric_fields("answers", {**RANKING, "aspect": "style"}),
            "kinds thumb, not comparison",
            id="another kind",
        ),
        pytest.param(
            rubric_fields("answer", THUMB, select={"unsure": {"aspect": "hepful"}}),
            "select.unsure.aspect: hepful is not declared for application app; did you mean helpful?",
            id="unsure of what is not declared",
        ),
    ],
)
def test_answers_must_fit_the_declared_aspects(document: Any, problem: str, tmp_path: Path) -> None:
    (tmp_path / "aspects.yaml").write_text(ASPECTS, encoding="utf-8")
    found = problems_in(document, read_aspects(tmp_path / "aspects.yaml"))
    assert any(problem in each for each in found), found
    parse_rubric(yaml.safe_dump({**document, "application": "other"}).encode(), "x", Aspects.none())
    parse_rubric(
        yaml.safe_dump({**document, "application": "other"}).encode(),
        "x",
        read_aspects(tmp_path / "aspects.yaml"),
    )
