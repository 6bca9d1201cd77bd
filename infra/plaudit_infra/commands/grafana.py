"""`plaudit grafana`: Grafana's dashboards as files."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from plaudit_schemas.commands import OK, Command

from plaudit_infra.grafana import dashboards


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--output", metavar="DIR", required=True, help="the folder that Grafana provisions from"
    )


def run(arguments: Namespace) -> int:
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    for name, dashboard in dashboards().items():
        (folder / name).write_text(json.dumps(dashboard, indent=1) + "\n", encoding="utf-8")
        print(folder / name)
    return OK


COMMAND = Command("grafana", "write Grafana's dashboards", configure, run)
