"""Settings of the gateway."""

from typing import Final

from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr, field_validator

TOKEN_SECRET_BYTES: Final = 32


class GatewaySettings(Settings):
    """Where the gateway answers, whom it lets in, and how much it takes."""

    gateway_host: str = Field(default="127.0.0.1", description="The address that the gateway binds")
    gateway_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one")
    gateway_keys: str = Field(
        default=".plaudit/gateway-keys.json",
        min_length=1,
        description="The file that holds the hashes of API keys, or `redis` to share them in Redis",
    )
    gateway_key_rate: float = Field(
        default=5000, gt=0, description="Events a second that an API key may send, unless it says otherwise"
    )
    gateway_page_rate: float = Field(
        default=20, gt=0, description="Events a second that a browser token may send"
    )
    gateway_address_rate: float = Field(
        default=50, gt=0, description="Requests a second that an address may send without an API key"
    )
    gateway_cors_origins: str = Field(
        default="", description="Origins whose pages may call, comma-separated; * for all"
    )
    gateway_trusted_proxies: str = Field(
        default="", description="Addresses whose X-Forwarded-For is believed, comma-separated"
    )
    gateway_token_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs browser tokens: ID:SECRET pairs, comma-separated, the first one signs; "
        "without it one is made and kept in Redis",
    )
    gateway_token_max_s: int = Field(
        default=3600, ge=10, le=86_400, description="The longest life of a browser token"
    )
    gateway_body_timeout_s: float = Field(
        default=20.0, gt=0, description="How long a request's body may take before it is answered 408"
    )
    gateway_ack_timeout_s: float = Field(
        default=5.0, gt=0, description="How long a request waits for Kafka before it is answered 503"
    )
    gateway_linger_ms: float = Field(
        default=5.0, ge=0, le=1000, description="How long an event waits for others to share a request"
    )
    gateway_max_buffer_mb: int = Field(
        default=64, ge=8, le=2048, description="Memory for requests and, as much again, for events at Kafka"
    )
    gateway_redact: str = Field(
        default="", description="module:function that is put over each event before it leaves the process"
    )
    gateway_identity_key: SecretStr = Field(
        default=SecretStr(""), description="ID:SECRET; ids of users and raters are replaced by a keyed hash"
    )

    @field_validator("gateway_token_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        pairs_of(value, TOKEN_SECRET_BYTES)
        return value

    @field_validator("gateway_identity_key")
    @classmethod
    def _one_pair(cls, value: SecretStr) -> SecretStr:
        if len(pairs_of(value, 16)) > 1:
            raise ValueError("takes one ID:SECRET")
        return value

    @property
    def cors_origins(self) -> list[str]:
        """`gateway_cors_origins` as a list."""
        return parts_of(self.gateway_cors_origins)


def pairs_of(value: SecretStr, least_bytes: int) -> dict[str, str]:
    """`ID:SECRET,ID:SECRET` as a dict, in its order.

    Raises:
        ValueError: a part has no id, or a secret shorter than `least_bytes`.
    """
    found = {}
    for part in parts_of(value.get_secret_value()):
        name, _, secret = part.partition(":")
        if not name or len(secret.encode()) < least_bytes:
            raise ValueError(f"takes ID:SECRET with a secret of at least {least_bytes} bytes")
        found[name] = secret
    return found


def parts_of(text: str) -> list[str]:
    """The parts of a comma-separated text."""
    return [part.strip() for part in text.split(",") if part.strip()]
