"""`plaudit alerts`: the alert rules as Prometheus reads them."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import yaml
from plaudit_schemas.alerts import prometheus_rules
from plaudit_schemas.commands import OK, Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        default="production",
        help="which limits to use: production (default), or demo with short windows",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write the rules to this file instead of printing them"
    )


def run(arguments: Namespace) -> int:
    text = rules_text(arguments.profile)
    if arguments.output:
        Path(arguments.output).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return OK


def rules_text(profile: str) -> str:
    """The text of a Prometheus rule file."""
    head = (
        f"# Written by `plaudit alerts --profile {profile}`; defined in plaudit_schemas/alerts/alerts.yaml.\n"
    )
    return head + yaml.safe_dump(prometheus_rules(profile), sort_keys=False, width=110, allow_unicode=True)


COMMAND = Command("alerts", "print the alert rules for Prometheus", configure, run)
