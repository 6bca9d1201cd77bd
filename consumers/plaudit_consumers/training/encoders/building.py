"""Builds encoders' folders."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from plaudit_schemas.models.runtime import Floats, open_session
from plaudit_schemas.models.tokenising import load_tokenizer
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from plaudit_consumers.training.encoders import distilling
from plaudit_consumers.training.encoders.adopting import adopted_graph
from plaudit_consumers.training.encoders.bert_graph import bert_graph, read_json, read_shape
from plaudit_consumers.training.encoders.encoder import SHAPE, dimensions_of, every_processor
from plaudit_consumers.training.encoders.errors import EncoderError, SourceFilesError
from plaudit_consumers.training.encoders.graph_parts import OUTPUT
from plaudit_consumers.training.encoders.manifest import (
    GRAPH,
    EncoderManifest,
    checked_manifest,
    hashes,
    write_manifest,
)

Precision = Literal["fp32", "fp16", "int8"]
Kind = Literal["static", "transformer"]
DIMENSIONS = 256
"""Of a static encoder. More are not better on the pairs of hh-rlhf."""
STATIC_TOKENS = 2048
"""A sum of token vectors takes any number of them; more than this tell little of an answer."""
_TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


class About(NamedTuple):
    """What only the maker of an encoder knows."""

    name: str
    version: str = "1"
    description: str | None = None
    languages: Sequence[str] = ()
    licence: str | None = None
    made_from: str | None = None


def build_transformer(source: Path, output: Path, about: About, precision: Precision = "fp32") -> None:
    """Write the encoder that runs the whole graph of a source.

    Args:
        source: a folder of Hugging Face with the plain weights of a BERT model, or with `model.onnx`.
        output: the folder to write; must not exist.

    Raises:
        SourceFilesError: the source is missing, damaged or of another kind.
        EncoderError: the output exists, or the description is wrong.
    """
    _manifest(about, 1, 1, {})  # before minutes of work
    with new_folder(output) as folder:
        onnx.save(source_graph(source, precision), folder / GRAPH)
        if precision == "int8":
            _quantize(folder / GRAPH)
        _finish(folder, source, about, max_tokens_of(source))


def build_static(
    source: Path,
    output: Path,
    about: About,
    corpus: Iterable[str] | None = None,
    dimensions: int = DIMENSIONS,
) -> None:
    """Write the static encoder that is distilled from a source.

    Args:
        source: as with `build_transformer`.
        output: the folder to write; must not exist.
        corpus: texts whose tokens are counted, so that frequent ones count less. Without them the order of
            the vocabulary stands for the frequency.

    Raises:
        SourceFilesError: the source is missing, damaged or of another kind.
        EncoderError: the output exists, or the description is wrong.
    """
    _manifest(about, 1, 1, {})
    with new_folder(output) as folder:
        table = distilled_table(source, corpus, dimensions)
        onnx.save(distilling.static_graph(table), folder / GRAPH)
        _finish(folder, source, about, STATIC_TOKENS)


def distilled_table(source: Path, corpus: Iterable[str] | None, dimensions: int) -> Floats:
    """The vectors of all tokens, weighted: [size of the vocabulary, dimensions]."""
    tokenizer = load_tokenizer(source)
    size = len(tokenizer)
    vectors = distilling.token_vectors(teacher_of(source), *special_ids(tokenizer), size)
    if corpus is None:
        frequencies = distilling.zipf_frequencies(size)
    else:
        frequencies = distilling.counted_frequencies(token_counts(tokenizer, corpus, size))
    components = distilling.main_components(vectors, min(dimensions, vectors.shape[1]))
    # A special token is in every text and tells nothing; an unknown word does.
    without = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    return distilling.weighted(components, frequencies, sorted(without))


def teacher_of(source: Path) -> Callable[[NDArray[np.int64]], Floats]:
    """What gives the vectors of rows of token ids, without padding."""
    with tempfile.TemporaryDirectory(prefix="plaudit-teacher-") as name:
        onnx.save(source_graph(source, "fp32"), Path(name) / GRAPH)
        session = open_session(Path(name), SHAPE, every_processor())

    def embed(ids: NDArray[np.int64]) -> Floats:
        return np.asarray(session.run({"input_ids": ids, "attention_mask": np.ones_like(ids)}), np.float32)

    return embed


def special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer puts before and after a text."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    before = (len(whole) - len(inner)) and whole.index(inner[0])
    return whole[:before], whole[before + len(inner) :]


def token_counts(tokenizer: Any, corpus: Iterable[str], size: int) -> NDArray[np.int64]:
    """How often each token occurs in texts."""
    counts = np.zeros(size, np.int64)
    for text in corpus:
        counts += np.bincount(
            np.array(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], np.int64),
            minlength=size,
        )
    return counts


def source_graph(source: Path, precision: Precision) -> onnx.ModelProto:
    """The graph of a source. An int8 one begins as fp32."""
    if (source / "model.safetensors").exists():
        try:
            weights = load_file(source / "model.safetensors")
        except (SafetensorError, OSError) as error:
            raise SourceFilesError(f"{source / 'model.safetensors'} cannot be read: {error}") from None
        return bert_graph(read_shape(source), weights, np.float16 if precision == "fp16" else np.float32)
    if precision == "fp16":
        raise SourceFilesError(
            f"{source} has no model.safetensors, and only plain weights can become fp16 here"
        )
    return adopted_graph(source)


def max_tokens_of(source: Path) -> int:
    """How many tokens a source takes."""
    known = [
        read_json(source / file).get(field)
        for file, field in (
            ("sentence_bert_config.json", "max_seq_length"),
            ("tokenizer_config.json", "model_max_length"),
            ("config.json", "max_position_embeddings"),
        )
        if (source / file).exists()
    ]
    # A tokenizer without a limit says 1e30.
    return min(
        (int(number) for number in known if isinstance(number, (int, float)) and 0 < number < 1e6),
        default=512,
    )


def _quantize(path: Path) -> None:
    # Loaded here: it brings much that only this needs.
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    # One scale for a whole matrix would ruin the vectors.
    quantize_dynamic(path, path, per_channel=True, weight_type=QuantType.QInt8)


def _finish(folder: Path, source: Path, about: About, max_tokens: int) -> None:
    copy_tokenizer(source, folder)
    dimensions = dimensions_of(onnx.load(folder / GRAPH, load_external_data=False), OUTPUT)
    write_manifest(folder, _manifest(about, dimensions or 0, max_tokens, hashes(folder)))


def _manifest(about: About, dimensions: int, max_tokens: int, files: dict[str, str]) -> EncoderManifest:
    fields = {**about._asdict(), "dimensions": dimensions, "max_tokens": max_tokens, "files": files}
    return checked_manifest(fields, "the encoder's description")


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy the tokenizer's files, without the padding and cutting that a training may have left in them."""
    if not (source / "tokenizer.json").exists():
        load_tokenizer(source).save_pretrained(folder)
        return
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    for name in _TOKENIZER_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder beside the output, which becomes the output if all goes well."""
    if output.exists():
        raise EncoderError(f"{output} exists; choose another folder, or remove it")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as name:
        folder = Path(name) / "encoder"
        folder.mkdir()
        yield folder
        folder.rename(output)
