"""Which questions the page asks, from the declared aspects."""

from pathlib import Path
from textwrap import indent

import pytest
from plaudit_producers.chat.questions import ChatQuestion, ChatQuestions, questions_of
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.errors import SettingsError

_DECLARED = """
- name: helpfulness
  kinds: [number, comparison, signal]
  levels: [message, conversation]
  direction: higher_is_better
  minimum: 0
  maximum: 4
  description: Did it help?
- name: tone
  kinds: [label, text]
  levels: [message, prompt]
  direction: neutral
  labels: [warm, cold]
"""


def declared(folder: Path, text: str) -> Aspects:
    path = folder / "aspects.yaml"
    path.write_text(f"version: 1\napplications:\n  chat:\n{indent(text.strip(), '    ')}\n")
    return read_aspects(path)


def kinds(questions: tuple[ChatQuestion, ...]) -> list[tuple[str, str]]:
    return [(one.aspect, one.kind) for one in questions]


def asked(folder: Path, text: str, only: str = "") -> ChatQuestions:
    return questions_of(declared(folder, text), "chat", only)


def test_without_declared_aspects_satisfaction_is_asked() -> None:
    found = questions_of(Aspects.none(), "chat")
    assert kinds(found.on_answer) == [
        ("satisfaction", "thumb"), ("satisfaction", "stars"), ("satisfaction", "text"),
    ]  # fmt: skip
    assert kinds(found.on_chat) == [("satisfaction", "stars"), ("satisfaction", "text")]
    assert kinds(found.on_prompt) == [("satisfaction", "text")]
    assert kinds(found.what_was_wrong) == [("satisfaction", "labels"), ("satisfaction", "text")]
    assert "incorrect" in found.what_was_wrong[0].labels
    assert found.may_correct
    assert found.may_compare


def test_declared_aspects_are_asked_where_they_belong(tmp_path: Path) -> None:
    found = asked(tmp_path, _DECLARED)
    assert kinds(found.on_answer)[3:] == [("helpfulness", "stars"), ("tone", "labels"), ("tone", "text")]
    assert kinds(found.on_prompt)[1:] == [("tone", "labels"), ("tone", "text")]
    assert kinds(found.on_chat)[2:] == [("helpfulness", "stars")]
    stars = found.on_answer[3]
    assert (stars.text, stars.steps) == ("Did it help?", (0, 1, 2, 3, 4))
    assert (found.on_answer[4].text, found.on_answer[4].labels) == ("Tone", ("warm", "cold"))
    assert found.on_answer[5].labels == ()


def test_only_the_chosen_aspects_are_asked(tmp_path: Path) -> None:
    found = asked(tmp_path, _DECLARED, " tone , ")
    assert kinds(found.on_answer) == [("tone", "labels"), ("tone", "text")]
    assert kinds(found.on_prompt) == kinds(found.on_answer)
    assert found.on_chat == ()
    assert asked(tmp_path, _DECLARED, "tone,tone") == found
    with_thumb = asked(tmp_path, _DECLARED, "satisfaction,tone")
    assert kinds(with_thumb.on_answer)[0] == ("satisfaction", "thumb")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("tune", "did you mean tone", id="a typo"),
        pytest.param("xyz", "choose from satisfaction, helpfulness, tone", id="another name"),
    ],
)
def test_an_aspect_that_is_not_declared_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        asked(tmp_path, _DECLARED, name)


def test_what_the_declarations_do_not_allow_is_not_asked(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        """
- name: satisfaction
  kinds: [number]
  levels: [message]
  direction: higher_is_better
  minimum: 0
  maximum: 1
- {name: accuracy, kinds: [label], levels: [message], direction: higher_is_better}
- {name: preference, kinds: [thumb], levels: [message], direction: higher_is_better}
""",
    )
    assert kinds(found.on_answer) == [
        ("satisfaction", "stars"), ("accuracy", "labels"), ("preference", "thumb"),
    ]  # fmt: skip
    assert list(found.on_answer[0].steps) == [0, 0.25, 0.5, 0.75, 1]
    assert [*found.on_prompt, *found.on_chat, *found.what_was_wrong] == []
    assert (found.may_correct, found.may_compare) == (False, False)


def test_declared_satisfaction_is_asked_where_it_is_declared(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        "- {name: satisfaction, kinds: [thumb], levels: [prompt, conversation], direction: higher_is_better}",
    )
    assert found.on_answer == ()
    assert [one.text for one in found.on_prompt] == ["Is your message a good one?"]
    assert [one.text for one in found.on_chat] == ["Is this a good chat?"]


def test_labels_of_satisfaction_are_what_may_be_wrong(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        "- {name: satisfaction, kinds: [thumb, label], levels: [message], direction: higher_is_better,"
        " labels: [wrong, rude]}",
    )
    assert found.what_was_wrong[0].labels == ("wrong", "rude")
    assert kinds(found.on_answer) == [("satisfaction", "thumb"), ("satisfaction", "labels")]


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        pytest.param(1, 5, (1, 2, 3, 4, 5), id="five"),
        pytest.param(0, 10, tuple(range(11)), id="eleven"),
        pytest.param(0, 100, (0, 25, 50, 75, 100), id="a hundred"),
        pytest.param(-1.5, 2.5, (-1.5, -0.5, 0.5, 1.5, 2.5), id="no whole ends"),
        pytest.param(0, 1.5, (0, 0.375, 0.75, 1.125, 1.5), id="no whole length"),
    ],
)
def test_numbers_are_given_in_steps(low: float, high: float, steps: tuple[float, ...]) -> None:
    assert ChatQuestion("a", "stars", "message", "A?", low, high).steps == steps
