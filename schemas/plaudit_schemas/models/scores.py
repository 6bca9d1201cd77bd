"""What a model says of an answer."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from plaudit_schemas.models.inputs import InputKind, Turns


class Score(NamedTuple):
    """A score of one text.

    Attributes:
        number: how probable it is that people like the answer, from 0 to 1, rounded to 1e-3. NaN if the model
            gave no number.
        confidence: how probable it is that the nearer of 0 and 1 is right: from 0.5 to 1.
        reward: the model's output before calibration.
        tokens: how many the model was given.
        cut: the text had more tokens than the model takes.
    """

    number: float
    confidence: float
    reward: float
    tokens: int
    cut: bool


class AnswerModel(Protocol):
    """A model that is loaded. Not safe for threads.

    Attributes:
        sha256: of `plaudit-model.yaml`. That file holds the hash of every other one, so this stands for all.
        input: what of a conversation it is given.
        aspect: of the feedback that the scores are.
        provider: what it runs on, as ONNX Runtime names it.
        padding: tokens of padding that it was given so far, beside those of the texts.
        refused: why the text that was refused last got no number; empty before.
    """

    name: str
    version: str
    sha256: str
    input: InputKind
    aspect: str
    provider: str
    padding: int
    refused: str = ""

    def input_of(self, turns: Turns) -> str:
        """The text that the model is given for the last of these turns.

        Raises:
            ModelInputError: its chat template does not take these turns.
        """
        ...

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score texts. A score never depends on the other texts of the call.

        Raises:
            ModelError: the runtime failed, such as for lack of memory; nothing was scored.
        """
        ...

    def close(self) -> None:
        """Free the memory."""
        ...
