"""What the demo sends: sub-commands with their arguments."""

from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from plaudit_producers.importers.catalog import find_format
from plaudit_producers.importers.formats import read_batches
from plaudit_producers.importers.model import ImportOptions
from plaudit_producers.importers.recognition import recognise_format
from plaudit_producers.importers.source import open_source
from plaudit_producers.simulator import MODELS

SHIFT_S: Final = 60.0  # when one model gets worse
_WORSE: Final = ("aurora-2", 0.1)
_FEEDBACK: Final = 0.4  # many vote, so that a scorer can be trained within minutes
_CONVERSATIONS: Final = 400
_FOR: Final = ("--application", "demo")

Words = tuple[str, ...]


class Traffic(NamedTuple):
    """A sub-command that sends, with its arguments; and one that sends more once a scorer is there."""

    first: Words
    later: Words | None = None


class ReplayedFile(NamedTuple):
    """A file of conversations.

    Attributes:
        form: the name of its format; None recognises it.
        consent: of its users, where the file has none.
        limit: how many of its records are sent; None sends all.
    """

    path: Path
    form: str | None
    consent: str
    limit: int | None


def simulated(rate: float, seconds: float | None) -> Traffic:
    """Chats without an end, in which one model gets worse at half of what is shown."""
    shown_s = min(seconds or SHIFT_S * 2, SHIFT_S * 2)
    shift_at = str(max(1.0, shown_s / 2))
    return Traffic((*_simulate(rate), "--shift-at", shift_at, "--shift", _quality(*_WORSE)))


def simulated_once(rate: float, chats: int | None, *, halves: bool) -> Traffic:
    """A number of chats, with one model worse in the second half.

    Args:
        halves: the second half comes later, when there is a scorer. Twice as many chats are the default then.
    """
    words = (*_simulate(rate), "--open", "50")
    if not halves:
        shift = ("--shift-at", "0.5", "--shift", _quality(*_WORSE))
        return Traffic((*words, "--conversations", str(chats or _CONVERSATIONS), *shift))
    first, later = _halves(chats or _CONVERSATIONS * 2)
    worse = ",".join(_quality(*one) for one in (MODELS | dict([_WORSE])).items())
    return Traffic(
        (*words, "--conversations", str(first)),
        (*words, "--conversations", str(later), "--seed", "1", "--models", worse) if later else None,
    )


def replayed(file: ReplayedFile, *, halves: bool) -> Traffic:
    """The conversations of a file.

    Args:
        halves: the second half comes later, when there is a scorer. The first half is sent again then, which
            changes nothing: a file's events keep their ids.

    Raises:
        NotFoundError: the file cannot be read, or no format knows it.
        SettingsError: the file may be of several formats.
    """
    form = ("--format", file.form) if file.form else ()
    words = ("replay", str(file.path.resolve()), *_FOR, "--consent", file.consent, *form)
    whole = (*words, "--limit", str(file.limit)) if file.limit else words
    if not halves:
        return Traffic(whole)
    first, later = _halves(_count_records(file))
    return Traffic((*words, "--limit", str(first)), whole if later else None)


def _count_records(file: ReplayedFile) -> int:
    with open_source(file.path) as source:
        form = find_format(file.form) if file.form else recognise_format(source)[0]
        return sum(1 for _ in islice(read_batches(form, source, ImportOptions()), file.limit))


def _halves(count: int) -> tuple[int, int]:
    first = max(1, count // 2)
    return first, max(0, count - first)


def _simulate(rate: float) -> Words:
    return ("simulate", *_FOR, "--rate", str(rate), "--feedback", str(_FEEDBACK))


def _quality(model: str, quality: float) -> str:
    return f"{model}:{quality}"
