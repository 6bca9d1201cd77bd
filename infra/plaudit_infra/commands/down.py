"""`plaudit down`: stop the local stack and keep its data."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import OK, Command

from plaudit_infra.commands.data import add_data_argument, data_folder
from plaudit_infra.servers.private import private_files


def configure(parser: ArgumentParser) -> None:
    add_data_argument(parser)


@private_files()
def run(arguments: Namespace) -> int:
    from plaudit_infra.servers.stack import Stack  # noqa: PLC0415  # loads Kafka's client when used

    folder = data_folder(arguments)
    stopped = Stack(folder).stop()
    print(f"stopped {' and '.join(stopped)}" if stopped else f"nothing runs on {folder}")
    return OK


COMMAND = Command("down", "stop the local stack and keep its data", configure, run)
