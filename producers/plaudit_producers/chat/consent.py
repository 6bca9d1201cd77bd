"""The visitor's consent to train on what is said, as the page's cookie keeps it. Pure."""

from typing import Final

from plaudit_schemas.contract.field_types import Consent

CONSENT_COOKIE: Final = "plaudit_consent"
"""Set by the page's script when the visitor chooses. It is not signed: visitors choose for themselves."""
_CHOICES: Final[dict[str, Consent]] = {"granted": "granted", "denied": "denied"}


def consent_of(cookie: str | None) -> Consent:
    """What the visitor chose; `unspecified` if they must still be asked."""
    return _CHOICES.get(cookie or "", "unspecified")
