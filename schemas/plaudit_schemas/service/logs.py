"""The log of a process: one line for each entry, to standard error."""

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
    "mode.timers": logging.ERROR,  # a timer that waits for a service runs for longer than its interval
    "uvicorn.error": logging.CRITICAL,
}
"""Libraries and their lowest logged level. Our own entries say the same more clearly."""


class _LibraryFilter(logging.Filter):
    """Drops the start and stop entries of Faust's services, and repeated entries of aiokafka."""

    def __init__(self) -> None:
        super().__init__()
        self._repetitions = RepetitionFilter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the entry."""
        if record.name.startswith("aiokafka"):
            return self._repetitions.filter(record)
        # Faust's services log under our modules' names, so only their prefix, such as [^--Consumer], tells.
        return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


def add_log_level(parser: ArgumentParser) -> None:
    """Add the flag `--log-level`."""
    parser.add_argument("--log-level", default="INFO", choices=LEVELS)


def configure_logging(level: str) -> None:
    """Log entries of this level and above to standard error."""
    logging.basicConfig(level=level, format=_FORMAT)
    # On the handlers: a logger's filter would not see the entries of the loggers below it.
    for handler in logging.getLogger().handlers:
        handler.addFilter(_LibraryFilter())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
