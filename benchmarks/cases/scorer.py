"""Answers a second of one core that models score, from texts to scores, beside the naive way.

The naive way is what one writes first: MiniLM in fp32, one text at a time, padded to the most that it takes.
Rates are of processor time of the whole process, so other load on the machine hardly changes them. Where CUDA
works, its figures follow.
"""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from plaudit_consumers.training.encoders.cached import minilm_encoder, static_encoder
from plaudit_consumers.training.encoders.source import minilm_files
from plaudit_schemas.cache import default_cache
from plaudit_schemas.models.runtime import CUDA, load_runtime

from benchmarks.report import Row, row
from benchmarks.scoring.cuda import measure
from benchmarks.scoring.folders import write_folder
from benchmarks.scoring.texts import answers
from benchmarks.scoring.ways import Way, by_arrival, naive, ours

ANSWERS = 4000
OF_SLOW = 200
"""How many of them a slow way scores. Texts come in no order, so these are like the rest."""
NAIVE = "naive: MiniLM fp32, one at a time, padded to 256"


def run(repetitions: int) -> list[Row]:
    """The rates of all ways, each beside the naive one. The ways take turns."""
    texts = answers(ANSWERS)
    with tempfile.TemporaryDirectory() as name:
        folders = write_folders(Path(name))
        fp32, fp32_way = ours(folders["fp32"])
        ways: dict[str, tuple[Way, int]] = {
            NAIVE: (naive(folders["fp32"]), OF_SLOW // 2),
            "MiniLM fp32, 32 by arrival": (by_arrival(fp32), OF_SLOW),
            "MiniLM fp32, by length": (fp32_way, OF_SLOW),
            "MiniLM int8, one at a time": (ours(folders["int8"])[1], OF_SLOW),
            "static, by length": (ours(folders["static"])[1], ANSWERS),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for repetition in range(repetitions + 1):
            for way, (score, count) in ways.items():
                rate = rate_of(score, texts[:count])
                if repetition:  # the first round loads code and memory
                    found[way].append(rate)
        rows = [
            row(way, "answers/s of a core", rates, None if way == NAIVE else (NAIVE, found[NAIVE]))
            for way, rates in found.items()
        ]
        if CUDA in load_runtime().get_available_providers():
            rows += measure(folders, minilm_files(default_cache()), texts, repetitions)
    return rows


def write_folders(folder: Path) -> Mapping[str, Path]:
    """The models, by precision; `static` is the static one."""
    encoders = {"static": static_encoder(), "fp32": minilm_encoder("fp32"), "int8": minilm_encoder("int8")}
    if CUDA in load_runtime().get_available_providers():
        encoders["fp16"] = minilm_encoder("fp16")
    return {name: write_folder(folder / name, encoder, name) for name, encoder in encoders.items()}


def rate_of(score: Way, texts: list[str]) -> float:
    """Texts a second of processor time."""
    began = time.process_time()
    assert len(score(texts)) == len(texts)
    return len(texts) / (time.process_time() - began)
