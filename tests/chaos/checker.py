"""Compares what was sent with what came out; reads Parquet and Redis with none of the pipeline's code."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import redis

from tests.chaos.chats import Chat


def differences(chats: list[Chat], output: Path, redis_url: str, prefix: str) -> list[str]:
    """What was lost, doubled or changed, in words; nothing where all is well."""
    rows = _rows(output / "v1" / "conversations")
    return [
        *_compare_chats(chats, rows),
        *_compare_counters(chats, _counters(redis_url, prefix)),
    ]


def _rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted(str(path) for path in folder.glob("date=*/*.parquet"))
    rows: list[dict[str, Any]] = ds.dataset(files, format="parquet").to_table().to_pylist() if files else []
    return rows


def _compare_chats(chats: list[Chat], rows: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    seen = Counter((row["conversation_id"], row["revision"]) for row in rows)
    found += [
        f"doubled: {name} revision {revision}, {n} rows" for (name, revision), n in seen.items() if n > 1
    ]
    latest = {row["conversation_id"]: row for row in sorted(rows, key=lambda row: int(row["revision"]))}
    found += [f"not sent: {name}" for name in latest.keys() - {chat.name for chat in chats}]
    for chat in chats:
        row = latest.get(chat.name)
        if row is None:
            found.append(f"lost: {chat.name}")
            continue
        said = [(message["role"], message["content"]) for message in row["messages"]]
        if said != list(zip(chat.roles, chat.texts, strict=True)):
            found.append(f"changed: messages of {chat.name}")
        ratings = {int(each["message_id"][1:]): each["number"] for each in row["feedback"]}
        if ratings != chat.ratings:
            found.append(f"changed: ratings of {chat.name}")
    return found


def _counters(url: str, prefix: str) -> Counter[str]:
    """Every counter of the long buckets, summed over series, buckets and partitions."""
    total: Counter[str] = Counter()
    with redis.Redis.from_url(url, decode_responses=True) as client:
        for key in client.scan_iter(match=f"{prefix}*:metrics:10m:*", count=1000):
            cells: Any = client.hgetall(key)
            for cell, amount in cells.items():
                total[cell.partition(" ")[2]] += int(amount)
    return total


def _compare_counters(chats: list[Chat], counters: Counter[str]) -> list[str]:
    ratings = [rating for chat in chats for rating in chat.ratings.values()]
    roles = Counter(role for chat in chats for role in chat.roles)
    wanted = {
        "conversations:started": len(chats),
        "messages:user": roles["user"],
        "messages:assistant": roles["assistant"],
        "feedback:number": len(ratings),
        "covered": len(ratings),
        "satisfaction:user:number:message:n": len(ratings),
        "satisfaction:user:number:message:sum": 1000 * sum(ratings),
    }
    return [
        f"counter {name}: {counters[name]}, sent {amount}"
        for name, amount in wanted.items()
        if counters[name] != amount
    ]
