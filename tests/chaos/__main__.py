"""`make chaos`: a round of faults with a seed of its own; exits with 1 if anything is wrong."""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.chats import chats
from tests.chaos.line import chaos
from tests.support.services import SHARED_DATA


def main() -> int:
    """SEED, FAULTS, CHATS and FILE come from the environment."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
    faults, count = int(os.environ.get("FAULTS") or 20), int(os.environ.get("CHATS") or 539)
    path = Path(os.environ.get("FILE") or SHARED_DATA / "topical_chat" / "test_freq.json")
    if not path.exists():
        print(f"{path} is missing; name a file of Topical-Chat with FILE=", file=sys.stderr)
        return 2
    print(f"seed {seed}: repeat with `make chaos SEED={seed}`", flush=True)
    with tempfile.TemporaryDirectory(prefix="plaudit-chaos-") as folder:
        found = chaos(
            Path(folder), list(chats(path, count)), seed=seed, faults=faults,
            report=lambda text: print(text, flush=True),
        )  # fmt: skip
    for problem in found:
        print(problem)
    print("lost 0, doubled 0, figures equal to the unit" if not found else f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
