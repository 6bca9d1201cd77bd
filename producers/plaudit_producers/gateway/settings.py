"""Settings of the gateway."""

from typing import Final

from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr, field_validator

TOKEN_SECRET_BYTES: Final = 32  # RFC 7518, 3.2: a key for HS256 is at least as long as the hash


class GatewaySettings(Settings):
    """Where the gateway listens, whom it lets in, and how much it accepts."""

    gateway_host: str = Field(default="127.0.0.1", description="The address that the gateway binds")
    gateway_port: int = Field(
        default=8080, ge=0, le=65535, description="The port that the gateway binds; 0 takes a free one"
    )
    gateway_keys: str = Field(
        default=".plaudit/gateway-keys.json",
        min_length=1,
        description="The file that holds the hashes of API keys, or `redis` to share them in Redis",
    )
    gateway_key_rate: float = Field(
        default=5000,
        gt=0,
        description="Events a second that an API key may send, unless the key has its own rate",
    )
    gateway_page_rate: float = Field(
        default=20, gt=0, description="Events a second that the pages of one conversation may send"
    )
    gateway_address_rate: float = Field(
        default=50, gt=0, description="Requests a second that an address may send without an API key"
    )
    gateway_cors_origins: str = Field(
        default="", description="Origins whose pages may call the gateway, comma-separated; * for all"
    )
    gateway_trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded-For header is trusted, comma-separated",
    )
    gateway_token_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Keys of browser tokens: ID:SECRET pairs, comma-separated; the first one signs, all are "
        "accepted. Empty: the gateways make their keys and share them in Redis",
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
        default=5.0,
        ge=0,
        le=1000,
        description="Milliseconds that an event waits for others to share a produce request",
    )
    gateway_max_buffer_mb: int = Field(
        default=64,
        ge=8,
        le=2048,
        description="MB of memory for request bodies, and as much again for events that wait for Kafka",
    )
    gateway_redact: str = Field(
        default="", description="module:function that redacts each event before it leaves the process"
    )
    gateway_identity_key: SecretStr = Field(
        default=SecretStr(""),
        description="ID:SECRET of a key; ids of users and raters are replaced by a hash with it",
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
            raise ValueError("takes one ID:SECRET pair")
        return value

    @property
    def cors_origins(self) -> list[str]:
        """`gateway_cors_origins` as a list."""
        return parts_of(self.gateway_cors_origins)


def pairs_of(value: SecretStr, least_bytes: int) -> dict[str, str]:
    """`ID:SECRET,ID:SECRET` as a dict, in the given order.

    Raises:
        ValueError: a pair has no id or that of another pair, or its secret is shorter than `least_bytes`.
    """
    found = {}
    for part in parts_of(value.get_secret_value()):
        name, _, secret = part.partition(":")
        if not name or len(secret.encode()) < least_bytes:
            raise ValueError(f"takes ID:SECRET with a secret of at least {least_bytes} bytes")
        if name in found:
            raise ValueError(f"has two secrets for the id {name}; give each its own id")
        found[name] = secret
    return found


def parts_of(text: str) -> list[str]:
    """The parts of a comma-separated text, without spaces around them and without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]
