"""TRL's trainers, ten steps each, on `load_dataset(snapshot, subset)` as it is.

Runs in the environment of this folder's lock: `python -m tests.trainers.train NAME=SNAPSHOT ...`.
"""

import argparse
import gc
import logging
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}

import datasets  # type: ignore[import-untyped]  # it has no types
import torch
import trl
from datasets import load_dataset
from transformers import PrinterCallback
from transformers.utils.logging import disable_progress_bar
from trl.data_utils import apply_chat_template

from tests.trainers.tiny import LONGEST, save_model, texts_of, tokenizer

STEPS = 10
TRAINERS: dict[str, tuple[tuple[Any, Any], ...]] = {
    "sft": ((trl.SFTTrainer, trl.SFTConfig),),
    "preference": ((trl.DPOTrainer, trl.DPOConfig), (trl.RewardTrainer, trl.RewardConfig)),
    "kto": ((trl.KTOTrainer, trl.KTOConfig),),
}
PLAIN_TEMPLATE = "qwen3"
# TRL's documented example of a chat with tools. A template that shows its arguments is one for tools.
EXAMPLE: list[dict[str, Any]] = [
    {"role": "user", "content": "Turn on the living room lights."},
    {
        "role": "assistant",
        "tool_calls": [
            {
                "type": "function",
                "function": {"name": "control_light", "arguments": {"room": "cellar", "state": "on"}},
            }
        ],
    },
    {"role": "tool", "name": "control_light", "content": "The lights are now on."},
    {"role": "assistant", "content": "Done!"},
]


class Run(NamedTuple):
    """One trainer on one subset with one chat template."""

    snapshot: str
    subset: str
    trainer: Any
    config: Any
    template: str

    def __str__(self) -> str:
        name = self.trainer.__name__.removesuffix("Trainer")
        return f"{self.snapshot:6} {self.subset:16} {name:6} {self.template:33}"


def templates() -> dict[str, str]:
    """The chat templates that TRL ships."""
    folder = files("trl") / "chat_templates"
    return {
        each.name.removesuffix(".jinja"): each.read_text(encoding="utf-8")
        for each in sorted(folder.iterdir(), key=lambda each: each.name)
        if each.name.endswith(".jinja")
    }


def takes_tools(template: str) -> bool:
    """Whether a chat template shows the arguments of TRL's documented example."""
    words = tokenizer([], template)
    try:
        shown = apply_chat_template({"messages": EXAMPLE}, words)["text"]
    except Exception:  # a template raises whatever it likes
        return False
    return "cellar" in shown


def runs(snapshots: dict[str, Path], chosen: set[str]) -> Iterator[Run]:
    """Every subset that has rows of the kind of a trainer, with each template that takes its rows."""
    known = templates()
    with_tools = [name for name, text in known.items() if name in chosen and takes_tools(text)]
    for snapshot, folder in snapshots.items():
        for kind, trainers in TRAINERS.items():
            for trainer, config in trainers:
                if (folder / kind).is_dir():
                    yield Run(snapshot, kind, trainer, config, PLAIN_TEMPLATE)
                if (folder / f"{kind}_tools").is_dir():
                    for name in with_tools:
                        yield Run(snapshot, f"{kind}_tools", trainer, config, name)


def train(run: Run, rows: Any, template: str) -> float:
    """The last loss.

    Raises:
        RuntimeError: the trainer did less than it was told.
        Exception: whatever the trainer raised.
    """
    with tempfile.TemporaryDirectory(prefix="plaudit-model-") as folder:
        words = tokenizer([template, *texts_of(list(rows))], template)
        save_model(Path(folder), words)
        config = run.config(
            output_dir=folder,
            max_steps=STEPS,
            max_length=LONGEST,
            per_device_train_batch_size=2,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        )
        trainer = run.trainer(folder, args=config, train_dataset=rows, processing_class=words)
        if len(trainer.train_dataset) != len(rows):
            raise RuntimeError(f"the trainer kept {len(trainer.train_dataset)} of {len(rows)} rows")
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
    if trainer.state.global_step != STEPS or not all(map(math.isfinite, losses)) or not losses:
        raise RuntimeError(f"{trainer.state.global_step} steps with the losses {losses}")
    return losses[-1]


def attempt(run: Run, folder: Path) -> str | None:
    """Run and print one line. Returns the line if it failed."""
    start = time.monotonic()
    try:
        rows: Any = load_dataset(str(folder), run.subset, split="train")
        loss = train(run, rows, templates()[run.template])
    except Exception as error:
        line = f"FAILED {run} {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        print(line, flush=True)
        return line
    took = time.monotonic() - start
    print(f"ok     {run} {len(rows):4} rows {STEPS} steps  loss {loss:7.4f} {took:5.1f} s", flush=True)
    return None


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshots", nargs="+", metavar="NAME=SNAPSHOT")
    parser.add_argument(
        "--templates", default="", help="only these chat templates; default all that TRL ships"
    )
    arguments = parser.parse_args(argv)
    chosen = {name for name in arguments.templates.split(",") if name} or set(templates())
    if unknown := chosen - set(templates()):
        parser.error(f"TRL {trl.__version__} has no chat template {min(unknown)}")
    snapshots = {name: Path(path) for name, _, path in (each.partition("=") for each in arguments.snapshots)}
    versions = f"TRL {trl.__version__}, PyTorch {torch.__version__}, datasets {datasets.__version__}"
    warnings.simplefilter("ignore", FutureWarning)  # the libraries' own, to each other
    logging.disable(logging.WARNING)  # of a model that has learned nothing
    planned = list(runs(snapshots, chosen))
    print(f"{versions}: {len(planned)} runs", flush=True)
    with tempfile.TemporaryDirectory(prefix="plaudit-datasets-") as cache:
        datasets.config.HF_DATASETS_CACHE = Path(cache)
        datasets.disable_progress_bars()
        disable_progress_bar()
        torch.set_num_threads(1)  # the model is so small that a second thread only waits
        gc.freeze()  # a trainer collects garbage when it starts, and the libraries are a million objects
        failed = [line for run in planned if (line := attempt(run, snapshots[run.snapshot]))]
    gc.unfreeze()
    print(f"{len(planned) - len(failed)} of {len(planned)} runs ended well")
    return 1 if failed or not planned else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
