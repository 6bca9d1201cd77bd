"""Series: the labels by which figures are kept, as one readable text for a Redis field."""

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

OTHER: Final = "other"
# All that `quote` would encode but need not: only `|` and `%` have a meaning in a name.
_SAFE = " !#$&'()*+,/:;<=>?@[]^_`{}~.-"


class Labels(NamedTuple):
    """The labels of one series. An empty text is an unknown model or version, or all variants."""

    application: str
    model: str
    model_version: str
    variant: str
    source: str

    def limited(self, *, application: bool, model: bool, variant: bool) -> "Labels":
        """The labels to count under: a value that is not admitted becomes `other`."""
        labels = self
        if not application:
            labels = labels._replace(application=OTHER)
        if labels.model and not model:
            labels = labels._replace(model=OTHER, model_version="")
        if labels.variant and not variant:
            labels = labels._replace(variant=OTHER)
        return labels


def model_value(model: str, version: str) -> str:
    """A model with its version, as the sets of admitted values hold them."""
    return f"{model}\x00{version}"


def label_value(aspect: str, label: str) -> str:
    """A label of an aspect, as the set of admitted values holds it."""
    return f"{aspect}\x00{label}"


def scorer_part(rater: str, version: str) -> str:
    """A rater of kind model as two parts of a counter's name."""
    return f"{counter_part(rater)}:{counter_part(version)}"


def series_name(labels: Labels) -> str:
    """`application|model|version|variant|source`; values with `|`, `%` or non-ASCII are percent-encoded."""
    return "|".join(
        quote(value, safe=_SAFE) if "|" in value or "%" in value or not value.isascii() else value
        for value in labels
    )


def counter_part(text: str) -> str:
    """A text as a part of a counter's name: without the blanks and colons that separate parts."""
    return quote(text, safe="")


def text_of_part(part: str) -> str:
    """The inverse of `counter_part`."""
    return unquote(part)


def labels_of(series: str) -> Labels:
    """The inverse of `series_name`."""
    return Labels(*(unquote(value) for value in series.split("|")))
