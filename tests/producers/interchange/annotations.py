"""Exports and webhooks of Label Studio on tasks of ours, in the shapes of a server of version 1.23."""

import json
from pathlib import Path
from typing import Any

from plaudit_producers.interchange.label_studio_tasks import label_studio_task
from plaudit_producers.interchange.review_tasks import ReviewTask

MADE = "2026-11-26T23:11:13.942259Z"
CHANGED = "2026-11-26T23:11:15.108008Z"


def result(name: str, about: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"id": "r", "from_name": name, "to_name": about, "type": kind, "value": value}


def choice(name: str, *values: str) -> dict[str, Any]:
    return result(name, "chat", "choices", choices=list(values))


def text(name: str, *texts: str) -> dict[str, Any]:
    return result(name, "chat", "textarea", text=list(texts))


def annotation(*results: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": 1, "completed_by": 1, "result": list(results), "was_cancelled": False, "ground_truth": False,
        "created_at": MADE, "updated_at": MADE, "lead_time": 3.5, "task": 1, **fields,
    }  # fmt: skip


def exported(made: ReviewTask, *annotations: dict[str, Any]) -> dict[str, Any]:
    """A task of the export JSON."""
    pairs = len(made.answers) == 2
    data = json.loads(json.dumps(label_studio_task(made, pairs=pairs)["data"]))
    return {"id": 1, "data": data, "meta": {}, "annotations": list(annotations), "predictions": [1]}


def webhook(action: str, made: ReviewTask, *annotations: dict[str, Any]) -> dict[str, Any]:
    """What Label Studio posts."""
    task = {key: value for key, value in exported(made).items() if key not in ("annotations", "predictions")}
    if len(annotations) == 1:
        return {"action": action, "annotation": annotations[0], "task": task, "project": {"id": 1}}
    return {"action": action, "annotation": list(annotations), "task": [task], "project": {"id": 1}}


def deleted(*numbers: int) -> dict[str, Any]:
    gone = [{"id": each} for each in numbers]
    return {"action": "ANNOTATIONS_DELETED", "annotations": gone, "project": {"id": 1}}


def export_file(folder: Path, *tasks: dict[str, Any]) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return path
