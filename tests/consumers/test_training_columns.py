"""Training subsets: the columns that trainers expect come first, and they read none of the others."""

import re
from typing import get_args

import pytest
from plaudit_consumers.datasets.searching import FACTS
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING, Subset

from tests.support.trl_wheel import sources

EXPECTED: dict[str, tuple[str, ...]] = {
    "sft": ("prompt", "completion"),
    "sft_tools": ("prompt", "completion", "tools"),
    "preference": ("prompt", "chosen", "rejected"),
    "preference_tools": ("prompt", "chosen", "rejected", "tools"),
    "kto": ("prompt", "completion", "label"),
    "kto_tools": ("prompt", "completion", "label", "tools"),
}
# From the sources of ms-swift (its preprocessors), LLaMA-Factory (the attributes of data sets)
# and axolotl (its strategies for chats and preferences), in November 2026.
OTHERS_READ = {
    "answer", "answer_key", "answers", "audio", "audios", "channel", "chosen", "completion", "content",
    "conversation", "conversations", "history", "image", "images", "input", "input_ids", "instruction",
    "kto_tag", "label", "labels", "length", "margin", "messages", "objects", "output", "problem",
    "prompt", "query", "question", "ranking", "rejected", "rejected_response", "response", "solution",
    "system", "system_prompt", "target", "targets", "text", "tools", "train", "video", "videos",
    "weight",
}  # fmt: skip
READ = (
    re.compile(r'(?:example|examples\[0\]|batch|inputs)(?:\[|\.get\()"(\w+)"'),
    re.compile(r'"(\w+)" (?:not )?in (?:example|inputs|\w*sample|\w*columns|\w*column_names|cols)\b'),
)
SIGNATURE = re.compile(r"_signature_columns = \[(.*?)\]", re.DOTALL)


def columns_that_trl_reads() -> set[str]:
    """Names of columns in the sources of TRL's trainers and of what they call."""
    text = "\n".join(sources("data_utils.py", "trainer/*_trainer.py"))
    kept = {name for each in SIGNATURE.findall(text) for name in re.findall(r'"(\w+)"', each)}
    return kept | {name for pattern in READ for name in pattern.findall(text)}


def test_every_training_subset_is_expected() -> None:
    assert set(EXPECTED) == set(TRAINING) <= set(get_args(Subset))


@pytest.mark.parametrize("subset", EXPECTED, ids="subset-{}".format)
def test_the_columns_of_trainers_come_first(subset: Subset) -> None:
    expected = EXPECTED[subset]
    assert tuple(SCHEMAS[subset].names[: len(expected)]) == expected


@pytest.mark.parametrize("subset", EXPECTED, ids="subset-{}".format)
def test_no_other_column_is_read_by_a_trainer(subset: Subset) -> None:
    provenance = set(SCHEMAS[subset].names[len(EXPECTED[subset]) :])
    assert provenance
    read = columns_that_trl_reads()
    assert {"margin", "conversations", "chat_template_kwargs", "images", "ref_logps", "labels"} <= read
    assert provenance & (read | OTHERS_READ) == set()


def test_the_facts_that_people_read_are_columns() -> None:
    assert set(FACTS) <= {name for schema in SCHEMAS.values() for name in schema.names}
