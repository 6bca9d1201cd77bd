"""Names of series by decisions that have been taken: what was not admitted is `other`."""

from typing import Final, Protocol

from plaudit_stream_processors.metrics.series import (
    OTHER,
    Labels,
    counter_part,
    label_value,
    model_value,
    scorer_part,
    series_name,
)

KINDS: Final = ("application", "model", "variant", "aspect", "label", "scorer")
"""The kinds of values. A label's value is its aspect, a null character and the label. A scorer is a rater of
kind model that gives numbers; its value is that of a model."""


class SeriesNames(Protocol):
    """Names series and parts of counters at one moment."""

    def series_for(self, labels: Labels) -> str:
        """The series that these labels count in."""

    def part_for(self, application: str, aspect: str, label: str | None = None) -> str:
        """The name of an aspect, or of a label of an aspect, in counters."""

    def scorer_for(self, application: str, rater: str, version: str) -> str:
        """The name of a scorer in counters."""


class AllNames:
    """Names without a limit: every value counts apart."""

    def series_for(self, labels: Labels) -> str:
        return series_name(labels)

    def part_for(self, application: str, aspect: str, label: str | None = None) -> str:
        del application
        return counter_part(aspect if label is None else label)

    def scorer_for(self, application: str, rater: str, version: str) -> str:
        del application
        return scorer_part(rater, version)


class IsAdmitted(Protocol):
    """Says whether a value of an application counts apart. Applications are values of the application ``."""

    def __call__(self, kind: str, application: str, value: str, /) -> bool: ...


class LimitedNames:
    """Names where only what is admitted counts apart."""

    def __init__(self, is_admitted: IsAdmitted) -> None:
        self._is_admitted = is_admitted

    def series_for(self, labels: Labels) -> str:
        """The series that these labels count in."""
        application, is_admitted = labels.application, self._is_admitted
        return series_name(
            labels.limited(
                application=is_admitted("application", "", application),
                model=is_admitted("model", application, model_value(labels.model, labels.model_version)),
                variant=is_admitted("variant", application, labels.variant),
            )
        )

    def part_for(self, application: str, aspect: str, label: str | None = None) -> str:
        """The name of an aspect, or of a label of an aspect, in counters."""
        if label is None:
            return counter_part(aspect) if self._is_admitted("aspect", application, aspect) else OTHER
        admitted = self._is_admitted("label", application, label_value(aspect, label))
        return counter_part(label) if admitted else OTHER

    def scorer_for(self, application: str, rater: str, version: str) -> str:
        """The name of a scorer in counters."""
        admitted = self._is_admitted("scorer", application, model_value(rater, version))
        return scorer_part(rater, version) if admitted else scorer_part(OTHER, "")
