"""The labelling configuration, and tasks with predictions."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from plaudit_producers.interchange.label_studio_config import labelling_config
from plaudit_producers.interchange.label_studio_tasks import are_pairs, guidelines_of, label_studio_task
from plaudit_producers.interchange.task_files import task_files, write_files
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ReviewTarget

from tests.producers.interchange.rubrics import ANSWER, ANSWERS, labels, number, rubric, score, task


def parsed(config: str) -> ElementTree.Element:
    return ElementTree.fromstring(config)  # noqa: S314  # our own


def controls(config: str) -> dict[str, str]:
    """Name -> tag of each control."""
    root = parsed(config)
    return {each.attrib["name"]: each.tag for each in root.iter() if "toName" in each.attrib}


def test_a_control_for_each_question() -> None:
    config = labelling_config(rubric(), pairs=False)
    assert controls(config) == {
        "good": "Choices", "stars": "Rating", "grade": "Choices", "tone": "Choices", "faults": "Choices",
        "why": "TextArea", "fix": "TextArea", "comment": "TextArea",
    }  # fmt: skip
    root = parsed(config)
    values = {
        name: [each.attrib["value"] for each in root.findall(f".//Choices[@name='{name}']/Choice")]
        for name in ("good", "grade", "faults")
    }
    assert values == {
        "good": ["thumb up", "thumb down"],
        "grade": ["0", "1", "2", "3"],
        "faults": ["wrong", "long", "off & <topic>"],
    }
    (fix,) = root.findall(".//TextArea[@name='fix']")
    assert fix.attrib["value"] == "$answer1"


@pytest.mark.parametrize(
    ("pairs", "tag", "shown"),
    [(True, "Pairwise", ["answer1", "answer2"]), (False, "Ranker", ["answers"])],
    ids=["two answers", "several"],
)
def test_answers_are_compared_by(pairs: bool, tag: str, shown: list[str]) -> None:
    config = labelling_config(rubric("answers"), pairs=pairs)
    assert controls(config) == {
        "best": tag, "best__tie": "Choices", "fix": "TextArea", "asks": "Choices", "comment": "TextArea"
    }  # fmt: skip
    root = parsed(config)
    found = [each.attrib["name"] for each in root.iter() if each.tag in ("Text", "List")]
    assert found == shown


def test_every_object_of_the_configuration_is_in_the_task() -> None:
    for target, count in ((ANSWER, 2), (ANSWERS, 2), (ANSWERS, 3), (ReviewTarget("prompt", "c1", "q1"), 2)):
        made = task(target, answers=count)
        pairs = are_pairs([made])
        root = parsed(labelling_config(rubric(target.kind), pairs=pairs))
        wanted = {value[1:] for each in root.iter() if (value := each.attrib.get("value", ""))[:1] == "$"}
        assert wanted <= set(label_studio_task(made, pairs=pairs)["data"])


def predicted(made: Any, *, pairs: bool = True) -> dict[str, Any]:
    """Control -> predicted value."""
    (prediction,) = label_studio_task(made, pairs=pairs)["predictions"]
    assert prediction["model_version"] == "scorer@2"
    return {each["from_name"]: each["value"] for each in prediction["result"]}


def test_scores_are_predictions() -> None:
    said = [
        *(
            score("a1", number(share), name)
            for name, share in (("stars", 0.8), ("grade", 1.0), ("good", 0.1))
        ),
        score("a1", labels("rude"), "tone", "label"),
        score("a1", labels("wrong"), "faults", "label"),
    ]
    assert predicted(task(ANSWER, *said)) == {
        "stars": {"rating": 4}, "grade": {"choices": ["3"]}, "good": {"choices": ["thumb down"]},
        "tone": {"choices": ["rude"]}, "faults": {"choices": ["wrong"]},
    }  # fmt: skip
    quality = task(ANSWER, *said, score("a1", number(0.7), "quality"))
    assert label_studio_task(quality, pairs=True)["predictions"][0]["score"] == 0.7


@pytest.mark.parametrize(
    ("shares", "pairs", "said"),
    [
        ((0.9, 0.2), True, "the side of a1"),
        ((0.5, 0.5), True, {"best__tie": {"choices": ["equally good"]}}),
        ((0.9, 0.5, 0.1), False, "the order"),
    ],
    ids=["a side", "a tie", "an order"],
)
def test_scores_of_answers_are_predictions(shares: tuple[float, ...], pairs: bool, said: Any) -> None:
    given = [score(f"a{each}", number(share), "quality") for each, share in enumerate(shares, 1)]
    made = task(ANSWERS, *given, answers=len(shares))
    order = made.carried.address.candidates
    expected = {
        "the side of a1": {"best": {"selected": "left" if order[0] == "a1" else "right"}},
        "the order": {
            "best": {
                "ranker": {
                    "best": [f"answer{order.index(f'a{each}') + 1}" for each in range(1, len(shares) + 1)]
                }
            }
        },
    }
    assert predicted(made, pairs=pairs) == (expected[said] if isinstance(said, str) else said)


def writing() -> Rubric:
    topics = [{"name": "cooking", "prompts": 2}]
    ask = {"name": "ask", "kind": "prompt", "title": "Ask"}
    return rubric("topic", ask, topics=topics, select={})


@pytest.mark.parametrize("tool", ["label-studio", "argilla"])
def test_a_rubric_for_writing_prompts_has_no_tasks(tool: Any) -> None:
    with pytest.raises(SettingsError, match="write them on the console's page Review"):
        task_files(tool, writing(), [])


def test_the_files_of_a_folder(tmp_path: Any) -> None:
    made = rubric("answers", guidelines="Be *fair*.")
    files = task_files("label-studio", made, [task(ANSWERS)])
    assert sorted(files) == ["guidelines.md", "labelling-config.xml", "tasks.json"]
    assert files["guidelines.md"] == "# Is it good?\n\nBe *fair*.\n"
    assert guidelines_of(rubric()) == ""
    write_files(tmp_path / "new" / "folder", files)
    assert len(json.loads((tmp_path / "new" / "folder" / "tasks.json").read_text())) == 1
    with pytest.raises(SettingsError, match="exists; name another folder"):
        write_files(tmp_path / "new" / "folder", files)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written: "):
        write_files(tmp_path / "file" / "below", files)
