"""Errors of encoders.

EncoderError             an encoder cannot be built, read or used
└── SourceFilesError     the files that an encoder is made from cannot be had
"""

from plaudit_schemas.errors import PlauditError


class EncoderError(PlauditError):
    """An encoder cannot be built, read or used."""


class SourceFilesError(EncoderError):
    """The files that an encoder is made from are missing, damaged or of another kind."""
