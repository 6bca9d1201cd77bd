"""Errors of training.

TrainingError            a scorer cannot be trained from these rows
└── TooFewRowsError      there are too few rows, or all say the same
ExportError              a model of transformers cannot be made a scorer
"""

from plaudit_schemas.errors import PlauditError


class TrainingError(PlauditError):
    """A scorer cannot be trained from these rows, or with these options."""


class TooFewRowsError(TrainingError):
    """There are too few rows to learn from or to judge by, or all say the same."""


class ExportError(PlauditError):
    """A model of transformers cannot be exported, or scores otherwise afterwards."""
