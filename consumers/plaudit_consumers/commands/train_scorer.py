"""`plaudit train scorer`: train a scorer on the judged answers of a snapshot."""

import json
import os
import re
import sys
import time
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plaudit_schemas.commands import FAILED, OK
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.packages import runtime_package

from plaudit_consumers.commands.dataset_options import add_root, ended_as_by_ctrl_c, snapshot_folder

if TYPE_CHECKING:
    from plaudit_consumers.training.encoders.encoder import TextEncoder
    from plaudit_consumers.training.train import TrainedScorer, TrainingPlan

_SUBSETS: Final = ("preference", "kto", "preference_tools", "kto_tools")
_OWN_ENCODERS: Final = ("static", "minilm")
# The matrices are small: several threads take ten times as long where other processes run too, and add up in
# another order. NumPy reads these when it is loaded.
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_NEEDED: Final = ("matplotlib", "safetensors")


def configure(actions: Any) -> None:
    """Add the action."""
    scorer = actions.add_parser(
        "scorer",
        help="train a scorer on the judged answers of a snapshot",
        description="Trains a model that scores answers, in seconds and on a CPU: an encoder as it is, and a "
        "head that learns from the splits train and validation of a snapshot. It is judged on the split test "
        "beside simpler ways. The folder that is written has the model, a card and plots. A scorer that is "
        "not better than chance is written too, but the exit code is 1 and `plaudit models publish` refuses "
        "it.",
    )
    scorer.add_argument(
        "--snapshot", required=True, metavar="SNAPSHOT", help="its folder, or its name in the register"
    )
    scorer.add_argument(
        "--subset", required=True, choices=_SUBSETS, help="preference learns from pairs, kto from labels"
    )
    scorer.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="the folder of the model; must not exist"
    )
    scorer.add_argument(
        "--encoder",
        default="static",
        metavar="static|minilm|DIR",
        help="what turns text into a vector: one of Plaudit's, or a folder of `plaudit train encoder`; "
        "default %(default)s",
    )
    scorer.add_argument(
        "--input",
        choices=("exchange", "answer"),
        default="exchange",
        help="what the model is given: the user's last turn and the answer, or the answer alone; default "
        "%(default)s",
    )
    scorer.add_argument("--name", default="scorer", help="the model's name; default %(default)s")
    scorer.add_argument("--version", help="default: one that follows from the rows and the options")
    scorer.add_argument(
        "--aspect",
        help="learn only from rows on this aspect. Default: from all rows; the scores then count as the "
        "aspect of most rows",
    )
    scorer.add_argument("--licence", metavar="TEXT", help="of the model; default: that of the encoder")
    scorer.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the folds and intervals; default %(default)s"
    )
    scorer.add_argument(
        "--shuffle-labels",
        action="store_true",
        help="a check: deal the labels by chance, which must give a scorer that is not better than chance",
    )
    scorer.add_argument(
        "--force", action="store_true", help="exit with 0 even if the scorer is not better than chance"
    )
    scorer.add_argument("--json", action="store_true", help="print one JSON object")
    add_root(scorer)


def train(arguments: Namespace) -> int:
    """Train a scorer, and say how good it is."""
    _check_options(arguments)
    runtime_package()
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    if any(find_spec(module) is None for module in _NEEDED):
        raise SettingsError(
            "training needs matplotlib and safetensors: pip install 'plaudit-infra[score,train]'"
        )
    from plaudit_consumers.training.train import train_scorer  # noqa: PLC0415  # loads ONNX when used

    began = time.monotonic()
    plan = _plan(arguments)
    with ended_as_by_ctrl_c():
        trained = train_scorer(plan, lambda: _encoder(arguments.encoder))
    print(_json(plan, trained) if arguments.json else _text(plan, trained, time.monotonic() - began))
    for note in trained.notes:
        print(f"note: {note}", file=sys.stderr)
    if trained.report.better_than_chance or arguments.force:
        return OK
    print(
        f"plaudit: the scorer in {plan.output} is not better than chance; look at its card, and train again "
        "with more judged answers",
        file=sys.stderr,
    )
    return FAILED


def _check_options(arguments: Namespace) -> None:
    from plaudit_schemas.models.manifest import NAME_PATTERN  # noqa: PLC0415  # loads pydantic's models

    for option, text in (("--name", arguments.name), ("--version", arguments.version)):
        if text is not None and not re.fullmatch(NAME_PATTERN, text):
            raise SettingsError(
                f"{option} {text!r} cannot be used: take up to 64 letters, digits, '.', '_' and '-', and "
                "begin with a letter or a digit"
            )
    for option, text in (("--aspect", arguments.aspect), ("--licence", arguments.licence)):
        if text is not None and not text.strip():
            raise SettingsError(f"{option} is empty; leave it out, or name one")
    if arguments.seed < 0:
        raise SettingsError("--seed must be 0 or more")


def _plan(arguments: Namespace) -> "TrainingPlan":
    from plaudit_consumers.training.train import TrainingPlan  # noqa: PLC0415

    return TrainingPlan(
        snapshot=snapshot_folder(arguments.snapshot, arguments),
        subset=arguments.subset,
        output=arguments.output,
        name=arguments.name,
        version=arguments.version,
        aspect=arguments.aspect,
        input=arguments.input,
        licence=arguments.licence,
        seed=arguments.seed,
        shuffle_labels=arguments.shuffle_labels,
    )


def _encoder(text: str) -> "TextEncoder":
    from plaudit_consumers.training.encoders.cached import minilm_encoder, static_encoder  # noqa: PLC0415
    from plaudit_consumers.training.encoders.encoder import open_encoder  # noqa: PLC0415

    if text == "static":
        return static_encoder(report=_say)
    if text == "minilm":
        return minilm_encoder(report=_say)
    if not Path(text).is_dir():
        raise SettingsError(f"--encoder {text} is no folder; name one, or {' or '.join(_OWN_ENCODERS)}")
    return open_encoder(Path(text))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _text(plan: "TrainingPlan", trained: "TrainedScorer", seconds: float) -> str:
    from plaudit_consumers.training.report import table, verdict  # noqa: PLC0415

    report, manifest = trained.report, trained.manifest
    left_out = ", ".join(f"{why.replace('_', ' ')} {rows}" for why, rows in report.left_out.items())
    lines = [
        f"{manifest.name}@{manifest.version} on {manifest.encoder}, in {seconds:.1f} s",
        f"learned from {report.learning_rows:,} rows of {report.subset}, judged by {report.held_out_rows:,}"
        + _known(report.known_questions)
        + (f"; left out: {left_out}" if left_out else ""),
    ]
    if report.shuffled:
        lines.append(
            "THE LABELS WERE DEALT BY CHANCE (--shuffle-labels): this scorer is a check, and of no use"
        )
    cells = table(report)
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    shown = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    lines += ["", *(line.rstrip() for line in shown), "", *verdict(report)]
    lines.append(f"wrote {plan.output}: README.md is its card")
    if report.better_than_chance:
        lines.append(f"next: plaudit models publish {plan.output}")
    return "\n".join(lines)


def _known(rows: int) -> str:
    return f", of which {rows:,} are of chats that begin with a question it learned from" if rows else ""


def _json(plan: "TrainingPlan", trained: "TrainedScorer") -> str:
    manifest = trained.manifest
    return json.dumps(
        {
            "output": str(plan.output),
            "name": manifest.name,
            "version": manifest.version,
            "encoder": manifest.encoder,
            "aspect": manifest.aspect,
            "calibration": manifest.calibration.model_dump(),
            "notes": list(trained.notes),
            **trained.report.document(),
        },
        indent=2,
    )
