"""`plaudit aspects`: check a file of declared aspects, or show what it declares."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.contract.aspects import (
    OTHER_APPLICATIONS,
    AspectDeclaration,
    Aspects,
    read_aspects,
)
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings

_FILE = "the file; by default that of PLAUDIT_ASPECTS"


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "A file of aspects declares what feedback may be about, on which scale, and which way is better "
        "(docs/aspects.md). Producers and the gateway refuse what does not fit the file of PLAUDIT_ASPECTS."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check a file, and say what is wrong with it")
    show = actions.add_parser("show", help="list the declared aspects")
    show.add_argument("--application", metavar="NAME", help="only those of this application")
    check.description = "Checks a file of declared aspects, and says what is wrong and where."
    show.description = "Lists the declared aspects: kinds of value, levels, direction and range."
    for each in (check, show):
        each.add_argument("file", nargs="?", metavar="FILE", help=_FILE)


def run(arguments: Namespace) -> int:
    path = arguments.file or load(ConnectionSettings).aspects
    if not path:
        raise SettingsError("no file of aspects is given; name one, or set PLAUDIT_ASPECTS")
    aspects = read_aspects(path)
    if arguments.action == "check":
        names = [application for application, _ in aspects]
        count = sum(len(declarations) for _, declarations in aspects)
        print(f"{path} is valid: {count} aspects for {', '.join(map(_application, names))}")
    else:
        print("\n".join(map(printable, _lines(aspects, arguments.application))))
    return OK


def _lines(aspects: Aspects, application: str | None) -> Iterator[str]:
    if application is not None:
        shown = [(application, aspects.of(application))]
        if not aspects.declared(application):
            yield f"{application} declares no aspects: its feedback may be about anything"
            return
    else:
        shown = list(aspects)
    for name, declarations in shown:
        yield f"{_application(name)}:"
        for declaration in declarations:
            yield f"  {declaration.name}: {_described(declaration)}"
            if declaration.description:
                yield f"      {' '.join(declaration.description.split())}"


def _described(declaration: AspectDeclaration) -> str:
    parts = [", ".join(declaration.kinds), f"of {', '.join(declaration.levels)}"]
    if declaration.minimum is not None:
        parts.append(f"from {declaration.minimum:g} to {declaration.maximum:g}")
    if declaration.labels:
        parts.append(f"labels {', '.join(declaration.labels)}")
    return "; ".join([*parts, declaration.direction.replace("_", " ")])


def _application(name: str) -> str:
    return "every other application" if name == OTHER_APPLICATIONS else name


COMMAND = Command("aspects", "check or show the declared aspects of feedback", configure, run)
