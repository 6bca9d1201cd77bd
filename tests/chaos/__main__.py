"""`make chaos`: a round of faults with a seed of its own; exits with 1 if anything is wrong."""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.chats import chats
from tests.chaos.faults import KINDS, Durations, plan, small_disk
from tests.chaos.line import chaos
from tests.support.services import SHARED_DATA

_DISK_MB = 3072


def main() -> int:
    """SEED, FAULTS, KINDS, PAUSE_S, CHATS and FILE come from the environment."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
    count, chat_count = int(os.environ.get("FAULTS") or 20), int(os.environ.get("CHATS") or 539)
    kinds = [kind.strip() for kind in (os.environ.get("KINDS") or ",".join(KINDS)).split(",")]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        print(f"KINDS has {', '.join(unknown)}; there are {', '.join(KINDS)}", file=sys.stderr)
        return 2
    durations = Durations(pause_s=float(os.environ.get("PAUSE_S") or 90))
    path = Path(os.environ.get("FILE") or SHARED_DATA / "topical_chat" / "test_freq.json")
    if not path.exists():
        print(f"{path} is missing; name a file of Topical-Chat with FILE=", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was mounted is unmounted
    print(f"seed {seed}: repeat with `make chaos SEED={seed}`", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="plaudit-chaos-") as name, small_disk(Path(name), _DISK_MB):
        folder = Path(name)
        for kind in kinds:
            if not KINDS[kind].possible(folder):
                print(f"left out: {kind} is not possible here; it needs a disk of its own, so root")
        found = chaos(
            folder, list(chats(path, chat_count)), plan(rng, count, kinds, folder), rng,
            durations=durations, report=lambda text: print(text, flush=True),
        )  # fmt: skip
    for problem in found:
        print(problem)
    print("lost 0, doubled 0, figures equal to the unit" if not found else f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
