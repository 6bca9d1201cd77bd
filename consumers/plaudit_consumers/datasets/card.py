"""The data card: README.md of a snapshot, from which Hugging Face `datasets` reads the configurations."""

import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any, Final

from plaudit_consumers.datasets.describing import SubsetDescription
from plaudit_consumers.datasets.manifest import Manifest
from plaudit_consumers.rows.schemas import SCHEMAS, Subset

_VALUES_SHOWN: Final = 20
_PURPOSES: Final[dict[Subset, str]] = {
    "conversations": "whole conversations with all feedback, in their latest revision",
    "sft": "good answers with their history: `prompt`, `completion`",
    "sft_tools": "the same for chats with tools: `prompt`, `completion`, `tools`",
    "preference": "pairs: `prompt`, `chosen`, `rejected`",
    "kto": "answers judged good or bad: `prompt`, `completion`, `label`",
}


def card_text(manifest: Manifest, descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The card of a snapshot. It depends on nothing but the manifest and the rows."""
    template = Template(files(__package__).joinpath("card.md").read_text(encoding="utf-8"))
    conditions = [f"`{manifest.where}`"] if manifest.where else []
    if manifest.min_agreement is not None:
        conditions.append(f"agreement of at least {manifest.min_agreement:g}")
    return template.substitute(
        licence=_licence(descriptions),
        configs=_configs(manifest, descriptions),
        as_of=manifest.as_of or "no time: there were no rows",
        overview=_overview(manifest),
        subsets="".join(_subset(manifest, subset, each) for subset, each in descriptions.items()),
        shares="/".join(f"{share:g}" for share in manifest.split.values()),
        salt=manifest.salt,
        conditions=", ".join(conditions) or "none",
        erased=manifest.erased,
        late_words=manifest.late_words(),
        thresholds=", ".join(f"`{json.dumps(each)}`" for each in manifest.thresholds) or "not recorded",
    )


def _licence(descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The common licence of all rows, as YAML; `other` if there are several, `unknown` if there is none."""
    found = {licence for each in descriptions.values() for licence in each.facets["licence"]}
    if len(found) != 1:
        return "other" if found else "unknown"
    return json.dumps(
        found.pop() or "unknown"
    )  # a JSON string is a YAML string, with every character escaped


def _configs(manifest: Manifest, descriptions: Mapping[Subset, SubsetDescription]) -> str:
    """The configurations of Hugging Face `datasets`, as YAML."""
    lines = []
    for subset in descriptions:
        lines += [f"- config_name: {subset}", "  data_files:"]
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
    for reason, rows in manifest.left_out[subset].items():
        lines.append(f"Left out: {rows} rows ({reason.replace('_', ' ')}).")
    lines += ["", "| facet | values and rows |", "| --- | --- |"]
    lines += [f"| {facet} | {_values(values)} |" for facet, values in description.facets.items()]
    lines += ["", "| column | type |", "| --- | --- |"]
    lines += [f"| `{field.name}` | `{_type(field.type)}` |" for field in SCHEMAS[subset]]
    return "\n".join([*lines, "", ""])


def _values(values: Mapping[str, int]) -> str:
    shown = [f"{_cell(value) or 'none'}: {rows}" for value, rows in list(values.items())[:_VALUES_SHOWN]]
    more = len(values) - _VALUES_SHOWN
    return ", ".join([*shown, f"and {more} more"] if more > 0 else shown)


def _cell(text: str) -> str:
    """The text in a form that a cell of a Markdown table can hold."""
    return " ".join(text.replace("|", "\\|").split())


def _type(kind: Any) -> str:
    text = str(kind).replace("element: ", "")
    return text if len(text) <= 80 else text[:77] + "..."
