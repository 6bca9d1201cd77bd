"""Faust's credentials from librdkafka's options, so that one setting serves all clients of a worker."""

import ssl
from collections.abc import Mapping
from typing import Any, Final

import faust
from faust.types.auth import CredentialsT
from plaudit_schemas.errors import SettingsError

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_TAKEN: Final = frozenset(
    (
        "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password",
        "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
    )
)  # fmt: skip


def credentials(options: Mapping[str, Any]) -> CredentialsT | None:
    """Faust's credentials for librdkafka's `security.protocol`, `sasl.*` and `ssl.*`; None for plain text.

    Raises:
        SettingsError: the worker's consumer does not support an option, or a file cannot be read.
    """
    unknown = [name for name in options if name.startswith(("sasl.", "ssl.")) and name not in _TAKEN]
    if unknown:  # to leave one out could be less secure than what was asked for
        raise SettingsError(
            f"the worker's consumer does not support {', '.join(sorted(unknown))} of PLAUDIT_KAFKA_OPTIONS; "
            f"it supports {', '.join(sorted(_TAKEN))}"
        )
    protocol = str(options.get("security.protocol", "PLAINTEXT")).upper()
    context = _context(options) if protocol in ("SSL", "SASL_SSL") else None
    if protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        return _sasl(options, context)
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    if protocol != "PLAINTEXT":
        raise SettingsError(
            f"security.protocol {protocol!r} is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
        )
    return None


def _sasl(options: Mapping[str, Any], context: ssl.SSLContext | None) -> CredentialsT:
    mechanism = str(options.get("sasl.mechanism") or options.get("sasl.mechanisms") or "")
    if mechanism not in _MECHANISMS:
        raise SettingsError(f"sasl.mechanism {mechanism!r} is none of {', '.join(_MECHANISMS)}")
    return faust.SASLCredentials(
        username=options.get("sasl.username"),
        password=options.get("sasl.password"),
        mechanism=mechanism,
        ssl_context=context,
    )


def _context(options: Mapping[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
        if options.get("ssl.certificate.location"):
            context.load_cert_chain(
                options["ssl.certificate.location"],
                options.get("ssl.key.location"),
                options.get("ssl.key.password"),
            )
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"the certificates of PLAUDIT_KAFKA_OPTIONS cannot be read ({error}); check ssl.*.location"
        ) from None
    # librdkafka checks the host name unless it is told not to, so this does too.
    if options.get("ssl.endpoint.identification.algorithm", "https") in ("none", ""):
        context.check_hostname = False
    return context
