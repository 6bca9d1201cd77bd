"""Tasks for Label Studio, as its import takes them. Pure.

Shape: labelstud.io/guide/tasks and labelstud.io/guide/predictions.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from plaudit_schemas.review.rubric import Rubric, RubricQuestion

from plaudit_producers.interchange.carried import CARRIED, carried_document, tie_name
from plaudit_producers.interchange.label_studio_config import ANSWER, ANSWERS, CHAT, DOWN, TIE, UP
from plaudit_producers.interchange.review_tasks import ReviewTask
from plaudit_producers.interchange.suggestions import ModelSuggestion


def are_pairs(tasks: Iterable[ReviewTask]) -> bool:
    """Whether each task has two answers, so that they can stand side by side."""
    return all(len(task.answers) == 2 for task in tasks)


def label_studio_task(task: ReviewTask, *, pairs: bool) -> dict[str, Any]:
    """One task.

    Args:
        pairs: as in `label_studio_config.labelling_config`.
    """
    texts = dict(_answers(task, pairs=pairs))
    data = {
        CHAT: [{"role": shown.role, "text": shown.text} for shown in task.chat],
        **texts,
        CARRIED: carried_document(task.carried),
    }
    predictions = [_prediction(task, each, pairs=pairs) for each in task.suggestions]
    return {"data": data, "predictions": [each for each in predictions if each["result"]]}


def _answers(task: ReviewTask, *, pairs: bool) -> Iterator[tuple[str, Any]]:
    if task.carried.address.target.kind == "answers" and not pairs:
        yield (
            ANSWERS,
            [
                {"id": f"{ANSWER}{number}", "title": f"Answer {number}", "body": text}
                for number, text in enumerate(task.answers, 1)
            ],
        )
        return
    for number, text in enumerate(task.answers, 1):
        yield f"{ANSWER}{number}", text


def _prediction(task: ReviewTask, suggestion: ModelSuggestion, *, pairs: bool) -> dict[str, Any]:
    rubric = task.carried.rubric
    version = f"{suggestion.model}@{suggestion.version}" if suggestion.version else suggestion.model
    results = [
        result
        for name, answer in suggestion.answers.items()
        if (question := rubric.question(name)) is not None
        for result in _results(task, question, answer, pairs=pairs)
    ]
    score = {} if suggestion.share is None else {"score": suggestion.share}
    return {"model_version": version, **score, "result": results}


def _results(
    task: ReviewTask, question: RubricQuestion, answer: Any, *, pairs: bool
) -> Iterator[dict[str, Any]]:
    if question.kind == "ranking":
        yield from _ranking(task, question, answer["groups"], pairs=pairs)
    elif question.kind == "rating" and question.minimum == 1:
        yield _result(question.name, CHAT, "rating", answer)
    elif question.kind in ("thumb", "rating", "label", "labels"):
        yield _result(question.name, CHAT, "choices", _chosen(question, answer))


def _chosen(question: RubricQuestion, answer: Any) -> list[str]:
    if question.kind == "thumb":
        return [UP if answer else DOWN]
    return list(answer) if question.kind == "labels" else [str(answer)]


def _ranking(
    task: ReviewTask, question: RubricQuestion, groups: list[list[str]], *, pairs: bool
) -> Iterator[dict[str, Any]]:
    candidates = task.carried.address.candidates
    if len(groups) == 1:
        yield _result(tie_name(task.carried.rubric, question.name), CHAT, "choices", [TIE])
    elif pairs:
        side = "left" if groups[0][0] == candidates[0] else "right"
        yield {
            "from_name": question.name, "to_name": f"{ANSWER}1,{ANSWER}2", "type": "pairwise",
            "value": {"selected": side},
        }  # fmt: skip
    else:
        order = [f"{ANSWER}{candidates.index(name) + 1}" for group in groups for name in group]
        # A list for each column; without buckets the only one has the control's name.
        yield _result(question.name, ANSWERS, "ranker", {question.name: order})


def _result(name: str, about: str, kind: str, value: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": about, "type": kind, "value": {kind: value}}


def guidelines_of(rubric: Rubric) -> str:
    """The rubric's guidelines, for the project's instructions. Empty if there are none."""
    return f"# {rubric.title}\n\n{rubric.guidelines}\n" if rubric.guidelines else ""
