"""Where tasks come from: the queue of a rubric, or a file of conversations."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_schemas.review.claims import ReviewedItem
from plaudit_schemas.review.queue import ReviewQueue
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.redis import AWAY, connect, why_away
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.importers.catalog import find_format
from plaudit_producers.importers.formats import read_batches
from plaudit_producers.importers.model import BadRecord, ImportOptions
from plaudit_producers.importers.recognition import recognise_format
from plaudit_producers.importers.source import open_source
from plaudit_producers.interchange.documents import Document, FileConversations
from plaudit_producers.interchange.review_tasks import ReviewTask, task_of, tasks_in
from plaudit_producers.live_reader import ConversationReader, installed_reader

_TIMEOUT_S: Final = 5.0
_BLIND: Final = frozenset(("random", "control"))
"""Items with these reasons show no suggestion: their answers are compared with those of others."""


@dataclass(slots=True)
class FoundTasks:
    """Tasks, and what gave none.

    Attributes:
        refused: reasons why records of a file could not be read, with their lines.
        gone: how many items of a queue have no content any more.
    """

    tasks: list[ReviewTask] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    gone: int = 0


def tasks_of_file(rubric: Rubric, path: Path, form: str | None, limit: int | None) -> FoundTasks:
    """The tasks of all that a rubric's target names in a file of conversations.

    The conversations have the ids that `plaudit replay --application` gives them: replay the file, too.

    Args:
        form: the name of the file's format; None recognises it.
        limit: the most tasks.

    Raises:
        NotFoundError: the file cannot be read, or no format knows it.
        SettingsError: the file may be of several formats.
    """
    found, conversations = FoundTasks(), FileConversations()
    options = ImportOptions(application=rubric.application)
    with open_source(path) as source:
        known = find_format(form) if form else recognise_format(source)[0]
        for item in read_batches(known, source, options):
            if isinstance(item, BadRecord):
                found.refused.append(f"line {item.place.line}: {item.reason}")
            else:
                conversations.add(item.records)
    for document in conversations.documents.values():
        for task in tasks_in(rubric, document):
            if limit is not None and len(found.tasks) >= limit:
                return found
            found.tasks.append(task)
    return found


async def tasks_of_queue(rubric: Rubric, connection: ConnectionSettings, limit: int | None) -> FoundTasks:
    """The tasks of the items of a rubric's queue that have too few verdicts.

    Args:
        limit: the most tasks.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: Redis does not answer, or the queue is being filled.
    """
    found = FoundTasks()
    client = connect(connection.redis_url.get_secret_value(), timeout_s=_TIMEOUT_S)
    reader = installed_reader(connection)
    try:
        queue = ReviewQueue(
            client, connection.redis_prefix, QueueName(rubric.application, rubric.name, rubric.version)
        )
        await _refuse_unready(queue, rubric)
        async for item in queue.items():
            if limit is not None and len(found.tasks) >= limit:
                break
            if len(item.verdicts) >= rubric.overlap or item.adjudicated or item.target.kind == "topic":
                continue
            task = await _task_of_item(rubric, item, queue, reader)
            if task is None:
                found.gone += 1
            else:
                found.tasks.append(task)
    except AWAY as error:
        raise ServiceUnavailableError(
            f"Redis does not answer ({why_away(error)}); check PLAUDIT_REDIS_URL, or try again later"
        ) from None
    finally:
        if reader is not None:
            await reader.aclose()
        await client.aclose()
    return found


async def _refuse_unready(queue: ReviewQueue, rubric: Rubric) -> None:
    stage, name = await queue.stage(), f"{rubric.name}@{rubric.version} of application {rubric.application}"
    if stage == "unknown":
        raise NotFoundError(
            f"{name} has no queue; publish it with `plaudit review publish` and run `plaudit review-queue`, "
            "or name a file of conversations with --from"
        )
    if stage == "building":
        raise ServiceUnavailableError(
            f"the queue of {name} is being filled from the log, so it would ask what is answered already; "
            "try again when `plaudit review status` says no more of it"
        )


async def _task_of_item(
    rubric: Rubric, item: ReviewedItem, queue: ReviewQueue, reader: ConversationReader | None
) -> ReviewTask | None:
    document = await _live(reader, rubric.application, item.target.conversation_id)
    if document is None:  # it has expired: what the queue kept of it
        stored = await queue.find(item.id)
        document = None if stored is None else json.loads(stored.context)
    if document is None:
        return None
    return task_of(rubric, document, item.target, suggest=_BLIND.isdisjoint(item.reasons))


async def _live(reader: ConversationReader | None, application: str, conversation_id: str) -> Document | None:
    if reader is None:
        return None
    try:
        return await reader.get(application, conversation_id)
    except NotFoundError:
        return None
