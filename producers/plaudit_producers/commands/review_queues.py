"""The queues that actions of `plaudit review` read: the options, and the way to them."""

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.review_options import add_rubric_name, application_of, open_rubrics

if TYPE_CHECKING:
    from plaudit_schemas.review.queue import ReviewQueue
    from plaudit_schemas.review.rubric import Rubric

Result = TypeVar("Result")
_TIMEOUT_S: Final = 10.0


def add_queue(parser: ArgumentParser) -> None:
    """Add the rubric, which version of it is meant, and the flags of Kafka and Redis."""
    add_rubric_name(parser)
    parser.add_argument(
        "--version", metavar="VERSION", help="a version of the rubric; default: the active one"
    )
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "redis_url"))


def chosen_rubric(arguments: Namespace) -> "Rubric":
    """The rubric that the options name.

    Raises:
        NotFoundError: there is no such rubric, or no such version of it.
    """
    from plaudit_schemas.review.registry import active_rubric  # noqa: PLC0415  # loads Kafka's client when used

    with open_rubrics(arguments) as registry:
        book = registry.book()
    application = application_of(arguments, book, ended=arguments.version is not None)
    if arguments.version is None:
        return active_rubric(book, application, arguments.name).rubric
    found = {each.rubric.version: each.rubric for each in book.versions(application, arguments.name)}
    if arguments.version not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NotFoundError(f"{arguments.name} has no version {arguments.version}; there are: {known}")
    return found[arguments.version]


def stage_note(stage: str) -> str:
    """What people must know of figures of a queue in this stage (`ReviewQueue.stage`); empty if nothing."""
    if stage == "unknown":
        return "the queue does not exist; `plaudit review-queue` makes it while it runs"
    if stage == "building":
        return "the queue is being filled from the log, so this is only what it has by now"
    return ""


def read_queue(
    arguments: Namespace, rubric: "Rubric", read: Callable[["ReviewQueue"], Awaitable[Result]]
) -> Result:
    """What `read` gives of the rubric's queue.

    Raises:
        ServiceUnavailableError: Redis does not answer.
    """
    from plaudit_schemas.review.queue import ReviewQueue  # noqa: PLC0415  # loads Redis' client when used
    from plaudit_schemas.review.targets import QueueName  # noqa: PLC0415  # as above
    from plaudit_schemas.service.redis import AWAY, connect  # noqa: PLC0415  # as above

    connection = load(ConnectionSettings, arguments)

    async def reading() -> Result:
        client = connect(connection.redis_url.get_secret_value(), timeout_s=_TIMEOUT_S)
        try:
            name = QueueName(rubric.application, rubric.name, rubric.version)
            return await read(ReviewQueue(client, connection.redis_prefix, name))
        except AWAY as error:
            raise ServiceUnavailableError(f"Redis does not answer; look at --redis-url: {error}") from error
        finally:
            await client.aclose()

    return asyncio.run(reading())
