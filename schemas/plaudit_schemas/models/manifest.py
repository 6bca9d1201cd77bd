"""`plaudit-model.yaml`: what the folder of a model says of itself. docs/models.md explains each field."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from plaudit_schemas.contract.field_types import Id
from plaudit_schemas.models.inputs import InputKind

MANIFEST_NAME: Final = "plaudit-model.yaml"
GRAPH_NAME: Final = "model.onnx"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Of names and versions: they are parts of topic keys, group names, event ids and paths."""
SHA256_PATTERN: Final = r"^[0-9a-f]{64}$"
_ODD: Final = frozenset('\\:*?"<>|')
"""Characters that paths of some systems and places of ONNX Runtime's own (`*/_ORT_MEM_ADDR_/*`) have."""
MOST_TOKENS: Final = 131_072

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
CutSide = Literal["left", "right"]
OutputKind = Literal["reward", "probability"]


class _Part(BaseModel):
    # A typing error must not be read as "not given", so unknown fields and other types are refused.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Calibration(_Part):
    """Makes a probability of a reward r: 1 / (1 + exp(-(slope * r + intercept))).

    Of an output that is a probability, r is the logit.
    """

    slope: float = 1.0
    intercept: float = 0.0


class HeldOutFigure(_Part):
    """A figure with its interval of 95 %."""

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("must lie within its interval: low <= value <= high")
        return self


class Figures(_Part):
    """What the model reached on rows that it was not trained on.

    Attributes:
        rows: how many there were.
        better_than_chance: whether the interval lies above what chance reaches: that of the accuracy for
            pairs, that of the AUC for labels.
        baselines: the accuracy of simpler ways on the same rows, such as `majority` and `longer_answer`.
    """

    rows: int = Field(ge=1)
    better_than_chance: bool
    accuracy: HeldOutFigure
    auc: HeldOutFigure | None = None
    log_loss: HeldOutFigure | None = None
    calibration_error: HeldOutFigure | None = None
    baselines: dict[Text, HeldOutFigure] = {}


class TrainedOn(_Part):
    """The snapshot that a model was trained on.

    Attributes:
        snapshot: its name or path.
        rows: how many rows of its `train` split were used.
        manifest_sha256: of the snapshot's `manifest.json`.
    """

    snapshot: Text
    subset: Text
    rows: int = Field(ge=1)
    manifest_sha256: Sha256


class Canary(_Part):
    """A text as the model is given it, and the score that it must get."""

    text: str
    score: float = Field(ge=0, le=1)


class ModelManifest(_Part):
    """A model's own description."""

    format: Literal[1] = Field(default=1, description="the version of this format")
    name: Name = Field(description="what the model is called; every version of it has the same name")
    version: Name = Field(description="which version of the model this is, in any form")
    description: str = Field(default="", description="for people")
    input: InputKind = Field(
        description="what the model is given of a conversation: `answer`, the answer's text; `exchange`, the "
        "last turn of the user and the answer; `history`, all turns through the tokenizer's chat template"
    )
    max_tokens: int = Field(
        ge=1,
        le=MOST_TOKENS,
        description="the most tokens that the model takes, special tokens included; longer texts are cut",
    )
    cut: CutSide = Field(
        default="left",
        description="the side at which a longer text loses tokens: `left` keeps the end of the answer",
    )
    output: OutputKind = Field(
        description="what the graph gives: `reward`, any number, where more is better; `probability`, 0 to 1"
    )
    calibration: Calibration = Field(
        default=Calibration(),
        description="makes the score of a reward r: 1 / (1 + exp(-(slope * r + intercept))); of a "
        "probability, r is its logit",
    )
    aspect: Id = Field(default="satisfaction", description="the aspect of the feedback that the scores are")
    languages: tuple[Text, ...] = Field(
        default=(), strict=False, description="the languages that the model was made for, such as en"
    )
    licence: Text = Field(description="the licence of the model, such as Apache-2.0")
    encoder: Text | None = Field(default=None, description="the encoder that the model was built on")
    trained_on: TrainedOn | None = Field(
        default=None,
        description="the snapshot that it was trained on: its name, the subset, how many rows were used, and "
        "the sha256 of its manifest.json",
    )
    figures: Figures | None = Field(
        default=None,
        description="what it reached on rows that it was not trained on, with intervals of 95 %, and whether "
        "that is better than chance; `baselines` has the accuracy of simpler ways on the same rows",
    )
    files: dict[str, Sha256] = Field(
        min_length=1, description="the sha256 of each file of the folder but this one; others are refused"
    )
    canaries: tuple[Canary, ...] = Field(
        min_length=1,
        strict=False,
        description="texts as the model is given them, with the scores that it must give before it is used",
    )
    created_at: AwareDatetime = Field(strict=False, description="when the model was made")
    created_by: Text = Field(description="who or what made the model")

    @model_validator(mode="after")
    def _files_are_within(self) -> Self:
        if GRAPH_NAME not in self.files:
            raise ValueError(f"files must list {GRAPH_NAME}")
        for path in self.files:
            if not is_plain_path(path):
                raise ValueError(f"files must name paths within the folder, not {path!r}")
        if MANIFEST_NAME in self.files:
            raise ValueError(f"files cannot list {MANIFEST_NAME} itself")
        return self

    def document(self) -> dict[str, Any]:
        """The fields as they stand in the file, without those that were not given."""
        return self.model_dump(mode="json", exclude_none=True)


def is_plain_path(path: str) -> bool:
    """Whether a path stays within its folder and is written in the one usual way."""
    parts = PurePosixPath(path).parts
    plain = bool(parts) and not path.startswith("/") and ".." not in parts and path == "/".join(parts)
    return plain and path.isprintable() and not _ODD.intersection(path)
