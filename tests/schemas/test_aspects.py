"""Declared aspects: the file that declares them, and what does not fit it."""

from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects, read_aspects
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    LABEL,
    NUMBER,
    SPANS,
    THUMB,
    UPDATE_MESSAGE,
)
from plaudit_schemas.errors import SettingsError

FILE = """
version: 1
applications:
  shop:
    - name: helpfulness
      kinds: [number, comparison]
      levels: [message]
      direction: higher_is_better
      minimum: 0
      maximum: 4
      description: Did the answer solve it?
    - {name: verbosity, kinds: [number], levels: [message], direction: lower_is_better}
    - {name: tone, kinds: [label, spans], levels: [prompt], direction: neutral, labels: [warm, cold]}
    - {name: solved, kinds: [thumb], levels: [conversation], direction: higher_is_better}
  "*":
    - {name: quality, kinds: [thumb], levels: [message], direction: higher_is_better}
"""
ENTRY = "{name: a, kinds: [number], levels: [message], direction: neutral%s}"


def read(tmp_path: Path, text: str) -> Aspects:
    path = tmp_path / "aspects.yaml"
    path.write_text(text)
    return read_aspects(path)


def one(text: str) -> str:
    return f"version: 1\napplications:\n  shop:\n    - {text}\n"


@pytest.fixture
def aspects(tmp_path: Path) -> Aspects:
    return read(tmp_path, FILE)


def rating(aspect: str, kind: str, value: Any, message_id: str | None = "m-1") -> tuple[str, dict[str, Any]]:
    feedback = {"aspect": aspect, "kind": kind, "value": value}
    return UPDATE_MESSAGE, {"message_id": message_id, "feedback": feedback}


def number(aspect: str, given: float, minimum: float = 0, maximum: float = 4) -> tuple[str, dict[str, Any]]:
    return rating(aspect, "number", (NUMBER, {"number": given, "minimum": minimum, "maximum": maximum}))


def test_an_application_has_its_own_aspects_and_all_others_those_of_the_star(aspects: Aspects) -> None:
    helpfulness = aspects.find("shop", "helpfulness")
    assert helpfulness is not None
    assert (helpfulness.minimum, helpfulness.maximum) == (0, 4)
    assert helpfulness.description == "Did the answer solve it?"
    assert aspects.find("shop", "quality") is None
    assert aspects.find("bank", "quality") is not None
    assert [declaration.name for declaration in aspects.of("bank")] == ["quality"]
    assert aspects.declared("bank")


def test_without_a_star_other_applications_declare_nothing(tmp_path: Path) -> None:
    aspects = read(tmp_path, one(ENTRY % ""))
    assert not aspects.declared("bank")
    assert aspects.find("bank", "satisfaction") is None
    assert aspects.problem("bank", number("anything", 9)) is None


def test_no_file_declares_nothing() -> None:
    assert not Aspects.none()
    assert not Aspects.none().declared("shop")
    assert Aspects.none().problem("shop", number("anything", 9)) is None


def test_directions_turn_a_share_of_the_scale(aspects: Aspects) -> None:
    found = [aspects.find("shop", name) for name in ("helpfulness", "verbosity", "tone")]
    assert [one and one.oriented(0.25) for one in found] == [0.25, 0.75, None]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(number("helpfulness", 4), id="end-of-the-scale"),
        pytest.param(number("verbosity", 70, 0, 100), id="any-scale"),
        pytest.param(rating("tone", "label", (LABEL, {"labels": ["warm", "cold"]})), id="declared-labels"),
        pytest.param(rating("solved", "thumb", (THUMB, {"like": True}), None), id="whole-conversation"),
        pytest.param(rating("satisfaction", "thumb", (THUMB, {"like": True}), ""), id="built-in"),
        pytest.param(rating("helpfulness", "thumb", None), id="withdrawal-of-an-earlier-kind"),
        pytest.param((COMPARE_MESSAGES, {"aspect": "helpfulness"}), id="comparison-that-is-declared"),
        pytest.param((COMPARE_MESSAGES, {}), id="comparison-by-default"),
        pytest.param((ADD_MESSAGE, {"message_id": "m-1"}), id="no-feedback"),
    ],
)
def test_what_fits(aspects: Aspects, body: tuple[str, dict[str, Any]]) -> None:
    assert aspects.problem("shop", body) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(
            number("helpfullness", 1),
            "aspect helpfullness is not declared for application shop; did you mean helpfulness?",
            id="typo",
        ),
        pytest.param(number("Helpfulness", 1), "did you mean helpfulness?", id="capital"),
        pytest.param(number("satisfactoin", 1), "did you mean satisfaction?", id="typo-of-a-built-in"),
        pytest.param(number("xyz", 1), "`plaudit aspects show` lists those that are", id="nothing-like-it"),
        pytest.param(rating("helpfullness", "number", None), "did you mean", id="withdrawal-of-a-typo"),
        pytest.param(
            number("helpfulness", 5),
            "number 5 is outside the scale: aspect helpfulness is declared from 0 to 4",
            id="outside",
        ),
        pytest.param(
            number("helpfulness", 3, 1, 5),
            "number 3 is on the scale 1 to 5, but aspect helpfulness is declared from 0 to 4",
            id="other-scale",
        ),
        pytest.param(rating("helpfulness", "thumb", (THUMB, {"like": True})), "not thumb", id="other-kind"),
        pytest.param(
            rating("helpfulness", "number", (NUMBER, {"number": 1, "minimum": 0, "maximum": 4}), None),
            "levels message, not a conversation",
            id="conversation",
        ),
        pytest.param(rating("solved", "thumb", (THUMB, {"like": True})), "not a message", id="message"),
        pytest.param(
            rating("tone", "label", (LABEL, {"labels": ["warm", "hot"]})), "warm, cold, not hot", id="label"
        ),
        pytest.param(
            rating("tone", "spans", (SPANS, {"spans": [{"start": 0, "end": 1, "label": "hot"}]})),
            "not hot",
            id="label-of-a-span",
        ),
        pytest.param((COMPARE_MESSAGES, {"aspect": "tone"}), "not comparison", id="comparison"),
        pytest.param((COMPARE_MESSAGES, {"aspect": "tune"}), "did you mean tone?", id="comparison-typo"),
    ],
)
def test_what_does_not_fit_says_so(aspects: Aspects, body: tuple[str, dict[str, Any]], text: str) -> None:
    assert text in str(aspects.problem("shop", body))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "valid", id="empty"),
        pytest.param("{", "cannot be read", id="no-yaml"),
        pytest.param("[1]", "not valid", id="list"),
        pytest.param(one(ENTRY % "").replace("1", "2", 1), "version: must be 1", id="version"),
        pytest.param("version: 1\napplications: {}", "applications", id="no-application"),
        pytest.param(
            one(ENTRY % ", rnage: 3"),
            "applications.shop.a.rnage: there is no such field; write one of name, kinds,",
            id="unknown-field",
        ),
        pytest.param(
            one(ENTRY % ", lables: [x]"),
            "lables: there is no such field; did you mean labels?",
            id="field-typo",
        ),
        pytest.param("applicatons: {}\nversion: 1", "applications: is missing", id="no-applications"),
        pytest.param(
            "version: 1\napplications: {a: []}\nx: 1", "one of version, applications", id="field-of-the-file"
        ),
        pytest.param(
            "version: 1\napplications:\n  a:\n", "a: must be a list; write -", id="nothing-for-an-application"
        ),
        pytest.param(
            "version: 1\napplications:\n", "must have the names of applications", id="nothing-at-all"
        ),
        pytest.param(one("solved"), "must be an aspect with its fields", id="name-only"),
        pytest.param(
            "version: 1\napplications:\n  *:\n", "line 3: a * without quotes", id="star-without-quotes"
        ),
        pytest.param("version: 1\napplications:\n\tshop:", "line 3: ", id="tabulator"),
        pytest.param(
            one(ENTRY % "").replace("name: a", "name: other"),
            "other.name: the figures call whatever is not declared other",
            id="name-of-the-rest",
        ),
        pytest.param(one(ENTRY % "") + "---\n", "line 5: a second document begins", id="two-documents"),
        pytest.param("version: '1'\napplications: {a: []}", "must be 1, without quotes", id="quoted-version"),
        pytest.param("[" * 5_000, "nested too deeply", id="nested"),
        pytest.param("a: \x00", "special characters are not allowed", id="null-character"),
        pytest.param(
            one("{name: a, kinds: [label], levels: [message], direction: neutral, labels: [yes]}"),
            "labels.0: must be a text, and YAML reads it as true; put it in quotes",
            id="label-yes",
        ),
        pytest.param(
            one("{name: 12, kinds: [label], levels: [message], direction: neutral}"),
            "YAML reads it as 12; put it in quotes",
            id="number-as-a-name",
        ),
        pytest.param(
            one("{name:, kinds: [text], levels: [message], direction: neutral}"),
            "name: is empty",
            id="empty-name",
        ),
        pytest.param(
            one("{name: a, kinds: number, levels: [message], direction: neutral}"),
            "kinds: must be a list, such as",
            id="one-kind",
        ),
        pytest.param(
            one("{name: a, kinds: [numbr], levels: [message], direction: neutral}"),
            "numbr is not allowed; did you mean number?",
            id="kind-typo",
        ),
        pytest.param(
            one("{name: a, kinds: [text], levels: [message], direction: higher}"),
            "write one of higher_is_better, lower_is_better, neutral",
            id="direction",
        ),
        pytest.param(
            one('{name: "a\\u202e", kinds: [text], levels: [message], direction: neutral}'),
            r"shop.a\u202e.name: must be printable",
            id="reordering-name",
        ),
        pytest.param(one("{name: a, kinds: [number], levels: [message]}"), "a.direction", id="missing"),
        pytest.param(
            one(ENTRY % ", minimum: 1"), "shop.a: minimum and maximum must be given", id="half-a-range"
        ),
        pytest.param(one(ENTRY % ", minimum: 2, maximum: 2"), "below maximum", id="empty-range"),
        pytest.param(one(ENTRY % ", minimum: 0, maximum: .inf"), "a.maximum", id="endless-range"),
        pytest.param(one(ENTRY % ", minimum: false, maximum: 1"), "a.minimum", id="no-number"),
        pytest.param(
            one("{name: a, kinds: [thumb], levels: [message], direction: neutral, minimum: 0, maximum: 1}"),
            "minimum and maximum are for kind number",
            id="range-of-thumbs",
        ),
        pytest.param(one(ENTRY % ", labels: [x]"), "labels are for the kinds label and spans", id="labels"),
        pytest.param(
            one("{name: a, kinds: [], levels: [message], direction: neutral}"), "kinds", id="no-kind"
        ),
        pytest.param(
            one("{name: a, kinds: [stars], levels: [message], direction: neutral}"), "kinds", id="wrong-kind"
        ),
        pytest.param(
            one("{name: a, kinds: [text, text], levels: [message], direction: neutral}"),
            "text twice",
            id="twice",
        ),
        pytest.param(
            one("{name: no, kinds: [text], levels: [message], direction: neutral}"), "name", id="yaml-no"
        ),
        pytest.param(
            one("{name: ' a', kinds: [text], levels: [message], direction: neutral}"), "blanks", id="blanks"
        ),
        pytest.param(one(ENTRY % "") + f"    - {ENTRY % ''}\n", "declares a twice", id="aspect-twice"),
        pytest.param(
            one(ENTRY % "") + f"  shop:\n    - {ENTRY % ''}\n", "shop is given twice", id="shop-twice"
        ),
        pytest.param(
            one(ENTRY % "").replace("shop", "my shop"), "my shop: cannot be the name", id="application-name"
        ),
        pytest.param(
            one("{name: accuracy, kinds: [thumb], levels: [message], direction: lower_is_better}"),
            "higher_is_better by its meaning",
            id="built-in-turned",
        ),
    ],
)
def test_a_wrong_file_is_refused_and_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match="aspects file") as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_says_so(tmp_path: Path) -> None:
    path = tmp_path / "aspects.yaml"
    path.write_text(FILE, encoding="utf-16")
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        read_aspects(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_aspects(tmp_path / "none.yaml")


def test_the_example_of_the_documents_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "aspects.md").read_text(encoding="utf-8")
    aspects = read(tmp_path, text.partition("```yaml\n")[2].partition("```")[0])
    assert [application for application, _ in aspects] == ["my-shop", "*"]
    fields = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert set(AspectDeclaration.model_fields) <= fields | {"maximum"}, "every field is in the table"
