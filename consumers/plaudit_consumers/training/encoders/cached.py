"""Encoders that are built once for a machine, and then taken from the cache."""

import shutil
from pathlib import Path

from plaudit_schemas.cache import default_cache, locked
from plaudit_schemas.errors import ModelError

from plaudit_consumers.training.encoders.building import (
    About,
    Kind,
    Precision,
    build_static,
    build_transformer,
)
from plaudit_consumers.training.encoders.encoder import TextEncoder, open_encoder
from plaudit_consumers.training.encoders.errors import EncoderError
from plaudit_consumers.training.encoders.manifest import check_files, read_manifest
from plaudit_consumers.training.encoders.source import Report, minilm_files

MADE_FROM = "all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0)"
_VERSION = "1"
"""Of the recipe. A change of what is built needs another."""


def static_encoder(cache: Path | None = None, report: Report = print) -> TextEncoder:
    """The static encoder. The first time it takes the network and half a minute; then neither.

    Args:
        cache: the cache's folder; by default that of the user (`plaudit_schemas.cache.default_cache`).
        report: is told what takes long.

    Raises:
        SourceFilesError: the teacher's files could not be fetched.
        EncoderError: the cache cannot be written.
    """
    return open_encoder(cached_folder("static", "fp32", cache, report))


def minilm_encoder(
    precision: Precision = "fp32", cache: Path | None = None, report: Report = print
) -> TextEncoder:
    """MiniLM: better and slower than the static encoder. The rest is as with `static_encoder`."""
    return open_encoder(cached_folder("transformer", precision, cache, report))


def cached_folder(kind: Kind, precision: Precision, cache: Path | None, report: Report) -> Path:
    """The folder of an encoder in the cache; it is built if it is not there, or damaged."""
    cache = cache or default_cache()
    about = minilm_about(kind, precision)
    folder = cache / "encoders" / f"{about.name}-{about.version}"
    try:
        with locked(folder.parent):
            if not _intact(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _build(kind, precision, cache, folder, report)
    except OSError as error:
        raise EncoderError(
            f"{folder} cannot be written ({error}); set XDG_CACHE_HOME to a folder of yours"
        ) from None
    return folder


def _intact(folder: Path) -> bool:
    try:
        check_files(folder, read_manifest(folder))
    except (EncoderError, ModelError):
        return False
    return True


def minilm_about(kind: Kind, precision: Precision) -> About:
    """What is said of the encoders that are made of MiniLM."""
    what = {
        "static": "A table of token vectors, distilled from all-MiniLM-L6-v2",
        "transformer": f"all-MiniLM-L6-v2 in {precision}",
    }[kind]
    if precision == "int8":
        what += "; a text's vector depends on the texts in its batch, so texts are run one at a time"
    return About(
        name=f"minilm-l6-{'static' if kind == 'static' else precision}",
        version=_VERSION,
        description=f"{what}. English only.",
        languages=("en",),
        licence="Apache-2.0",
        made_from=MADE_FROM,
    )


def _build(kind: Kind, precision: Precision, cache: Path, folder: Path, report: Report) -> None:
    source = minilm_files(cache, report)
    about = minilm_about(kind, precision)
    report(f"building the encoder {about.name}")
    if kind == "static":
        build_static(source, folder, about)
    else:
        build_transformer(source, folder, about, precision)
