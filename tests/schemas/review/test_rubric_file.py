"""Files of rubrics: what is wrong is told in full, with lines."""

from pathlib import Path

import pytest
import yaml
from plaudit_schemas.errors import RubricError
from plaudit_schemas.review.publications import rubric_json
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.rubric_file import MOST_BYTES, parse_rubric, read_rubric

from tests.support.rubric_problems import problems_in
from tests.support.rubrics import LABEL, TEXT, rubric_fields
from tests.support.services import ROOT

EXAMPLES = sorted((ROOT / "examples" / "rubrics").glob("*.yaml"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in EXAMPLES])
def test_the_examples_are_fine(path: Path) -> None:
    made = read_rubric(path)
    assert made.name == path.stem
    assert Rubric.model_validate_json(rubric_json(made)) == made


def test_there_are_four_examples() -> None:
    assert len(EXAMPLES) == 4


def test_all_problems_are_told_with_their_lines() -> None:
    text = """\
name: Answer Quality
version: 1
application: a b
title: Is it good?
target: answer
qestions: []
questions:
  - name: q
    kind: ratng
    title:
  - name: r
    kind: rating
    title: ok
    minimum: true
  - {name: l, kind: label, title: t}
select: {random: true, disliked: "yes", filter: {tag: {}}}
controls:
  items:
    - conversation: c
      expected: {q: {a: 1}}
"""
    name = "must be lower-case letters, digits and hyphens, at most 64, and begin with a letter or digit"
    expected = "must be true, false, a number, a label, or a list of labels"
    assert problems_in(text) == [
        f"line 1: name: {name}",
        "line 2: version: must be a text, and YAML reads it as 1; put it in quotes",
        'line 3: application: must be up to 128 of A-Z, a-z, 0-9, ".", "_" and "-"',
        "line 6: qestions: there is no such field; did you mean questions?",
        "line 9: questions.0.kind: ratng is not allowed; did you mean rating?",
        "line 10: questions.0.title: is empty",
        "line 14: questions.1.minimum: must be a whole number, without quotes",
        "line 15: questions.2: labels are needed for the kinds label and labels, and for no other",
        "line 16: select.random: must be a number, without quotes",
        "line 16: select.disliked: must be true or false, without quotes",
        "line 16: select.filter.tag: there is no such field; did you mean tags?",
        f"line 20: controls.items.0.expected.q: {expected}",
    ]


def test_limits_are_told_in_plain_words() -> None:
    document = rubric_fields(
        "answer",
        *({**LABEL, "name": f"q{number}"} for number in range(31)),
        title="t" * 201,
        overlap=0,
        lease_minutes=0,
        select={"random": 1.5},
        controls={"share": "5%", "items": [{"conversation": "c", "expected": {"q1": True}}]},
    )
    told = sorted(problem.split(": ", 1)[1] for problem in problems_in(document))
    assert told == [
        "controls.share: must be a number, without a sign of percent; 10 % is 0.1",
        "lease_minutes: must be more than 0",
        "overlap: must be at least 1",
        "questions: must have at most 30 entries",
        "select.random: must be at most 1",
        "title: must have at most 200 characters",
    ]


def test_contradictions_are_all_told() -> None:
    text = """\
name: x
version: "1"
application: shop
title: t
target: answer
continues: ["1"]
questions:
  - {name: a, kind: thumb, title: t}
  - {name: a, kind: thumb, title: t}
  - {name: r, kind: ranking, title: t}
  - {name: p, kind: prompt, title: t}
"""
    kinds = "the target answer has the kinds correction, label, labels, rating, text, thumb"
    assert problems_in(text) == [
        "line 1: two questions are named a",
        "line 1: continues names earlier versions, not this one",
        f"line 10: questions.2: question r: {kinds}",
        f"line 11: questions.3: question p: {kinds}",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"a: [", "cannot be read: line 1", id="no YAML"),
        pytest.param(
            b"title: Good: yes?", "not allowed here; put a text with a colon into quotes", id="a colon"
        ),
        pytest.param(b"a: {b: c?}", "got '?'; close the bracket, or put a text with", id="a question mark"),
        pytest.param(b"a: %", "cannot start any token; put the text into quotes", id="a sign of percent"),
        pytest.param(b"- a", "must have fields such as", id="a list"),
        pytest.param(b"", "must have fields such as", id="nothing"),
        pytest.param(b"a: \xff", "not text in UTF-8", id="no UTF-8"),
        pytest.param(b"name: a\nname: b\n", "line 2: name is given twice", id="a key twice"),
        pytest.param(b"a" * (MOST_BYTES + 1), "is larger than", id="a large file"),
        pytest.param(b"[" * 5000, "cannot be read", id="too deep"),
        pytest.param(b"1: 2\n", "line 1: 1: is no name of a field", id="a number as a name"),
        pytest.param(b'name: "\\ud800"\n', "line 1: name: ", id="half of a character"),
    ],
)
def test_a_file_that_is_no_rubric_is_told(data: bytes, problem: str) -> None:
    with pytest.raises(RubricError, match="the rubric x") as raised:
        parse_rubric(data, "the rubric x")
    assert any(problem in each for each in [str(raised.value), *raised.value.problems])


def test_the_first_problem_stands_for_the_others() -> None:
    text = yaml.safe_dump(rubric_fields(overlap=0, version=2), sort_keys=False)
    with pytest.raises(
        RubricError, match=r"^the rubric x is not valid: line 2: version: .* \(1 more; `plaudit"
    ):
        parse_rubric(text.encode(), "the rubric x")


def test_a_rubric_that_no_record_holds_is_refused() -> None:
    """References make a small file a large rubric."""
    text = "a" * 3900
    lines = [f"- &a {{name: t0, prompts: 1, help: {text}}}"]
    lines += [f"- {{<<: *a, name: t{number}}}" for number in range(1, 400)]
    document = rubric_fields("topic", {**TEXT, "kind": "prompt"})
    with pytest.raises(RubricError, match="is too large"):
        parse_rubric(f"{yaml.safe_dump(document)}topics:\n{chr(10).join(lines)}\n".encode(), "the rubric x")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RubricError, match=r"none\.yaml cannot be read: No such file"):
        read_rubric(tmp_path / "none.yaml")


def test_a_mark_at_the_start_of_the_file_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "marked.yaml"
    path.write_text(yaml.safe_dump(rubric_fields()), encoding="utf-8-sig")
    assert read_rubric(path).name == "quality"


def test_right_to_left_texts_stay_as_they_are(tmp_path: Path) -> None:
    question = {**LABEL, "labels": ["صحيح", "می\u200cخواهم", "שגוי"], "title": "האם זה נכון?"}
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(rubric_fields("answer", question), allow_unicode=True), encoding="utf-8")
    assert read_rubric(path).questions[0].labels == ("صحيح", "می\u200cخواهم", "שגוי")
