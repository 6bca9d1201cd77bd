"""`plaudit simulate`: made-up traffic that looks real."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from contextlib import suppress

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings


def model(text: str) -> tuple[str, float]:
    """`name:quality`; argparse names the function in its message."""
    name, colon, quality = text.rpartition(":")
    if not (name and colon):
        raise ArgumentTypeError("must be NAME:QUALITY, as aurora-2:0.9")
    return name, float(quality)


def models(text: str) -> dict[str, float]:
    """`name:quality,name:quality`, likewise."""
    return dict(model(part) for part in text.split(","))


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Makes up chats and sends them to Kafka as a chat product would: models of different quality, sparse "
        "and late feedback, regenerations, comparisons, reviewers, chats left open, several languages. Every "
        "text says that it is simulated. The same seed gives the same chats with new ids. Without "
        "--conversations and --duration it goes on until Ctrl-C."
    )
    parser.add_argument("--conversations", type=int, metavar="N", help="how many chats; default no end")
    parser.add_argument("--duration", type=float, metavar="S", help="seconds; nothing comes after")
    parser.add_argument("--rate", type=float, default=50.0, metavar="R", help="events a second; default 50")
    parser.add_argument(
        "--open", type=int, metavar="N", help="chats open at once; fewer make each go faster at the same rate"
    )
    parser.add_argument(
        "--models", type=models, metavar="NAME:QUALITY,...", help="shares of good answers, from 0 to 1"
    )
    parser.add_argument(
        "--shift-at", type=float, metavar="X", help="below 1 a share of the whole, from 1 on seconds"
    )
    parser.add_argument(
        "--shift", type=model, action="append", default=[], metavar="NAME:QUALITY", help="from then on"
    )
    parser.add_argument("--feedback", type=float, default=0.05, metavar="X", help="share of answers judged")
    parser.add_argument("--application", default="simulated", help="the tenant; default simulated")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is drawn; default 0")
    parser.add_argument(
        "--output", metavar="FILE", help="write plaudit-jsonl there at once, and send nothing"
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
    output = arguments.output
    with open_event_file(output) if output else open_kafka(connection, {}) as destination:
        with suppress(KeyboardInterrupt):  # the way to stop one that has no end
            simulator.run_scenario(scenario, destination, wait=not output, progress=line)
        lost = count_unsent(destination)
    told = sys.stderr if output == "-" else sys.stdout
    kinds = ", ".join(f"{number:,} {name}" for name, number in sorted(line.sent.items()))
    print(f"{line.sent.total():,} simulated events: {kinds}", file=told)
    if lost:
        print(f"{lost:,} events did not reach Kafka", file=told)
    return FAILED if lost else OK


class _ProgressLine:
    """A line on the terminal with the number of events sent, once a second."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self._shown = sys.stderr.isatty()
        self._next = time.monotonic()

    def __call__(self, sent: Counter[str]) -> None:
        self.sent = sent
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            print(f"\r{sent.total():,} events", end="", file=sys.stderr, flush=True)


COMMAND = Command("simulate", "send believable made-up traffic", configure, run)
