"""An encoder that is open: text in, vectors out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from plaudit_schemas.models.batches import batches_of
from plaudit_schemas.models.graph import GraphShape, check_external_data, check_operators
from plaudit_schemas.models.memory import check_memory
from plaudit_schemas.models.model import feeds
from plaudit_schemas.models.runtime import CUDA, Floats, OnnxSession, open_session
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.models.tokenising import ModelTokenizer, Tokens, load_tokenizer

from plaudit_consumers.training.encoders.errors import EncoderError
from plaudit_consumers.training.encoders.graph_parts import OUTPUT
from plaudit_consumers.training.encoders.manifest import GRAPH, EncoderManifest, check_files, read_manifest

SHAPE = GraphShape(("input_ids", "attention_mask"), OUTPUT, alone=False)
_AT_ONCE = 4096


class TextEncoder:
    """An encoder's folder, open. Not safe for threads.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        provider: what it runs on, as ONNX Runtime names it.
        tokenizer_files: the files that a model made from this encoder needs beside its graph.
        alone: a text's vector depends on the texts that are run with it, so each is run alone. A model made
            from such an encoder is run so too.
    """

    def __init__(
        self, folder: Path, manifest: EncoderManifest, session: OnnxSession, batch_tokens: int
    ) -> None:
        self.folder, self.manifest, self.provider = folder, manifest, session.provider
        self.alone = batch_tokens == 1
        self.tokenizer_files = [folder / path for path in manifest.files if path != GRAPH]
        tokenizer = load_tokenizer(folder)
        self._tokenizer = ModelTokenizer(tokenizer, kind="answer", max_tokens=manifest.max_tokens, cut="left")
        self._session = session
        self._batch_tokens = batch_tokens

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors [texts, dimensions] of length 1, float32.

        Of a longer text the last `manifest.max_tokens` tokens count. A text without tokens has the vector 0.

        Raises:
            ModelError: the runtime failed, such as for lack of memory.
        """
        vectors = np.zeros((len(texts), self.manifest.dimensions), np.float32)
        for first in range(0, len(texts), _AT_ONCE):
            part = vectors[first : first + _AT_ONCE]
            self._embed_into(part, self._tokenizer.tokens_of(texts[first : first + _AT_ONCE]))
        return vectors

    def _embed_into(self, vectors: Floats, tokens: Sequence[Tokens]) -> None:
        for places in batches_of([len(one.ids) for one in tokens], self._batch_tokens):
            batch = [tokens[place] for place in places]
            if batch[-1].ids:
                vectors[places] = self._session.run(feeds(batch, SHAPE, self._tokenizer.pad_id))

    def graph(self) -> onnx.ModelProto:
        """The graph, with its weights: int64 `input_ids` and `attention_mask` [batch, tokens] -> `OUTPUT`.

        What is composed with it must have its IR version and opset. Those of the graphs that are built here
        are `graph_parts.IR_VERSION` and `OPSET`; a user's own may have others.
        """
        return onnx.load(self.folder / GRAPH)


def open_encoder(folder: Path, settings: RuntimeSettings | None = None) -> TextEncoder:
    """Check an encoder's folder, and open it.

    Args:
        settings: how it runs; by default on CUDA if that works, and else on all processors.

    Raises:
        EncoderError: it is no encoder, a file is missing or has another hash than its manifest says, or its
            graph has other inputs or outputs.
        ModelError: its tokenizer or graph cannot be loaded, or the graph needs code or files from elsewhere.
        SettingsError: ONNX Runtime is not installed as it must be.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    check_memory(folder, manifest.files)  # before anything reads a file of any size
    path = folder / GRAPH
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own, which has no base
        raise EncoderError(f"{path} is no ONNX model ({type(error).__name__})") from None
    check_operators(model, path)
    check_external_data(model, path, manifest.files)
    check_shape(model, path, manifest.dimensions)
    settings = settings or every_processor()
    session = open_session(folder, SHAPE, settings)
    most = settings.batch_tokens(cuda=session.provider == CUDA)
    return TextEncoder(folder, manifest, session, 1 if depends_on_batch(model) else most)


def every_processor() -> RuntimeSettings:
    """Settings for work that nothing runs beside: all processors, or CUDA if it works."""
    # macOS does not say which processors a process may use.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return RuntimeSettings(onnx_threads=allowed or 1)


def check_shape(model: Any, path: Path, dimensions: int) -> None:
    """Check what a graph takes and gives.

    Raises:
        EncoderError: something else than an encoder does.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in weights}
    int64 = all(value.type.tensor_type.elem_type == onnx.TensorProto.INT64 for value in inputs.values())
    if inputs.keys() != set(SHAPE.inputs) or not int64:
        raise EncoderError(
            f"{path} takes {', '.join(inputs) or 'nothing'}; it must take int64 {' and '.join(SHAPE.inputs)}"
        )
    if (
        OUTPUT not in {value.name for value in model.graph.output}
        or dimensions_of(model, OUTPUT) != dimensions
    ):
        raise EncoderError(f"{path} must give {OUTPUT}: float32 [batch, {dimensions}]")


def dimensions_of(model: Any, name: str) -> int | None:
    """The length of the float32 vectors [batch, n] that an output gives; None if it gives others."""
    tensor = next(value.type.tensor_type for value in model.graph.output if value.name == name)
    dims = tensor.shape.dim
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(dims) != 2:
        return None
    return int(dims[1].dim_value) or None


def depends_on_batch(model: Any) -> bool:
    """Whether a graph quantizes by what a batch holds, so that a text's vector depends on the others."""
    return any(node.op_type.startswith("DynamicQuantize") for node in model.graph.node)
