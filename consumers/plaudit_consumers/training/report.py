"""What is said of a scorer after its training: figures, baselines, and whether it is any good. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from plaudit_schemas.models.manifest import Figures, HeldOutFigure

from plaudit_consumers.training.evaluation import FigureName, Outcomes, ReliabilityBin
from plaudit_consumers.training.learning_curve import CurvePoint

CHANCE: Final = 0.5
NAMES: Final[Mapping[FigureName, str]] = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "log_loss": "log-loss",
    "calibration_error": "calibration error",
}
"""Figure -> its name for people."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What came of a training.

    Attributes:
        judged_by: the figure that decides whether the scorer is better than chance: the accuracy for pairs,
            and for labels the AUC, because a constant answer has a high accuracy where most labels are alike.
        figures: on the held-out rows.
        known_questions: held-out rows of chats whose first question was learned from too. A snapshot keeps
            whole prompts to one split, and users, but not first questions.
        cross_validated: the figure `judged_by` on the rows that were learned from, each judged by a head that
            was not fitted to it.
        baselines: name -> its figures on the held-out rows.
        lead: by how much the figure `judged_by` is above that of the length alone: value, low, high.
        l2: the strength of the penalty.
    """

    subset: str
    learning_rows: int
    learning_groups: int
    held_out_rows: int
    held_out_groups: int
    known_questions: int
    left_out: Mapping[str, int]
    judged_by: FigureName
    figures: Mapping[FigureName, HeldOutFigure]
    cross_validated: HeldOutFigure
    baselines: Mapping[str, Mapping[FigureName, HeldOutFigure]]
    lead: tuple[float, float, float]
    curve: Sequence[CurvePoint]
    tenths: Sequence[ReliabilityBin]
    l2: float
    shuffled: bool

    @property
    def better_than_chance(self) -> bool:
        """Whether both intervals lie above chance.

        One alone does so by luck once in forty times.
        """
        return self.figures[self.judged_by].low > CHANCE and self.cross_validated.low > CHANCE

    def manifest_figures(self) -> Figures:
        """The figures as the model's manifest has them."""
        return Figures(
            rows=self.held_out_rows,
            better_than_chance=self.better_than_chance,
            baselines={name: figures["accuracy"] for name, figures in self.baselines.items()},
            accuracy=self.figures["accuracy"],
            auc=self.figures["auc"],
            log_loss=self.figures["log_loss"],
            calibration_error=self.figures["calibration_error"],
        )

    def document(self) -> dict[str, Any]:
        """The report as one JSON object."""
        plain = {name: value for name, value in asdict(self).items() if name not in _NESTED}
        return {
            **plain,
            "better_than_chance": self.better_than_chance,
            "left_out": dict(self.left_out),
            "figures": {name: each.model_dump() for name, each in self.figures.items()},
            "cross_validated": self.cross_validated.model_dump(),
            "baselines": {
                name: {figure: each.model_dump() for figure, each in figures.items()}
                for name, figures in self.baselines.items()
            },
            "curve": [{"rows": point.rows, **point.figure.model_dump()} for point in self.curve],
            "tenths": [tenth._asdict() for tenth in self.tenths],
        }


_NESTED: Final = frozenset(("left_out", "figures", "cross_validated", "baselines", "curve", "tenths"))


def judged_by(outcomes: Outcomes) -> FigureName:
    """The figure that decides about such outcomes."""
    return "accuracy" if outcomes.pairs else "auc"


def verdict(report: TrainingReport) -> list[str]:
    """What the figures mean, in sentences."""
    name, held_out = NAMES[report.judged_by], report.figures[report.judged_by]
    facts = (
        f"{name} {shown(held_out)} on the held-out rows, and {shown(report.cross_validated)} in "
        "cross-validation; chance is 0.5"
    )
    if not report.better_than_chance:
        return [
            f"NOT better than chance: {facts}.",
            "Do not use this scorer. More judged answers may help: see the learning curve.",
        ]
    value, low, high = report.lead
    if low > 0:
        length = "better than the length alone"
    elif high < 0:
        length = "worse than the length alone"
    else:
        length = "not surely better than the length alone"
    return [
        f"Better than chance: {facts}.",
        f"It is {length}: {name} {value:+.3f} ({low:+.3f} to {high:+.3f}).",
    ]


def shown(figure: HeldOutFigure) -> str:
    """A figure with its interval."""
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def table(report: TrainingReport) -> list[list[str]]:
    """The figures of the scorer and of the baselines, with a line of headings first."""
    lines = [["", *NAMES.values()], ["this scorer", *(shown(report.figures[name]) for name in NAMES)]]
    for name, figures in report.baselines.items():
        # A baseline says nothing of probabilities, so it has no log-loss and no calibration.
        cells = [shown(figures[figure]) if figure in figures else "" for figure in NAMES]
        lines.append([name.replace("_", " "), *cells])
    return lines
