"""Reads the file of a rubric, and says all that is wrong with it, with lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plaudit_schemas.contract.aspect_file_problems import yaml_problem
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.contract.problem_texts import choices, fields_beside, literal_text, no_text, shown
from plaudit_schemas.contract.yaml_places import Place, lines_of
from plaudit_schemas.contract.yaml_text import load_yaml
from plaudit_schemas.errors import RubricError
from plaudit_schemas.review.publications import rubric_json
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.rubric_checks import RubricProblem, problems_of

MOST_BYTES: Final = 1 << 20
"""Of a file, and of the rubric as JSON, which must fit into a record of Kafka."""

_TEXTS: Final = {
    "missing": "is missing",
    "invalid_key": "is no name of a field; names are texts",
    "list_type": "must be a list",
    "tuple_type": "must be a list, such as [a, b]",
    "dict_type": "must have names and values",
    "model_type": "must have fields; write them below it",
    "mapping_type": "must have names and values",
    "string_too_short": "is empty",
    "too_short": "is empty; name at least one",
    "finite_number": "must be a finite number",
    "float_type": "must be a number, without quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false, without quotes",
}
_LIMITS: Final = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
}
_PATTERNS: Final = {
    "name": "must be lower-case letters, digits and hyphens, at most 64, and begin with a letter or digit",
    "version": 'must be up to 32 of A-Z, a-z, 0-9, "." and "-", and begin with a letter or digit',
    "application": 'must be up to 128 of A-Z, a-z, 0-9, ".", "_" and "-"',
}
_EXPECTED: Final = "must be true, false, a number, a label, or a list of labels"


def read_rubric(path: Path, aspects: Aspects | None = None) -> Rubric:
    """The rubric of a file.

    Args:
        aspects: the declared ones, which its answers must fit; None looks at none.

    Raises:
        RubricError: the file cannot be read, or something is wrong with it. It has all problems.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RubricError(f"the rubric {path} cannot be read: {error.strerror}") from None
    return parse_rubric(data, f"the rubric {path}", aspects)


def parse_rubric(data: bytes, source: str, aspects: Aspects | None = None) -> Rubric:
    """A rubric from the bytes of its file.

    Args:
        source: names the file in errors.

    Raises:
        RubricError: as `read_rubric`.
    """
    text, document = _document_of(data, source)
    try:
        rubric = Rubric.model_validate(document)
    except ValidationError as error:
        raise _refused(source, text, _format_problems(error, document)) from None
    problems = problems_of(rubric, aspects)
    if problems:
        raise _refused(source, text, problems)
    if len(rubric_json(rubric).encode()) > MOST_BYTES:
        raise RubricError(f"{source} is too large: as JSON it must have at most {MOST_BYTES} bytes")
    return rubric


def _document_of(data: bytes, source: str) -> tuple[str, dict[Any, Any]]:
    if len(data) > MOST_BYTES:
        raise RubricError(f"{source} is larger than {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
        document = load_yaml(text)
    except UnicodeDecodeError:
        raise RubricError(f"{source} is not text in UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        problem = yaml_problem(error)
        raise RubricError(f"{source} cannot be read: {problem}", (problem,)) from None
    except RecursionError:
        raise RubricError(f"{source} cannot be read: it is nested too deeply") from None
    if not isinstance(document, dict):
        raise RubricError(f"{source} is not valid: it must have fields such as `name` and `questions`")
    return text, document


def _refused(source: str, text: str, problems: list[RubricProblem]) -> RubricError:
    lines = lines_of(text, [problem.place for problem in problems])
    named = [
        f"line {line}: {_named(problem)}"
        for line, problem in sorted(zip(lines, problems, strict=True), key=lambda one: one[0])
    ]
    more = f" ({len(named) - 1} more; `plaudit review check` lists them)" if len(named) > 1 else ""
    return RubricError(f"{source} is not valid: {named[0]}{more}", tuple(named))


def _named(problem: RubricProblem) -> str:
    place = ".".join(shown(part) for part in problem.place)
    return f"{place}: {printable(problem.text)}" if place else printable(problem.text)


def _format_problems(error: ValidationError, document: Mapping[Any, Any]) -> list[RubricProblem]:
    found: dict[Place, str] = {}
    for each in error.errors():
        place = _place_in(each["loc"], document)
        if not place and each["type"] == "value_error":
            return [
                RubricProblem(_question_place(sentence, document), sentence)
                for sentence in _text(each, place).splitlines()
            ]
        found.setdefault(place, _text(each, place))
    # A list of which no entry is right counts as empty, too.
    inside = {place[:end] for place in found for end in range(len(place))}
    return [
        RubricProblem(place, text)
        for place, text in found.items()
        if text != _TEXTS["too_short"] or place not in inside
    ]


def _place_in(loc: Place, document: Any) -> Place:
    """The part of an error's place that the document has, and one part more where that is missing.

    Pydantic adds what it tried to read, such as the kinds of value that a field may have.
    """
    node, place = document, []
    for part in loc:
        inside = isinstance(node, dict) or (isinstance(node, list) and isinstance(part, int))
        if not inside or part == "[key]":
            break
        place.append(part)
        if place[-2:-1] == ["expected"]:
            break
        try:
            node = node[part]
        except (KeyError, IndexError):
            break
    return tuple(place)


def _question_place(message: str, document: Mapping[Any, Any]) -> Place:
    """The place of the question that a message of the whole rubric names."""
    questions = document.get("questions")
    for number, question in enumerate(questions if isinstance(questions, list) else ()):
        if isinstance(question, dict) and f"question {question.get('name')}:" in message:
            return "questions", number
    return ()


def _text(problem: ErrorDetails, place: Place) -> str:
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"there is no such field; {choices(str(place[-1]), fields_beside(place[:-1], Rubric))}"
    if place[-2:-1] == ("expected",):
        return _EXPECTED
    if kind == "literal_error":
        return literal_text(given, problem["ctx"]["expected"])
    if kind == "string_type":
        return no_text(given)
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(place[-1]), _PATTERNS["version"])
    return _field_text(problem)


def _field_text(problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind in _LIMITS:
        return _LIMITS[kind].format(**problem["ctx"])
    if kind == "float_type" and "%" in str(problem["input"]):
        return "must be a number, without a sign of percent; 10 % is 0.1"
    return _TEXTS.get(kind, problem["msg"].removeprefix("Value error, "))
