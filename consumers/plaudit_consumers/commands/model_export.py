"""`plaudit models export`: make a model's folder of a classifier or reward model of transformers."""

import re
from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.packages import runtime_package

from plaudit_consumers.commands.dataset_options import ended_as_by_ctrl_c


def configure(actions: Any) -> None:
    """Add the action."""
    export = actions.add_parser(
        "export",
        help="make a model's folder of a classifier or reward model of transformers",
        description="Exports a model for sequence classification to ONNX, and compares it with its original "
        "on texts of many lengths. A reward model has one output; of a classifier the score is the "
        "probability of one label. Needs PyTorch: pip install 'plaudit-infra[score,export]'. What runs the "
        "folder needs none. Code that comes with a model is never run.",
    )
    export.add_argument(
        "source", type=Path, metavar="HF_DIR", help="the folder of the model and its tokenizer"
    )
    export.add_argument("output", type=Path, metavar="OUTPUT", help="the folder to write; must not exist")
    export.add_argument("--name", help="of the model; default: that of HF_DIR")
    export.add_argument("--version", default="1", help="of the model; default %(default)s")
    export.add_argument("--licence", metavar="TEXT", default="not stated", help="of the model")
    export.add_argument(
        "--precision",
        choices=("fp32", "fp16"),
        default="fp32",
        help="fp16 is for CUDA: half as large, and fast there; default %(default)s",
    )
    export.add_argument(
        "--label",
        metavar="NAME|N",
        help="the label that a good answer gets; default: of two labels the second",
    )
    export.add_argument(
        "--input",
        choices=("answer", "exchange", "history"),
        help="what the model is given; default: the history if its tokenizer has a chat template, and else "
        "the exchange",
    )
    export.add_argument(
        "--max-tokens", type=int, metavar="N", help="default: what the model takes, at most 8192"
    )
    export.add_argument(
        "--language",
        action="append",
        dest="languages",
        metavar="TAG",
        help="a language that it was made for, such as en; may be repeated",
    )
    export.add_argument(
        "--texts", type=Path, metavar="FILE", help="compare with the original on these texts too, one a line"
    )


def export_model(arguments: Namespace) -> int:
    """Export a model, and say how near it is to its original."""
    _check_options(arguments)
    runtime_package()
    texts = _texts(arguments.texts)
    from plaudit_consumers.training import exporting  # noqa: PLC0415  # loads ONNX when used

    plan = exporting.ExportPlan(
        source=arguments.source,
        output=arguments.output,
        name=arguments.name or _name_of(arguments.source),
        version=arguments.version,
        licence=arguments.licence,
        precision=arguments.precision,
        label=arguments.label,
        kind=arguments.input,
        max_tokens=arguments.max_tokens,
        languages=tuple(arguments.languages or ()),
        texts=texts,
    )
    with ended_as_by_ctrl_c():
        exported = exporting.export_model(plan)
    manifest = exported.manifest
    print(
        f"{arguments.output}: {manifest.name}@{manifest.version}\n"
        f"  score       {_shown(exported.label)}\n"
        f"  input       {manifest.input}, at most {manifest.max_tokens} tokens\n"
        f"  difference  {exported.difference:.4f} from the original at most"
    )
    return OK


def _shown(label: str | None) -> str:
    if label is None:
        return "from its one output"
    # Labels come from the model. Escaped to ASCII, they cannot send sequences to the terminal.
    return f"the probability of the label {label!a}"


def _check_options(arguments: Namespace) -> None:
    if not arguments.source.is_dir():
        raise SettingsError(f"{arguments.source} is no folder; download the model first")
    if arguments.output.exists():
        raise SettingsError(f"{arguments.output} exists; choose another folder, or remove it")
    if arguments.max_tokens is not None and arguments.max_tokens < 1:
        raise SettingsError("--max-tokens must be at least 1")


def _name_of(source: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._")[:64] or "model"


def _texts(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SettingsError(f"--texts {path} cannot be read: {error.strerror}") from None
