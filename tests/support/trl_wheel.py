"""TRL's wheel without what it needs, which is PyTorch: its chat templates are plain files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

from tests.support.services import ROOT, unavailable, uv_program

LOCK: Final = ROOT / "tests" / "trainers" / "uv.lock"
TOKENS: Final = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
Message = dict[str, Any]


def pinned() -> tuple[str, str]:
    """The version of TRL that `make trainers` runs, and its wheel's hash."""
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    package = next(each for each in packages if each["name"] == "trl")
    return package["version"], package["wheels"][0]["hash"]


def chat_templates() -> dict[str, str]:
    """Name -> text of every chat template in the wheel. Without it the test skips, or fails in CI."""
    folder = _wheel() / "trl" / "chat_templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def sources(*patterns: str) -> list[str]:
    """The texts of the modules that match the patterns, from the folder `trl` of the wheel."""
    return [path.read_text(encoding="utf-8") for each in patterns for path in (_wheel() / "trl").glob(each)]


def _wheel() -> Path:
    """The unpacked wheel, from the index that the user's uv is set to."""
    version, checksum = pinned()
    folder = ROOT / ".tools" / f"trl-{version}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            _install(f"trl=={version} --hash={checksum}", Path(unfinished))
            if not folder.exists():  # another process may have been faster
                shutil.move(Path(unfinished) / "wheel", folder)
    return folder


def _install(requirement: str, folder: Path) -> None:
    command = [uv_program(), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    (folder / "requirements.txt").write_text(requirement, encoding="utf-8")
    done = subprocess.run(
        [
            *command,
            "--python",
            sys.executable,
            "--target",
            folder / "wheel",
            "-r",
            folder / "requirements.txt",
        ],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "UV_LINK_MODE": "copy"},
        timeout=300,
    )
    if done.returncode:
        unavailable(f"TRL's wheel: {done.stderr.strip()}")


def shown(template: str, messages: list[Message], tools: str | None, *, asks: bool = False) -> str | None:
    """What a chat template makes of a chat, as trainers call it; None if it refuses.

    Args:
        tools: JSON text of the tools on offer, which trainers of TRL parse.
        asks: end with the start of the assistant's turn, as for a prompt.
    """
    from transformers.utils import chat_template_utils  # it takes seconds to load

    try:
        chats, _ = chat_template_utils.render_jinja_template(
            [messages],
            tools=json.loads(tools) if tools else None,
            chat_template=template,
            add_generation_prompt=asks,
            **TOKENS,
        )
    except Exception:  # a template raises whatever it likes
        return None
    return str(chats[0])
