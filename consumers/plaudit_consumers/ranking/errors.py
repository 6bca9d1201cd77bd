"""Errors of ranking and comparing.

RankingError
├── PromptFileError      a file of prompts cannot be read, or one of its records is of no known shape
└── ComparisonError      two versions cannot be compared: nothing was judged, or they judge different aspects
"""

from plaudit_schemas.errors import PlauditError


class RankingError(PlauditError):
    """Answers cannot be ranked or compared."""


class PromptFileError(RankingError):
    """A file of prompts cannot be read, or one of its records is of no known shape."""


class ComparisonError(RankingError):
    """Two versions cannot be compared."""
