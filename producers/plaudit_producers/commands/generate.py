"""`plaudit generate`: ask models for sibling answers to prompts, for people to compare."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.commands.replay import count, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plaudit_producers.generation.asking import AnswerAsker
    from plaudit_producers.generation.journal import GenerationJournal
    from plaudit_producers.generation.plan import GenerationPlan
    from plaudit_producers.generation.prompts_file import GenerationPrompt
    from plaudit_producers.generation.run import GenerationSummary


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Asks each model of a file for answers to each prompt of another file, and records them as siblings "
        "in one conversation for each prompt. A report notes what was asked: a second run asks nothing. "
        f"Each conversation has the tag plaudit.generated, by which a rubric queues them. {_NEEDS}"
    )
    parser.add_argument(
        "--prompts", required=True, metavar="FILE", help="JSON lines, or a prompt on each line"
    )
    parser.add_argument("--models", metavar="FILE", help="a models file; default: the built-in responder")
    parser.add_argument("--n", type=count, default=2, metavar="N", help="answers of each model; default 2")
    parser.add_argument("--application", default="generated", help="the tenant; default generated")
    parser.add_argument(
        "--batch", metavar="NAME", help="the tag's value; default: the name of the prompts file"
    )
    parser.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE", help="a further tag")
    parser.add_argument(
        "--consent",
        choices=[value for value in get_args(Consent) if value != "unknown"],
        default="unspecified",
        help="consent to training of those who wrote the prompts",
    )
    parser.add_argument(
        "--rate", type=rate, metavar="N", help="the most requests per second; default no limit"
    )
    parser.add_argument(
        "--concurrency", type=count, default=4, metavar="N", help="requests at a time; default 4"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N prompts")
    parser.add_argument(
        "--timeout", type=rate, default=600, metavar="S", help="seconds for a whole answer; default 600"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="default: <prompts>.generated.jsonl in this folder"
    )
    parser.add_argument("--retry-errors", action="store_true", help="ask again for answers that failed")
    parser.add_argument("--dry-run", action="store_true", help="show what would be asked; needs no Kafka")
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


_NEEDS = "It needs pip install 'plaudit-producers[generate]'."


def run(arguments: Namespace) -> int:
    if find_spec("huggingface_hub") is None:
        raise SettingsError(
            "plaudit generate needs huggingface-hub: pip install 'plaudit-producers[generate]'"
        )
    from plaudit_producers.destinations import require_events_topic  # noqa: PLC0415  # loaded when used
    from plaudit_producers.generation.journal import GenerationJournal  # noqa: PLC0415  # as above
    from plaudit_producers.generation.outcome import describe_generation, describe_plan  # noqa: PLC0415
    from plaudit_producers.generation.prompts_file import read_prompts  # noqa: PLC0415

    connection = load(ConnectionSettings, arguments)
    plan, prompts = _plan(arguments), read_prompts(arguments.prompts, arguments.limit)
    path: Path = arguments.report or Path(f"{_name(arguments.prompts)}.generated.jsonl")
    same = {"application": plan.application, "topic_prefix": connection.topic_prefix}
    if arguments.dry_run:
        known = 0
        if path.exists():
            with GenerationJournal(path, same) as journal:
                known = _known(plan, prompts, journal)
        print(describe_plan(plan, prompts, known))
        return OK
    require_events_topic(connection)
    with GenerationJournal(path, same) as journal:
        asker = _asker(arguments)
        summary = asyncio.run(_generate(arguments, connection, plan, prompts, (journal, asker)))
    print(describe_generation(summary, asker.stopped, str(path), retry_errors=arguments.retry_errors))
    return FAILED if summary.failure is not None or asker.stopped else OK


def _plan(arguments: Namespace) -> "GenerationPlan":
    from plaudit_producers.chat.models_reader import read_models  # noqa: PLC0415  # loaded when used
    from plaudit_producers.generation.plan import GenerationPlan  # noqa: PLC0415  # as above
    from plaudit_producers.importers.tags import tags_of  # noqa: PLC0415  # as above

    return GenerationPlan(
        application=arguments.application,
        models=read_models(arguments.models),
        answers=arguments.n,
        batch=arguments.batch or _name(arguments.prompts),
        consent=arguments.consent,
        tags=tags_of(arguments.tag),
    )


def _name(prompts: str) -> str:
    return (
        Path(prompts).name.removesuffix(".gz").rpartition(".")[0]
        or Path(prompts).name.lstrip("-")
        or "prompts"
    )


def _known(
    plan: "GenerationPlan", prompts: "tuple[GenerationPrompt, ...]", journal: "GenerationJournal"
) -> int:
    from plaudit_producers.generation.plan import PromptIds, slots_of  # noqa: PLC0415  # loaded when used

    ids = [PromptIds(plan.application, plan.turns_of(prompt), prompt).conversation_id for prompt in prompts]
    return sum((each, slot.name) in journal.answers for each in ids for slot in slots_of(plan))


def _asker(arguments: Namespace) -> "AnswerAsker":
    from plaudit_producers.chat.endpoints import EndpointTimeouts  # noqa: PLC0415  # loaded when used
    from plaudit_producers.generation.asking import AnswerAsker, AskingPace  # noqa: PLC0415  # as above

    timeouts = EndpointTimeouts(min(60.0, arguments.timeout), min(30.0, arguments.timeout), arguments.timeout)
    return AnswerAsker(AskingPace(arguments.rate), timeouts)


async def _generate(
    arguments: Namespace,
    connection: ConnectionSettings,
    plan: "GenerationPlan",
    prompts: "tuple[GenerationPrompt, ...]",
    parts: "tuple[GenerationJournal, AnswerAsker]",
) -> "GenerationSummary":
    from plaudit_producers.generation.recording import GenerationRecorder  # noqa: PLC0415  # loaded when used
    from plaudit_producers.generation.run import Generation  # noqa: PLC0415  # as above
    from plaudit_producers.sdk.async_producer import AsyncFeedbackProducer  # noqa: PLC0415  # as above

    producer = AsyncFeedbackProducer(
        plan.application,
        connection=connection,
        source="import",
        when_full="block",
        block_timeout_s=None,
        strict=True,
    )
    journal, asker = parts
    async with producer:
        with _progress(len(prompts) * len(plan.models) * plan.answers) as progress:
            generation = Generation(
                plan,
                journal,
                GenerationRecorder(producer),
                asker,
                retry_errors=arguments.retry_errors,
                progress=progress,
            )
            return await generation.run(prompts, arguments.concurrency)


@contextmanager
def _progress(wanted: int) -> "Iterator[Callable[[GenerationSummary], None]]":
    """Yield a function to call after each answer; without a terminal or tqdm it does nothing."""
    if not sys.stderr.isatty() or find_spec("tqdm") is None:
        yield lambda _: None
        return
    from tqdm import tqdm  # noqa: PLC0415  # of the extra `generate`

    with tqdm(total=wanted, unit=" answers", mininterval=0.2) as bar:
        yield lambda summary: bar.update(summary.handled - bar.n)


COMMAND = Command(
    "generate", "ask models for sibling answers to prompts, for people to compare", configure, run
)
