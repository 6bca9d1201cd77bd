"""Weights the raters of one aspect by Dawid and Skene's model, from votes on disk."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_schemas.statistics.dawid_skene import RaterModel, VoteBatch, fit_raters

from plaudit_consumers.rows.schemas import TEXT, struct

LABELS: Final = 2
"""The lower and the upper side: bad and good, or the second and the first of a pair."""
POSTERIORS: Final = pa.schema(struct(kind=TEXT, key=TEXT, aspect=TEXT, posterior=pa.float64()))
_BATCH_VOTES: Final = 1 << 18


class VoteFiles:
    """The votes of one aspect as files of plain numbers, which EM reads again and again."""

    def __init__(self, batches: Iterable[Any], folder: Path) -> None:
        """Write the votes.

        Args:
            batches: record batches of `vote_labels.sql`.
            folder: exists; the files of an earlier aspect in it are replaced.
        """
        self._keys = folder / "keys.parquet"
        self._paths = {name: folder / f"{name}.i64" for name in ("thing", "rater", "label")}
        self._things = self._write(batches)

    def batches(self) -> Iterator[VoteBatch]:
        """All votes in order, about 2**18 at once, those on one thing together."""
        if not self._things:
            return
        things, raters, labels = (np.memmap(path, np.int64, "r") for path in self._paths.values())
        start = 0
        while start < len(things):
            # To the end of the last thing. All votes on one thing are in memory anyway when it is resolved.
            last = things[min(start + _BATCH_VOTES, len(things)) - 1]
            end = int(np.searchsorted(things, last, side="right"))
            part = slice(start, end)
            yield VoteBatch(things[part] - things[start], np.array(raters[part]), np.array(labels[part]))
            start = end

    def posteriors(self, model: RaterModel, kind: str, aspect: str) -> Iterator[Any]:
        """Tables of POSTERIORS: how likely the upper side of each thing is."""
        keys = _Keys(self._keys)
        for votes in self.batches():
            found = model.posteriors(votes)[:, 1]
            names = keys.take(len(found))
            same = [[kind] * len(found), [aspect] * len(found)]
            yield pa.table([same[0], names, same[1], found], schema=POSTERIORS)

    def _write(self, batches: Iterable[Any]) -> int:
        things, previous = 0, None
        files = {name: path.open("wb") for name, path in self._paths.items()}
        try:
            with pq.ParquetWriter(self._keys, pa.schema(struct(key=TEXT))) as writer:
                for batch in batches:
                    if not batch.num_rows:
                        continue
                    keys = batch.column("key").to_pylist()
                    is_new = np.array(
                        [key != other for key, other in zip(keys, [previous, *keys], strict=False)]
                    )
                    numbers = things - 1 + np.cumsum(is_new)
                    files["thing"].write(numbers.astype(np.int64).tobytes())
                    for name in ("rater", "label"):
                        files[name].write(batch.column(name).to_numpy().astype(np.int64).tobytes())
                    fresh = [key for key, new in zip(keys, is_new, strict=True) if new]
                    writer.write_table(pa.table([fresh], schema=pa.schema(struct(key=TEXT))))
                    things, previous = things + len(fresh), keys[-1]
        finally:
            for file in files.values():
                file.close()
        return things


class _Keys:
    """Reads the keys of things in order."""

    def __init__(self, path: Path) -> None:
        self._batches = pq.ParquetFile(path).iter_batches(columns=["key"])
        self._left: list[str] = []

    def take(self, count: int) -> list[str]:
        while len(self._left) < count:
            self._left += next(self._batches).column("key").to_pylist()
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def weigh(votes: VoteFiles, raters: int) -> RaterModel:
    """Fit the model to the votes. The same votes give the same numbers."""
    return fit_raters(votes.batches, raters, LABELS)


def model_document(model: RaterModel) -> dict[str, Any]:
    """What the manifest says of a model: whether EM converged, and how often raters are right."""
    skill = np.sort(model.skill())
    shown = {"lowest": skill[0], "median": np.median(skill), "highest": skill[-1]} if len(skill) else {}
    return {
        "iterations": model.iterations,
        "converged": model.converged,
        "skill": {name: round(float(value), 6) for name, value in shown.items()},
    }
