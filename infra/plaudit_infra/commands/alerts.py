"""`plaudit alerts`: the alert rules as Prometheus reads them."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import yaml
from plaudit_schemas.alerts import prometheus_rules
from plaudit_schemas.commands import OK, Command
from plaudit_schemas.contract.aspects import Aspects, read_aspects
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        default="production",
        help="which limits to use: production (default), or demo with short windows",
    )
    parser.add_argument(
        "--aspects",
        metavar="FILE",
        help="also watch the aspects that this file declares; by default that of PLAUDIT_ASPECTS",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write the rules to this file instead of printing them"
    )


def run(arguments: Namespace) -> int:
    path = arguments.aspects or load(ConnectionSettings).aspects
    text = rules_text(arguments.profile, read_aspects(path))
    if arguments.output:
        Path(arguments.output).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return OK


def rules_text(profile: str, aspects: Aspects | None = None) -> str:
    """The text of a Prometheus rule file, which also watches the declared aspects."""
    head = (
        f"# Written by `plaudit alerts --profile {profile}`; defined in plaudit_schemas/alerts/alerts.yaml.\n"
    )
    return head + yaml.safe_dump(
        prometheus_rules(profile, aspects), sort_keys=False, width=110, allow_unicode=True
    )


COMMAND = Command("alerts", "print the alert rules for Prometheus", configure, run)
