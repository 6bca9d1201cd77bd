"""Errors of `plaudit generate`.

PlauditError
└── SettingsError
    └── GenerationError    a file of prompts, its models or its report cannot be used
"""

from plaudit_schemas.errors import SettingsError


class GenerationError(SettingsError):
    """A file of prompts, its models or its report cannot be used. Nothing was asked."""
