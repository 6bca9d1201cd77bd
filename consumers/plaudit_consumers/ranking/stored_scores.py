"""Scores the answers of stored conversations into a Parquet file."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_schemas.models.inputs import InputKind
from plaudit_schemas.models.scores import AnswerModel, Score

from plaudit_consumers.ranking.errors import RankingError
from plaudit_consumers.ranking.scoring import Fates, fate_of, pieces, score_turns
from plaudit_consumers.ranking.stored_answers import Row, StoredAnswer, answers_of
from plaudit_consumers.rows.schemas import TEXT

SCORES: Final = pa.schema(
    [
        pa.field("application", TEXT),
        pa.field("conversation_id", TEXT),
        pa.field("message_id", TEXT),
        pa.field("score", pa.float64()),
        pa.field("confidence", pa.float64()),
        pa.field("reward", pa.float64()),
        pa.field("tokens", pa.int64()),
        pa.field("cut", pa.bool_()),
        pa.field("name", TEXT),
        pa.field("version", TEXT),
        pa.field("sha256", TEXT),
    ]
)
"""One row for each answer that has a score. `score` is from 0 to 1, as in the feedback of the stream."""


def write_scores(rows: Iterable[Row], model: AnswerModel, kind: InputKind, path: Path) -> Fates:
    """Score every answer of canonical rows. The file appears when it is complete.

    Returns:
        How many answers were scored, and how many were not, by reason.

    Raises:
        RankingError: the file exists, or cannot be written.
        ModelError: the runtime failed.
    """
    if path.exists():
        raise RankingError(f"{path} exists; name another --output")
    aside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    fates = Fates()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(aside, SCORES) as writer:
            for some in pieces(_answers(rows, kind, fates)):
                scores = score_turns(model, [answer.turns for answer in some])
                fates.update(map(fate_of, scores))
                writer.write_table(_table(some, scores, model))
        aside.rename(path)
    except OSError as error:
        raise RankingError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            aside.unlink()
    return fates


def _answers(rows: Iterable[Row], kind: InputKind, fates: Fates) -> Iterable[StoredAnswer]:
    for row in rows:
        for answer in answers_of(row, kind):
            if isinstance(answer, str):
                fates[answer] += 1
            else:
                yield answer


def _table(answers: Iterable[StoredAnswer], scores: Iterable[Score | None], model: AnswerModel) -> Any:
    rows = [
        {
            "application": answer.application,
            "conversation_id": answer.conversation_id,
            "message_id": answer.message_id,
            "score": score.number,
            "confidence": score.confidence,
            "reward": score.reward,
            "tokens": score.tokens,
            "cut": score.cut,
            "name": model.name,
            "version": model.version,
            "sha256": model.sha256,
        }
        for answer, score in zip(answers, scores, strict=True)
        if score is not None and fate_of(score) == "scored"
    ]
    return pa.Table.from_pylist(rows, schema=SCORES)
