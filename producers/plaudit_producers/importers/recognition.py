"""Finds the format of a file that the user did not name, from the file's first records."""

import codecs
from collections.abc import Iterable, Mapping
from typing import Final

from plaudit_schemas.errors import NotFoundError, SettingsError

from plaudit_producers.importers.catalog import formats
from plaudit_producers.importers.formats import Format
from plaudit_producers.importers.sample import Recognised, Sample, sample_of
from plaudit_producers.importers.source import RECORD_BYTES, Source

_HEAD_BYTES: Final = 1 << 20
_HINT_BYTES: Final = 1 << 16
_COLUMNS: Final = "save it as JSON lines, such as with `Dataset.to_json` of the datasets library"
_UTF16: Final = "the file is UTF-16; save it as UTF-8"
_OTHER_FILES: Final = {
    b"PK\x03\x04": "the file is a zip archive; unpack it, and import the file within",
    b"PAR1": f"the file is Parquet; {_COLUMNS}",
    b"ARROW1": f"the file is Arrow; {_COLUMNS}",
    b"\x28\xb5\x2f\xfd": "the file is packed by zstd; unpack it, or pack it with gzip",
    b"BZh": "the file is packed by bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ\x00": "the file is packed by xz; unpack it, or pack it with gzip",
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
}
"""The first bytes of files that are no text in UTF-8, and what to do with each."""


def read_sample(source: Source) -> Sample:
    """Return the first records of a file, which stays unread. Call it before the file is read.

    The records of the sample are separate from those that are imported later.
    """
    for size in (_HEAD_BYTES, RECORD_BYTES):
        head, whole = source.head(size)
        sample = sample_of(head, whole=whole)
        if sample.records or whole:
            break
    return sample


def recognise_format(
    source: Source, known: Mapping[str, Format] | None = None, hint: str = ""
) -> tuple[Format, str]:
    """Return the format of a file, and the reason in words.

    Args:
        known: the formats to choose from, by name; None takes all that are installed.
        hint: ends the error where none knows the file.

    Raises:
        NotFoundError: no installed format knows the file.
        SettingsError: several formats know it equally well.
    """
    sample = read_sample(source)
    known = formats() if known is None else known
    found = _candidates(sample, known.values())
    if not found:
        problem = _problem_of(source)
        if problem:
            raise NotFoundError(problem)
        unknown = f"no format knows this file{_fields_seen(sample)}"
        problem = unknown if sample.records else "the file holds nothing that tells its format"
        raise NotFoundError(f"{problem}; name one with --format: {', '.join(known)}{hint}")
    best = max(recognised.confidence for _, recognised in found)
    first, *others = [one for one in found if one[1].confidence == best]
    if others:
        candidates = "; ".join(f"{form.name}: {recognised.reason}" for form, recognised in (first, *others))
        raise SettingsError(f"the file may be of several formats; name one with --format ({candidates})")
    return first[0], first[1].reason


def _candidates(sample: Sample, known: Iterable[Format]) -> list[tuple[Format, Recognised]]:
    if not sample.records:
        return []
    found = []
    for form in known:
        recognised = _asked(form, sample) or _asked_of_each(form, sample)
        if recognised is not None:
            found.append((form, recognised))
    return found


def _asked_of_each(form: Format, sample: Sample) -> Recognised | None:
    """Ask about each record alone. More than half must be known, and their share lowers the confidence.

    A file may begin with a record that is broken or of another kind. The import refuses that one alone.
    """
    if sample.shape not in ("lines", "array"):
        return None
    parts = [_asked(form, Sample(sample.shape, [record])) for record in sample.records]
    asked = [recognised for recognised in parts if recognised is not None]
    if 2 * len(asked) <= len(parts):
        return None
    confidence = min(one.confidence for one in asked) * len(asked) / len(parts)
    return Recognised(confidence, f"{asked[0].reason} ({len(asked)} of the first {len(parts)})")


def _asked(form: Format, sample: Sample) -> Recognised | None:
    try:
        return form.recognises(sample) if form.recognises is not None else None
    except Exception:  # a file may hold anything, and a format that stumbles over it does not know it
        return None


def _problem_of(source: Source) -> str:
    """What the file is, and what to do, where its bytes say that it is none of JSON and CSV."""
    head, whole = source.head(_HINT_BYTES)
    for magic, hint in _OTHER_FILES.items():
        if head.startswith(magic):
            return hint
    if source.damage:
        return f"the file cannot be read: {source.damage}"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError as error:
        return f"the file is not UTF-8 (its byte {error.start + 1}); convert it, such as with iconv"
    return ""


def _fields_seen(sample: Sample) -> str:
    first = next((record for record in sample.records if isinstance(record, dict)), {})
    names = ", ".join(str(name) for name in list(first)[:10])
    if not names and sample.shape == "object":
        names = ", ".join(str(name) for name, _ in sample.records[:10])
        return f", which is one object with the fields {names}, and no array and no lines of records"
    return f", whose first record has the fields {names}" if names else ""
