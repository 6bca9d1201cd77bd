"""The data folder: an argument that the stack's commands share."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plaudit_schemas.settings import DATA_VARIABLE


def add_data_argument(parser: ArgumentParser) -> None:
    """Add `--data DIR`. The default is `PLAUDIT_DATA`, or `.plaudit` in the working folder."""
    parser.add_argument(
        "--data", metavar="DIR", help=f"where the servers keep their data [{DATA_VARIABLE}; default .plaudit]"
    )


def data_folder(arguments: Namespace) -> Path:
    """The data folder from the argument, the environment or the default."""
    return Path(arguments.data or os.environ.get(DATA_VARIABLE) or ".plaudit")
