"""`plaudit simulate`: realistic made-up traffic."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from contextlib import suppress

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import AspectError, SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings


def model(text: str) -> tuple[str, float]:
    """Parse `name:quality`. argparse puts this function's name into its error message."""
    name, colon, quality = text.rpartition(":")
    if not (name and colon):
        raise ArgumentTypeError("must be NAME:QUALITY, such as aurora-2:0.9")
    return name, float(quality)


def models(text: str) -> dict[str, float]:
    """Parse `name:quality,name:quality`."""
    return dict(model(part) for part in text.split(","))


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Makes up chats and sends them to Kafka as a chat product would, with models of different quality, "
        "sparse and late feedback, regenerations, comparisons, reviewers, chats left open, and several "
        "languages. Every text is marked as simulated. The same seed gives the same chats with new ids. "
        "Without --conversations and --duration it runs until Ctrl-C."
    )
    parser.add_argument("--conversations", type=int, metavar="N", help="how many chats; default no limit")
    parser.add_argument("--duration", type=float, metavar="S", help="seconds to run; default no limit")
    parser.add_argument("--rate", type=float, default=50.0, metavar="R", help="events per second; default 50")
    parser.add_argument(
        "--open",
        type=int,
        metavar="N",
        help="chats open at once; with fewer, each goes faster at the same rate",
    )
    parser.add_argument(
        "--models",
        type=models,
        metavar="NAME:QUALITY,...",
        help="models, each with its share of good answers, from 0 to 1",
    )
    parser.add_argument(
        "--shift-at",
        type=float,
        metavar="X",
        help="when models change: below 1 a share of the run, from 1 on seconds",
    )
    parser.add_argument(
        "--shift",
        type=model,
        action="append",
        default=[],
        metavar="NAME:QUALITY",
        help="a model's quality from then on",
    )
    parser.add_argument(
        "--feedback",
        type=float,
        default=0.05,
        metavar="X",
        help="share of answers that users judge; default 0.05",
    )
    parser.add_argument("--application", default="simulated", help="the tenant; default simulated")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of everything random; default 0"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write plaudit-jsonl to this file at once instead of sending"
    )
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def run(arguments: Namespace) -> int:
    from plaudit_producers import simulator  # noqa: PLC0415  # loaded when used
    from plaudit_producers.destinations import count_unsent, open_event_file, open_kafka  # noqa: PLC0415

    scenario = simulator.Scenario(
        models=arguments.models or simulator.MODELS,
        rate=arguments.rate,
        conversations=arguments.conversations,
        duration_s=arguments.duration,
        open_conversations=arguments.open,
        shift_at=arguments.shift_at,
        shifts=dict(arguments.shift),
        feedback=arguments.feedback,
        application=arguments.application,
        seed=arguments.seed,
    )
    connection, line = load(ConnectionSettings, arguments), _ProgressLine()
    output, aspects = arguments.output, read_aspects(connection.aspects)
    opened = open_event_file(output, aspects) if output else open_kafka(connection, {})
    with opened as destination:
        try:
            with suppress(KeyboardInterrupt):  # the normal way to stop a run without an end
                simulator.run_scenario(scenario, destination, wait=not output, progress=line)
        except AspectError as error:
            raise SettingsError(
                f"{error}. Simulated people rate on scales of their own: unset PLAUDIT_ASPECTS, or simulate "
                "an --application that does not declare this"
            ) from None
        lost = count_unsent(destination)
    told = sys.stderr if output == "-" else sys.stdout
    kinds = ", ".join(f"{number:,} {name}" for name, number in sorted(line.sent.items()))
    print(f"{line.sent.total():,} simulated events: {kinds}", file=told)
    if lost:
        print(f"{lost:,} events did not reach Kafka", file=told)
    return FAILED if lost else OK


class _ProgressLine:
    """Shows the number of sent events on the terminal, once a second."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self._shown = sys.stderr.isatty()
        self._next = time.monotonic()

    def __call__(self, sent: Counter[str]) -> None:
        self.sent = sent
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            print(f"\r{sent.total():,} events", end="", file=sys.stderr, flush=True)


COMMAND = Command("simulate", "send realistic made-up traffic", configure, run)
