"""The judged answers of a snapshot, as a scorer learns from them and is judged by them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from plaudit_schemas.models.inputs import Turns, answer_text, exchange_text

from plaudit_consumers.datasets.manifest import Manifest
from plaudit_consumers.datasets.subset_rows import rows_of_subset
from plaudit_consumers.training.judged_turns import SATISFACTION, question_group, turns_of

JudgedSubset = Literal["preference", "kto", "preference_tools", "kto_tools"]
JUDGED_SUBSETS: Final[tuple[JudgedSubset, ...]] = get_args(JudgedSubset)
TrainedInput = Literal["answer", "exchange"]
"""What a scorer may be given. A whole history needs a chat template, which encoders do not have."""
TRAINED_INPUTS: Final[tuple[TrainedInput, ...]] = get_args(TrainedInput)
LEARNING_SPLITS: Final = ("train", "validation")
HELD_OUT_SPLIT: Final = "test"
MOST_VOTES: Final = 10
"""A row counts as often as people voted, up to this: one popular answer must not be the whole model."""

Indexes = NDArray[np.int64]
Flags = NDArray[np.bool_]


class InputText(NamedTuple):
    """An answer as the model is given it.

    Attributes:
        length: characters of the answer alone.
    """

    text: str
    length: int


@dataclass(frozen=True, slots=True)
class Examples:
    """Judged answers, or pairs of them. All arrays are as long as there are rows.

    Attributes:
        inputs: the different texts.
        first: index in `inputs` of the answer; of a pair, of the chosen one.
        second: of the rejected one; None if the rows are no pairs.
        labels: whether people liked the answer; of pairs always true.
        weights: how much each row counts when a head is fitted; their mean is 1.
        groups: the number of the row's group. Rows of one group share the question that their chat began
            with, and so perhaps the user.
        questions: of each group, a hash of that question.
        aspects: aspect -> rows that were read.
        left_out: reason -> rows.
    """

    inputs: tuple[InputText, ...]
    first: Indexes
    second: Indexes | None
    labels: Flags
    weights: NDArray[np.float64]
    groups: Indexes
    questions: tuple[bytes, ...] = ()
    aspects: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.first)

    def only(self, rows: Flags) -> "Examples":
        """Some of the rows. Their inputs keep their places."""
        second = None if self.second is None else self.second[rows]
        return self._with(
            first=self.first[rows],
            second=second,
            labels=self.labels[rows],
            weights=self.weights[rows],
            groups=self.groups[rows],
        )

    def shuffled(self, seed: int) -> "Examples":
        """The same rows with labels by chance: labels are dealt anew, and pairs are turned round."""
        dice = np.random.default_rng(seed)
        if self.second is None:
            labels = dice.permutation(self.labels)
            return self._with(labels=labels)
        turned = dice.random(len(self)) < 0.5
        first = np.where(turned, self.second, self.first)
        return self._with(first=first, second=np.where(turned, self.first, self.second))

    def rows_with_questions_of(self, other: "Examples") -> int:
        """How many rows share their chat's first question with another set of examples."""
        known = set(other.questions)
        shared = np.array([question in known for question in self.questions], dtype=np.bool_)
        return int(shared[self.groups].sum()) if len(shared) else 0

    def _with(self, **changes: Any) -> "Examples":
        kept = {name: getattr(self, name) for name in self.__slots__}
        return Examples(**{**kept, **changes})


class _Row(NamedTuple):
    first: InputText
    second: InputText | None
    label: bool
    weight: float
    group: bytes


def read_examples(
    folder: Path,
    manifest: Manifest,
    subset: JudgedSubset,
    splits: Sequence[str],
    kind: TrainedInput,
    aspect: str | None = None,
) -> Examples:
    """The examples of some splits of a snapshot.

    Args:
        aspect: only rows about it; None for all.

    Raises:
        SnapshotError: a file is missing or was changed.
    """
    made: list[_Row] = []
    aspects, left_out = Counter[str](), Counter[str]()
    answers = ["chosen", "rejected"] if subset.startswith("preference") else ["completion", "label"]
    columns = ["prompt", *answers, "vote_weight", "votes", "aspect"]
    for row in rows_of_subset(folder, manifest, subset, splits, columns):
        about = row["aspect"] or SATISFACTION
        aspects[about] += 1
        example = "other_aspect" if aspect not in (None, about) else _example(row, kind)
        if isinstance(example, str):
            left_out[example] += 1
        else:
            made.append(example)
    return _examples(made, aspects, left_out, pairs=subset.startswith("preference"))


def _example(row: Mapping[str, Any], kind: TrainedInput) -> _Row | str:
    """The row as an example, or why it is none."""
    prompt = turns_of(row["prompt"])
    names = ("chosen", "rejected") if "chosen" in row else ("completion",)
    answers = [turns_of(row[name])[-1] for name in names]
    if not all(answer.content for answer in answers):
        return "empty_answer"
    texts = [InputText(_input_text(kind, (*prompt, answer)), len(answer.content)) for answer in answers]
    if len(texts) == 2 and texts[0].text == texts[1].text:
        return "same_text"
    return _Row(
        first=texts[0],
        second=texts[1] if len(texts) == 2 else None,
        label=bool(row.get("label", True)),
        weight=_weight(row["vote_weight"], row["votes"]),
        group=question_group(prompt),
    )


def _input_text(kind: TrainedInput, turns: Turns) -> str:
    return exchange_text(turns) if kind == "exchange" else answer_text(turns)


def _weight(vote_weight: float | None, votes: int | None) -> float:
    return (1.0 if vote_weight is None else vote_weight) * min(max(votes or 1, 1), MOST_VOTES)


def _examples(
    rows: Sequence[_Row], aspects: Counter[str], left_out: Counter[str], *, pairs: bool
) -> Examples:
    inputs: dict[InputText, int] = {}
    groups: dict[bytes, int] = {}
    first = [inputs.setdefault(row.first, len(inputs)) for row in rows]
    second = [inputs.setdefault(row.second, len(inputs)) for row in rows if row.second is not None]
    weights = np.array([row.weight for row in rows], dtype=np.float64)
    return Examples(
        inputs=tuple(inputs),
        first=np.array(first, dtype=np.int64),
        second=np.array(second, dtype=np.int64) if pairs else None,
        labels=np.array([row.label for row in rows], dtype=np.bool_),
        weights=weights / weights.mean() if len(rows) and weights.mean() > 0 else weights,
        groups=np.array([groups.setdefault(row.group, len(groups)) for row in rows], dtype=np.int64),
        questions=tuple(groups),
        aspects=aspects,
        left_out=left_out,
    )
