"""Makes a scorer of the demo's rows: a snapshot, a model trained on it, and its publication."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from plaudit_schemas.models.manifest import ModelManifest
from plaudit_schemas.models.manifest_file import read_manifest

from plaudit_infra.demo.errands import ErrandResult, Errands

SCORER: Final = "taste"
"""The name of the demo's scorers."""
DELAY_S: Final = 5
"""Seconds from a publication to its activation; the default of a minute is long to look at."""
_ASPECT: Final = "satisfaction"
# Of few rows a good part must be held out, or nothing could be said of the scorer.
_SPLIT: Final = "60/15/25"


class ScorerTrainer:
    """Trains and publishes scorers, and says so in notes.

    Args:
        root: what the sink writes.
        folder: for snapshots and models, each with a number.
        published: called after each publication.

    Attributes:
        told: what is known of the newest scorer, for the view.
        trouble: why the newest scorer is not there; empty before any trouble.
        training: the one that is being trained; empty while none is.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        errands: Errands,
        note: Callable[[str], None],
        published: Callable[[], None],
    ) -> None:
        self._root, self._folder, self._errands = root, folder, errands
        self._note, self._published = note, published
        self.told: tuple[str, ...] = ()
        self.trouble = self.training = ""

    def prepare(self) -> bool:
        """Make the encoder, or take it from the cache. Returns whether there is one."""
        self._note("scorer: the encoder is made (the first time takes a minute, and the network)")
        made = self._errands.run("encoder", "train", "encoder", "--kind", "static")
        return self._well(made, "the encoder is ready", "no scorer can be trained")

    def train(self) -> bool:
        """Train a scorer from the rows on disk and publish it. Returns whether it is published."""
        number = self._next_number()
        self.training = f"{SCORER}@{number}"
        try:
            return self._train(number)
        finally:
            self.training = ""

    def _train(self, number: int) -> bool:
        name = f"{SCORER}@{number}"
        snapshot, model = self._folder / f"snapshot-{number}", self._folder / f"scorer-{number}"
        built = self._errands.run(
            f"build-{number}", "datasets", "build", "--root", self._root, "--output", snapshot,
            "--subset", "kto", "--aspects", _ASPECT, "--split", _SPLIT,
        )  # fmt: skip
        told = f"{name} is being trained on a snapshot of the votes"
        if not self._well(built, told, f"{name} is not trained"):
            return False
        trained = self._errands.run(
            f"train-{number}", "train", "scorer", "--snapshot", snapshot, "--subset", "kto",
            "--input", "answer", "--name", SCORER, "--version", str(number), "--output", model,
        )  # fmt: skip
        if not self._well(trained, f"{name} is trained", f"{name} is not published"):
            return False
        published = self._errands.run(
            f"publish-{number}", "models", "publish", model, "--delay-s", str(DELAY_S)
        )
        told = f"{name} is published, and active {DELAY_S} s later"
        if not self._well(published, told, f"{name} is not published"):
            return False
        self.told = tuple(describe(read_manifest(model)[0]))
        self._published()
        return True

    def has_models(self) -> bool:
        """Whether a scorer was trained in this folder before."""
        return any(self._folder.glob("scorer-*"))

    def _next_number(self) -> int:
        used = [int(path.name.rpartition("-")[2]) for path in self._folder.glob("snapshot-*")]
        return max(used, default=0) + 1

    def _well(self, result: ErrandResult, done: str, otherwise: str) -> bool:
        if not result.well:
            self.trouble = f"{otherwise}: {result.reason}"
        if not self._errands.stopping.is_set():
            self._note(f"scorer: {done if result.well else self.trouble}")
        return result.well


def describe(manifest: ModelManifest) -> Iterator[str]:
    """What a scorer was trained on, and how good it was on held-out answers."""
    rows = manifest.trained_on.rows if manifest.trained_on else 0
    yield f"{manifest.name}@{manifest.version}, trained on {rows:,} judged answers of this demo"
    figures = manifest.figures
    if figures is None:
        return
    found = figures.accuracy
    baselines = [
        f"{name.replace('_', ' ')} {one.value:.0%}" for name, one in sorted(figures.baselines.items())
    ]
    share = f"{found.value:.0%} ({found.low:.0%}-{found.high:.0%})"
    yield f"right in {share} of {figures.rows:,} held-out answers; {', '.join(baselines) or 'no baseline'}"
