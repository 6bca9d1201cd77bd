"""The model card: README.md of a scorer's folder."""

from importlib.resources import files
from string import Template
from typing import Final, NamedTuple

from plaudit_consumers.training.plots import CURVE_FILE, RELIABILITY_FILE
from plaudit_consumers.training.report import NAMES, TrainingReport, table, verdict

_INPUTS: Final = {
    "answer": "the text of the answer",
    "exchange": "the last turn of the user and the answer",
}
_PAIRS_MEAN: Final = "how probable it is that the answer wins against an average answer of the snapshot"
_LABELS_MEAN: Final = "how probable it is that somebody who judges the answer likes it"
_PAIRS_LIMIT: Final = (
    "Pairs say which of two answers is better, and not whether one is good: 0.5 is the average answer, even "
    "where people like most answers."
)
_LABELS_LIMIT: Final = "The share of likes is that of the snapshot. In other traffic it may be another."
_BASELINES: Final = (
    "`longer answer` takes the longer answer for the better one. `length` has learned from the same rows "
    "whether long or short answers are liked, and knows nothing else."
)


class CardFacts(NamedTuple):
    """What a card says beside the report."""

    name: str
    version: str
    input: str
    aspect: str
    encoder: str
    languages: tuple[str, ...]
    licence: str
    snapshot: str
    as_of: str
    labels: str


def card_text(facts: CardFacts, report: TrainingReport) -> str:
    """The card. It depends on nothing but its arguments."""
    pairs = report.judged_by == "accuracy"
    template = Template(files(__package__).joinpath("card.md").read_text(encoding="utf-8"))
    return template.substitute(
        name=facts.name,
        version=facts.version,
        subset=report.subset,
        verdict=" ".join(verdict(report)),
        input=_INPUTS[facts.input],
        aspect=_cell(facts.aspect),
        meaning=_PAIRS_MEAN if pairs else _LABELS_MEAN,
        encoder=_cell(facts.encoder),
        languages=", ".join(facts.languages) or "not stated",
        licence=_cell(facts.licence),
        snapshot=facts.snapshot,
        as_of=facts.as_of,
        learning_rows=f"{report.learning_rows:,}",
        learning_groups=f"{report.learning_groups:,}",
        held_out_rows=f"{report.held_out_rows:,}",
        held_out_groups=f"{report.held_out_groups:,}",
        known_questions=f"{report.known_questions:,}",
        left_out=", ".join(f"{why.replace('_', ' ')} {rows}" for why, rows in report.left_out.items())
        or "nothing",
        labels=facts.labels,
        l2=f"{report.l2:g}",
        table=_markdown(table(report)),
        baselines=_BASELINES,
        figure=NAMES[report.judged_by],
        curve=CURVE_FILE,
        reliability=RELIABILITY_FILE,
        pairs_or_labels=_PAIRS_LIMIT if pairs else _LABELS_LIMIT,
    )


def _markdown(lines: list[list[str]]) -> str:
    head, *rest = lines
    rows = [head, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cell(text: str) -> str:
    """The text in a form that a cell of a Markdown table can hold."""
    return " ".join(text.replace("|", "\\|").split())
