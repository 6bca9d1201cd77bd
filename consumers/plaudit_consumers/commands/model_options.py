"""Options that actions of `plaudit models` share: Kafka, the delay, who and why."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

from plaudit_schemas.commands.printing import time_text, user_name
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

if TYPE_CHECKING:
    from plaudit_schemas.models.activations import Activation
    from plaudit_schemas.models.registry import ModelRegistry


def add_action(actions: Any, name: str, text: str, description: str) -> ArgumentParser:
    """Add a sub-command of `plaudit models`."""
    parser: ArgumentParser = actions.add_parser(name, help=text, description=description)
    return parser


def add_connection(parser: ArgumentParser) -> None:
    """Add the flags of the connection to Kafka."""
    add_arguments(parser, ConnectionSettings, main=("bootstrap_servers", "topic_prefix"))


def add_publication(parser: ArgumentParser, delay_ms: int) -> None:
    """Add what a publication says of itself: the delay, who and why. Also adds the connection."""
    parser.add_argument(
        "--delay-s",
        type=_seconds,
        default=delay_ms // 1000,
        metavar="S",
        help="seconds until it counts, in the broker's time; at least 5; default %(default)s",
    )
    parser.add_argument("--by", metavar="WHO", help="who does it; default: the user of this machine")
    parser.add_argument("--note", metavar="TEXT", help="why; `plaudit models show` prints it")
    add_connection(parser)


def publication_fields(arguments: Namespace) -> dict[str, Any]:
    """The arguments that `ModelRegistry` takes for these options."""
    return {
        "delay_ms": round(arguments.delay_s * 1000),
        "published_by": arguments.by or user_name(),
        "note": arguments.note,
    }


def open_registry(arguments: Namespace) -> "ModelRegistry":
    """The registry that the options name."""
    from plaudit_schemas.models.registry import ModelRegistry  # noqa: PLC0415  # loads Kafka's client when used

    return ModelRegistry(load(ConnectionSettings, arguments))


def print_activation(activation: "Activation") -> None:
    """Say from when a publication counts."""
    name, version = activation.name, activation.version
    what = f"{name}@{version}" if version else f"no version of {name}"
    print(f"{what} is active for answers that are complete from {time_text(activation.active_from_ms)} on")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 366 * 86_400:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
