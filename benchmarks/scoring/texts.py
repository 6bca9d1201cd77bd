"""The texts that are scored: real answers, as they come."""

import gzip
import json
import os
import re
from pathlib import Path

_SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "hh_rlhf" / "harmless-base-test.jsonl.gz"
_ASSISTANT = re.compile(r"\n\n(Human|Assistant):")


def answers(count: int) -> list[str]:
    """The first answers of hh-rlhf that differ, or of the file that BENCH_TEXTS names (lines of JSON texts).

    Raises:
        FileNotFoundError: there is neither.
    """
    named = os.environ.get("BENCH_TEXTS")
    if named:
        lines = Path(named).read_text(encoding="utf-8").splitlines()
        found = [str(json.loads(line)) for line in lines]
    else:
        with gzip.open(_SHARED, "rt", encoding="utf-8") as file:
            found = [_last_answer(json.loads(line)[side]) for line in file for side in ("chosen", "rejected")]
    return list(dict.fromkeys(found))[:count]


def _last_answer(transcript: str) -> str:
    return _ASSISTANT.split(transcript)[-1].strip()
