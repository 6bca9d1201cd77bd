"""Live roots as sinks leave them, written from the schemas by the tests' own hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.rows.schemas import AMENDMENTS, CONVERSATIONS, RECORDS, SCHEMAS, Subset
from plaudit_consumers.sink.files.metadata import FileMetadata

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_EMPTY_LISTS = ("messages", "feedback", "comparisons", "variants", "tags")


def chat(*texts: str) -> list[dict[str, str]]:
    """Messages of a training row in turns, the user's first."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


def said(text: str) -> list[dict[str, str]]:
    """The answer of a training row."""
    return [{"role": "assistant", "content": text}]


def talk(*texts: str) -> list[dict[str, Any]]:
    """The messages of a conversation in turns, the user's first: m0, m1, ..."""
    return [
        turn(f"m{at}", ("user", "assistant")[at % 2], f"m{at - 1}" if at else None, content=text)
        for at, text in enumerate(texts)
    ]


def turn(message_id: str, role: str = "assistant", parent: str | None = None, **more: Any) -> dict[str, Any]:
    """A message of a canonical row. Without a parent it is a root."""
    return {
        "message_id": message_id, "parent_id": parent or "", "role": role, "content": f"text of {message_id}",
        "status": "complete", "tool_calls": [], "attachments": [], "variants": [], "metadata": [],
        "orphan": False, **more,
    }  # fmt: skip


def thumb(
    message_id: str | None, like: bool | None, *, rater: str = "r", event_id: str = "e", **more: Any
) -> dict[str, Any]:
    """A reviewer's verdict as a feedback of a row; None withdraws it."""
    return {
        "message_id": message_id, "id": f"f-{event_id}", "aspect": "satisfaction", "kind": "thumb",
        "thumb": like, "labels": [], "spans": [], "rater": {"id": rater, "kind": "reviewer", "version": None},
        "event_id": event_id, "occurred_at": T0, **more,
    }  # fmt: skip


def ranked(*ranking: str, event_id: str = "e", rater: str = "r", **more: Any) -> dict[str, Any]:
    """A reviewer's comparison, the best message first."""
    return {
        "comparison_id": f"x-{rater}", "candidates": sorted(ranking), "ranking": [[name] for name in ranking],
        "none_acceptable": False, "rater": {"id": rater, "kind": "reviewer", "version": None},
        "aspect": "preference", "event_id": event_id, "occurred_at": T0, **more,
    }  # fmt: skip


class Root:
    """A root in the making: conversations one by one, then `publish`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offset = 0
        self.first = 0
        self.waiting: dict[Subset, list[dict[str, Any]]] = {subset: [] for subset in RECORDS}

    def add(
        self,
        name: str,
        *,
        minute: float = 0,
        user: str | None = None,
        consent: str | None = "granted",
        **more: Any,
    ) -> dict[str, Any]:
        """A canonical row that the broker took `minute` minutes after T0; more columns may be given."""
        at = T0 + timedelta(minutes=minute)
        row = {
            **dict.fromkeys(CONVERSATIONS.names),
            **{column: [] for column in _EMPTY_LISTS},
            "application": "acme",
            "conversation_id": name,
            "revision": 1,
            "erased": False,
            "user_id": user,
            "consent": consent,
            "model": {"id": "m", "version": "1", "metadata": []},
            "licence": "cc-by-4.0",
            "source": "sdk",
            "end_reason": "closed",
            "finished_at": at,
            "recorded_at": at,
            "started_at": at,
            "ended_at": at,
            "source_partition": 0,
            "source_offset": 10 * self.offset,
            "record_offset": self.offset,
            **more,
        }
        self.offset += 1
        self.waiting["conversations"].append(row)
        return row

    def judged(self, name: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A conversation with these messages."""
        return self.add(name, messages=list(messages), **more)

    def late(self, name: str, event_id: str, *, days: float = 4, held_ms: int = 0, **more: Any) -> None:
        """An amendment whose event the broker took some days after T0: of a `feedback`, `exclusion`, ..."""
        at = T0 + timedelta(days=days)
        said = more.get("feedback") or more.get("exclusion") or {}
        for word in (more.get("feedback"), more.get("comparison")):
            if word:
                word["event_id"], word["occurred_at"] = event_id, at - timedelta(milliseconds=held_ms)
        self.waiting["amendments"].append(
            {
                **dict.fromkeys(AMENDMENTS.names),
                "application": "acme",
                "conversation_id": name,
                "event_id": event_id,
                "occurred_at": at - timedelta(milliseconds=held_ms),
                "arrived_at": at,
                "held_ms": held_ms,
                "source": "sdk",
                "message_id": said.get("message_id"),
                "rules": 2,
                "source_partition": 0,
                "source_offset": 10 * self.offset,
                "recorded_at": at,
                "record_offset": self.offset,
                **more,
            }
        )
        self.offset += 1

    def sft(self, name: str, prompt: str, answer: str, *, like: bool = True, **more: Any) -> dict[str, Any]:
        """A conversation of one question with one answer, which a reviewer likes or dislikes."""
        messages = turn("q", "user", content=prompt), turn("a", parent="q", content=answer)
        return self.judged(name, *messages, feedback=[thumb("a", like)], **more)

    def publish(self) -> "Root":
        """Write what is waiting as the files of one range of offsets."""
        if self.offset == self.first:
            return self
        records = [row for subset in RECORDS for row in self.waiting[subset]]
        date = f"date={records[0]['recorded_at'].date()}"
        counts = {subset: len(rows) for subset, rows in self.waiting.items() if rows}
        for subset, rows in self.waiting.items():
            if rows:
                path = self.folder / "v1" / subset / date / f"0-{self.first}-{self.offset - 1}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                self._write(path, subset, counts)
            rows.clear()
        self.first = self.offset
        return self

    def built(self, name: str = "snapshot", **options: Any) -> Path:
        """Publish what is waiting, and build a snapshot beside the root with options of `SnapshotPlan`."""
        output = self.publish().folder.parent / name
        build_snapshot(str(self.folder), SnapshotPlan(output=output, **options))
        return output

    def _write(self, path: Path, subset: Subset, counts: dict[Subset, int]) -> None:
        metadata = FileMetadata(
            subset=subset, topic="t", topic_id="i", partition=0, first=self.first, last=self.offset - 1,
            rows=counts[subset],
            conversations=counts.get("conversations", 0) if subset == "amendments" else 0,
        )  # fmt: skip
        with pq.ParquetWriter(path, SCHEMAS[subset]) as writer:
            writer.add_key_value_metadata(metadata.footer_entries())
            writer.write_table(pa.Table.from_pylist(self.waiting[subset], schema=SCHEMAS[subset]))


def rows_of(snapshot: Path, subset: Subset, split: str = "*") -> list[dict[str, Any]]:
    """A snapshot's rows, in the order of its files."""
    paths = sorted((snapshot / subset).glob(f"{split}-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def bytes_of(snapshot: Path) -> dict[str, bytes]:
    """Every file of a snapshot."""
    return {
        str(path.relative_to(snapshot)): path.read_bytes() for path in snapshot.rglob("*") if path.is_file()
    }
