"""The log of a process: one line an entry, to the standard error."""

import logging
from argparse import ArgumentParser
from typing import Final

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_QUIET: Final = {
    "aiokafka": logging.ERROR,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "uvicorn.error": logging.CRITICAL,
}
"""Libraries whose ordinary entries say nothing that ours do not say better."""


def add_log_level(parser: ArgumentParser) -> None:
    """`--log-level`."""
    parser.add_argument("--log-level", default="INFO", choices=LEVELS)


def configure_logging(level: str) -> None:
    """Write entries of this level and above."""
    logging.basicConfig(level=level, format=_FORMAT)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
