"""Files of tasks for another tool: written into a folder, with what the tool must know of the rubric."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.review.rubric import Rubric

from plaudit_producers.interchange.argilla_records import argilla_record, argilla_settings
from plaudit_producers.interchange.label_studio_config import labelling_config
from plaudit_producers.interchange.label_studio_tasks import are_pairs, guidelines_of, label_studio_task
from plaudit_producers.interchange.review_tasks import ReviewTask

Tool = Literal["label-studio", "argilla"]
TASKS: Final = "tasks.json"
CONFIG: Final = "labelling-config.xml"
GUIDELINES: Final = "guidelines.md"
RECORDS: Final = "records.json"
SETTINGS: Final = "settings.json"


def task_files(tool: Tool, rubric: Rubric, tasks: Sequence[ReviewTask]) -> dict[str, str]:
    """The files for a tool, by name.

    Raises:
        SettingsError: the rubric is for writing prompts.
    """
    if tool == "argilla":
        most = max((len(task.answers) for task in tasks), default=0)
        return {
            RECORDS: _json([argilla_record(task) for task in tasks]),
            SETTINGS: _json(argilla_settings(rubric, answers=most)),
        }
    pairs = are_pairs(tasks)
    files = {
        TASKS: _json([label_studio_task(task, pairs=pairs) for task in tasks]),
        CONFIG: labelling_config(rubric, pairs=pairs),
    }
    guidelines = guidelines_of(rubric)
    return {**files, GUIDELINES: guidelines} if guidelines else files


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write the files into a folder, which is made.

    Raises:
        SettingsError: the folder has such a file already, or cannot be written.
    """
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise SettingsError(f"{folder / there[0]} exists; name another folder with --output, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            # A text may hold half a surrogate pair, which UTF-8 cannot encode.
            (folder / name).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}") from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
