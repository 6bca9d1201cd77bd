"""The data card: README.md of a snapshot, from which Hugging Face `datasets` reads the configurations."""

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template
from typing import Any, Final

from plaudit_consumers.datasets.balance import LabelBalance
from plaudit_consumers.datasets.card_accounts import accounts_text, in_words
from plaudit_consumers.datasets.card_resolution import cell, resolution_text
from plaudit_consumers.datasets.content import config_description
from plaudit_consumers.datasets.describing import SubsetDescription
from plaudit_consumers.datasets.licences import licence_yaml
from plaudit_consumers.datasets.manifest import Manifest
from plaudit_consumers.rows.schemas import PROVENANCE, SCHEMAS, TRAINING, Subset

_VALUES_SHOWN: Final = 20
_PURPOSES: Final[dict[Subset, str]] = {
    "conversations": "whole conversations with all feedback, in their latest revision",
    "sft": "good answers with their history: `prompt`, `completion`",
    "sft_tools": "good answers in chats with tools: `prompt`, `completion`, `tools`",
    "preference": "pairs: `prompt`, `chosen`, `rejected`",
    "preference_tools": "pairs in chats with tools: `prompt`, `chosen`, `rejected`, `tools`",
    "kto": "answers judged good or bad: `prompt`, `completion`, `label`",
    "kto_tools": "answers judged in chats with tools: `prompt`, `completion`, `label`, `tools`",
}
_SHARED: Final = frozenset(each.name for each in PROVENANCE)
_VOTES: Final = """\
`votes` is the number of raters who were counted, and `agreement` the share of them on the row's side, unless
the section on how votes were resolved says otherwise.
`vote_weight` is the agreement times their mean confidence: how far to trust the row. `vote_strength` says how
clear the votes are, from 0 to 1; it is null where nobody said. `near_tie` marks a narrow result.
`conversation_id` and `message_ids` are of the earliest conversation."""


def card_text(manifest: Manifest, descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The card of a snapshot. It depends on nothing but the manifest and the rows."""
    template = Template(files(__package__).joinpath("card.md").read_text(encoding="utf-8"))
    return template.substitute(
        licence=licence_yaml({each for found in descriptions.values() for each in found.facets["licence"]}),
        configs=_configs(manifest, descriptions),
        as_of=manifest.as_of or "no time: there were no rows",
        overview=_overview(manifest),
        subsets="".join(_subset(manifest, subset, each) for subset, each in descriptions.items())
        + _shared_columns(descriptions),
        shares="/".join(f"{share:g}" for share in manifest.split.values()),
        salt=manifest.salt,
        accounts=accounts_text(manifest) + resolution_text(manifest),
        conditions=_conditions(manifest),
        caps=", ".join(f"{most} of one {what}" for what, most in manifest.caps.items()) or "no limit",
        rules=", ".join(f"`{name}` {_rule(value)}" for name, value in manifest.rules.items()),
        aspects=_aspects(manifest),
        erased=manifest.erased,
        late_words=manifest.late_words(),
    )


def _conditions(manifest: Manifest) -> str:
    rows, conversations = manifest.where, manifest.where_conversation
    found = [f"`{rows}`"] if rows else []
    if conversations:
        found.append(f"of conversations `{conversations}`")
    return ", ".join(found) or "none"


def _rule(value: Any) -> str:
    return cell(json.dumps(value, ensure_ascii=False)) if value != "" else "all"


def _aspects(manifest: Manifest) -> str:
    found = [
        f"`{application}`: "
        + ", ".join(f"{each['name']} ({in_words(each['direction'])})" for each in declared)
        for application, declared in manifest.aspects.items()
    ]
    return "; ".join(found) or "none, so higher is better"


def _configs(manifest: Manifest, descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The configurations of Hugging Face `datasets`, as YAML."""
    lines = []
    for subset in descriptions:
        description = config_description(manifest.subset_files(subset))
        lines += [f"- config_name: {subset}", f"  description: {description}", "  data_files:"]
        for split in manifest.rows[subset]:
            lines += [f"  - split: {split}", f"    path: {subset}/{split}-*.parquet"]
    return "\n" + "\n".join(lines) if lines else " []"


def _overview(manifest: Manifest) -> str:
    lines = [
        f"| subset | what | {' | '.join(manifest.split)} |",
        "| --- | --- |" + " ---: |" * len(manifest.split),
    ]
    for subset, rows in manifest.rows.items():
        counts = " | ".join(str(rows.get(split, 0)) for split in manifest.split)
        lines.append(f"| `{subset}` | {_PURPOSES[subset]} | {counts} |")
    return "\n".join(lines)


def _subset(manifest: Manifest, subset: Subset, description: SubsetDescription) -> str:
    lines = [f"## {subset}", "", f"Conversations that ended from {description.first} to {description.last}."]
    if subset == "conversations":  # what became of the others is in the accounts
        lines += [f"Left out: {rows} ({in_words(why)})." for why, rows in manifest.left_out[subset].items()]
    if subset in manifest.labels:
        train = manifest.labels[subset].get("train", {})
        lines += ["", LabelBalance(train.get("true", 0), train.get("false", 0)).sentence()]
    lines += ["", "| facet | values and rows |", "| --- | --- |"]
    lines += [f"| {facet} | {_values(values)} |" for facet, values in description.facets.items()]
    own = [each for each in SCHEMAS[subset] if subset not in TRAINING or each.name not in _SHARED]
    return "\n".join([*lines, "", *_columns(own), "", ""])


def _shared_columns(descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The columns that all training rows have, once for all subsets."""
    if not any(subset in TRAINING for subset in descriptions):
        return ""
    columns = _columns([each for each in PROVENANCE if each.name in _SHARED])
    return "\n".join(["## Columns of every training row", "", _VOTES, "", *columns, "", ""])


def _columns(fields: Iterable[Any]) -> list[str]:
    lines = [f"| `{field.name}` | `{_type(field.type)}` |" for field in fields]
    return ["| column | type |", "| --- | --- |", *lines]


def _values(values: Mapping[str, int]) -> str:
    shown = [f"{cell(value) or 'none'}: {rows}" for value, rows in list(values.items())[:_VALUES_SHOWN]]
    more = len(values) - _VALUES_SHOWN
    return ", ".join([*shown, f"and {more} more"] if more > 0 else shown)


def _type(kind: Any) -> str:
    text = str(kind).replace("element: ", "")
    return text if len(text) <= 80 else text[:77] + "..."
