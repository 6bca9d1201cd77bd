"""The salt of random shares: who knows it can foresee what is reviewed, so it is a secret."""

import hashlib
import hmac

from plaudit_schemas.errors import ReviewSaltError
from plaudit_schemas.review.publications import PublishedRubric
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.settings import ReviewSettings


def salt_of(settings: ReviewSettings) -> bytes | None:
    """The salt that is set; None if none is."""
    return settings.review_salt.get_secret_value().encode() or None


def fingerprint_of(salt: bytes) -> str:
    """What tells a salt from others without saying it."""
    return hmac.digest(salt, b"plaudit.review.salt", hashlib.sha256).hex()[:16]


def fingerprint_for(settings: ReviewSettings, rubric: Rubric) -> str | None:
    """The fingerprint that a publication of a rubric carries; None if it has no random share.

    Raises:
        ReviewSaltError: it has one, and no salt is set.
    """
    if not rubric.select.random:
        return None
    salt = salt_of(settings)
    if salt is None:
        raise ReviewSaltError(
            f"rubric {rubric.name} has a random share, so PLAUDIT_REVIEW_SALT must be set; keep it secret, "
            "and the same everywhere (`openssl rand -hex 16` makes one)"
        )
    return fingerprint_of(salt)


def salt_for(settings: ReviewSettings, published: PublishedRubric) -> bytes | None:
    """The salt of a published rubric's random share; None if it has none.

    Raises:
        ReviewSaltError: no salt is set, or another one than the rubric was published with.
    """
    fingerprint = fingerprint_for(settings, published.rubric)
    if fingerprint != published.salt_fingerprint:
        name, version = published.rubric.name, published.rubric.version
        raise ReviewSaltError(
            f"rubric {name}@{version} was published with another PLAUDIT_REVIEW_SALT than the one that is "
            "set here; set the same one, or its random share would be another"
        )
    return None if fingerprint is None else salt_of(settings)
