"""What services do to an event before it leaves their process, as their settings say it."""

from importlib import import_module

from plaudit_schemas.errors import SettingsError
from pydantic import SecretStr

from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.redact import Redact
from plaudit_producers.setting_values import pairs_of

IDENTITY_SECRET_BYTES = 16


def load_redact(place: str, variable: str) -> Redact | None:
    """The redact hook that `module:function` names; None for an empty text.

    Args:
        variable: the setting, for the error.

    Raises:
        SettingsError: the hook cannot be loaded.
    """
    if not place:
        return None
    module, _, name = place.partition(":")
    try:
        hook: Redact = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:  # ValueError: no module before the colon
        raise SettingsError(f"{variable}: {place} cannot be loaded ({error})") from None
    return hook


def identity_hash(key: SecretStr) -> IdentityHash | None:
    """The hash of an `ID:SECRET` setting that `one_identity_key` checked; None if it is empty."""
    for key_id, secret in pairs_of(key, IDENTITY_SECRET_BYTES).items():
        return IdentityHash(key_id, secret.encode())
    return None


def one_identity_key(value: SecretStr) -> SecretStr:
    """Check an `ID:SECRET` setting.

    Raises:
        ValueError: it holds several pairs, or a secret that is too short.
    """
    if len(pairs_of(value, IDENTITY_SECRET_BYTES)) > 1:
        raise ValueError("takes one ID:SECRET pair")
    return value
