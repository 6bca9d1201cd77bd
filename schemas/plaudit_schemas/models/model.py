"""A model that is loaded: from turns to texts, tokens, outputs and scores."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from plaudit_schemas.errors import ModelError
from plaudit_schemas.models.batches import batches_of
from plaudit_schemas.models.calibration import score_of
from plaudit_schemas.models.canaries import prove
from plaudit_schemas.models.files import check_files
from plaudit_schemas.models.graph import GraphShape, read_graph
from plaudit_schemas.models.inputs import Turns
from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.memory import check_memory
from plaudit_schemas.models.runtime import CUDA, GraphSession, RefusedInputError, open_session
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.scores import AnswerModel, Score
from plaudit_schemas.models.tokenising import ModelTokenizer, Tokens, open_tokenizer

_AT_ONCE: Final = 4096
"""Texts that are put into batches together: enough to find others of like length, and little memory."""


def open_model(folder: Path, settings: RuntimeSettings | None = None) -> "OnnxModel":
    """Load a model and prove it on its canaries.

    Raises:
        SettingsError: ONNX Runtime is not installed as it must be, or CUDA is required and does not work.
        ModelError: the folder cannot be used, or the model does not give the scores that it promises.
    """
    settings = settings or RuntimeSettings()
    manifest, sha256 = read_manifest(folder)
    check_files(folder, manifest.files)
    model = load_model(folder, manifest, settings, sha256=sha256)
    try:
        prove(model, manifest)
    except BaseException:
        model.close()
        raise
    return model


def load_model(
    folder: Path, manifest: ModelManifest, settings: RuntimeSettings, *, sha256: str = ""
) -> "OnnxModel":
    """Load a model without a look at the hashes of its files and at its canaries.

    Raises:
        SettingsError, ModelError: as `open_model`.
    """
    check_memory(folder, manifest.files)  # before anything reads a file of any size
    shape = read_graph(folder, manifest.files, manifest.output)
    tokenizer = open_tokenizer(folder, manifest)
    session = open_session(folder, shape, settings)
    most = settings.batch_tokens(cuda=session.provider == CUDA)
    return OnnxModel(manifest, sha256, tokenizer, session, shape, batch_tokens=1 if shape.alone else most)


class OnnxModel(AnswerModel):
    """A model in ONNX Runtime. Not safe for threads."""

    def __init__(
        self,
        manifest: ModelManifest,
        sha256: str,
        tokenizer: ModelTokenizer,
        session: GraphSession,
        shape: GraphShape,
        *,
        batch_tokens: int,
    ) -> None:
        self.manifest = manifest
        self.name = manifest.name
        self.version = manifest.version
        self.sha256 = sha256
        self.input = manifest.input
        self.aspect = manifest.aspect
        self.provider = session.provider
        self.padding = 0
        self.refused = ""
        self._tokenizer = tokenizer
        self._session: GraphSession | None = session
        self._shape = shape
        self._batch_tokens = batch_tokens

    def input_of(self, turns: Turns) -> str:
        """The text that the model is given for the last of these turns.

        Raises:
            ModelInputError: its chat template does not take these turns.
        """
        return self._tokenizer.input_of(turns)

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score texts, of which there may be any number.

        Raises:
            ModelError: the runtime failed, such as for lack of memory; nothing was scored.
        """
        scores: list[Score] = []
        for start in range(0, len(texts), _AT_ONCE):
            scores += self._score(texts[start : start + _AT_ONCE])
        return scores

    def _score(self, texts: Sequence[str]) -> list[Score]:
        tokens = self._tokenizer.tokens_of(texts)
        outputs = self._outputs(tokens)
        manifest = self.manifest
        scores = [
            score_of(output, manifest.output, manifest.calibration, tokens=len(one.ids), cut=one.cut)
            for output, one in zip(outputs, tokens, strict=True)
        ]
        for score in scores:
            if math.isnan(score.number) and not math.isnan(score.reward):
                self.refused = f"the graph gives {score.reward:g}, which is no {manifest.output}"
        return scores

    def _outputs(self, tokens: Sequence[Tokens]) -> list[float]:
        """What the graph gives for each text: NaN if it refuses it, or gives no single number."""
        outputs = [math.nan] * len(tokens)
        lengths = [len(one.ids) for one in tokens]
        padded = "attention_mask" in self._shape.inputs  # without it, padding would change the score
        for batch in batches_of(lengths, self._batch_tokens, padded=padded):
            for place, output in zip(batch, self._outputs_of([tokens[at] for at in batch]), strict=True):
                outputs[place] = output
        return outputs

    def _outputs_of(self, batch: Sequence[Tokens]) -> list[float]:
        try:
            output = self._run(batch)
        except RefusedInputError as error:
            self.refused = str(error)
        else:
            found = numbers(output, len(batch))
            if found is not None:
                if any(map(math.isnan, found)):
                    self.refused = "the graph gives NaN"
                return found
            self.refused = (
                f"the graph gives numbers of shape {list(output.shape)} instead of one for each text"
            )
        if len(batch) == 1:
            return [math.nan]
        # One text must not spoil the others.
        return [self._outputs_of([one])[0] for one in batch]

    def _run(self, batch: Sequence[Tokens]) -> npt.NDArray[np.generic]:
        if self._session is None:
            raise ModelError(f"the model {self.name}@{self.version} was closed")
        longest = max(len(one.ids) for one in batch)
        self.padding += sum(longest - len(one.ids) for one in batch)
        return self._session.run(feeds(batch, self._shape, self._tokenizer.pad_id))

    def close(self) -> None:
        """Free the memory. Closing again does nothing."""
        self._session = None


def feeds(batch: Sequence[Tokens], shape: GraphShape, pad_id: int) -> dict[str, npt.NDArray[np.int64]]:
    """The graph's inputs for texts, padded at their ends. A text without tokens is one of padding alone."""
    longest = max(1, *(len(one.ids) for one in batch))
    ids = np.full((len(batch), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(batch):
        ids[row, : len(one.ids)] = one.ids
        mask[row, : len(one.ids)] = 1
    of_name = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: of_name[name] for name in shape.inputs}


def numbers(output: npt.NDArray[np.generic], count: int) -> list[float] | None:
    """The numbers of an output of shape [batch] or [batch, 1]; None if it has another shape."""
    if output.shape not in ((count,), (count, 1)):
        return None
    return [float(value) for value in output.reshape(count).astype(np.float64)]
