"""Options that several actions of `plaudit datasets` share: the root, and a snapshot by folder or name."""

import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from plaudit_consumers.sink.settings import SinkSettings


def add_root(parser: ArgumentParser) -> None:
    """Add `--root`."""
    parser.add_argument(
        "--root",
        metavar="ROOT",
        help="the root that the sink writes to: a folder, or s3://, gs://, az://; default: PLAUDIT_OUTPUT",
    )


def add_snapshot(parser: ArgumentParser, dest: str = "snapshot", metavar: str = "SNAPSHOT") -> None:
    """Add a positional argument for a snapshot."""
    parser.add_argument(dest, metavar=metavar, help="the folder of a snapshot, or its name in the register")


def add_action(actions: Any, name: str, text: str, description: str) -> ArgumentParser:
    """Add a sub-command of `plaudit datasets`."""
    parser: ArgumentParser = actions.add_parser(name, help=text, description=description)
    return parser


def known_root(arguments: Namespace) -> str | None:
    """The root, if there is one."""
    return arguments.root or load(SinkSettings).output or None


def required_root(arguments: Namespace) -> str:
    """The root.

    Raises:
        SettingsError: none is named.
    """
    root = known_root(arguments)
    if root is None:
        raise SettingsError("--root or PLAUDIT_OUTPUT is missing: name the root that the sink writes to")
    return root


def snapshot_folder(text: str, arguments: Namespace) -> Path:
    """The folder of a snapshot that is given by its folder or by its name.

    Raises:
        DatasetError: there is no such snapshot.
    """
    from plaudit_consumers.publishing.register import resolve_snapshot  # noqa: PLC0415  # loads Arrow

    return resolve_snapshot(text, known_root(arguments))


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that it cleans up. Main thread only."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
