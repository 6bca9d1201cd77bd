"""The log of a process: one line an entry, to the standard error."""

import logging
from argparse import ArgumentParser
from typing import Final

from plaudit_schemas.kafka.quiet_log import RepetitionFilter

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_QUIET: Final = {
    "aiokafka": logging.ERROR,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "uvicorn.error": logging.CRITICAL,
}
"""Libraries whose ordinary entries say nothing that ours do not say better."""


class _LibraryFilter(logging.Filter):
    """Holds back what Faust's services tell of their starting and stopping, and aiokafka's repetitions."""

    def __init__(self) -> None:
        super().__init__()
        self._repetitions = RepetitionFilter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the entry is to be written."""
        if record.name.startswith("aiokafka"):
            return self._repetitions.filter(record)
        # Faust's services log under the names of our modules, and begin with their own: [^--Consumer].
        return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


def add_log_level(parser: ArgumentParser) -> None:
    """`--log-level`."""
    parser.add_argument("--log-level", default="INFO", choices=LEVELS)


def configure_logging(level: str) -> None:
    """Write entries of this level and above."""
    logging.basicConfig(level=level, format=_FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_LibraryFilter())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
