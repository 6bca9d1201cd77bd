"""Settings of the gateway."""

from typing import Final

from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr, field_validator

from plaudit_producers.privacy import one_identity_key
from plaudit_producers.setting_values import pairs_of, parts_of, people_of

TOKEN_SECRET_BYTES: Final = 32  # RFC 7518, 3.2: a key for HS256 is at least as long as the hash


class GatewaySettings(Settings):
    """Where the gateway listens, whom it lets in, and how much it accepts."""

    gateway_host: str = Field(default="127.0.0.1", description="The address that the gateway binds")
    gateway_port: int = Field(
        default=8080, ge=0, le=65535, description="The port that the gateway binds; 0 takes a free one"
    )
    gateway_health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="A port for health and metrics only; if unset, they are on the gateway's port",
    )
    gateway_keys: str = Field(
        default="",
        description="Where the hashes of API keys are: a file; `kafka`, for a fleet; or `redis`, as before. "
        "Empty: gateway-keys.json in the data folder (PLAUDIT_DATA)",
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
    gateway_page_bytes: int = Field(
        default=128 * 1024, gt=0, description="Bytes a second that the pages of one conversation may send"
    )
    gateway_key_bytes: int = Field(
        default=32 * 2**20,
        gt=0,
        description="Bytes a second that an API key may send, unless the key has its own limit",
    )
    gateway_application_bytes: int = Field(
        default=64 * 2**20,
        gt=0,
        description="Bytes a second that all keys and pages of an application may send together",
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
    gateway_alias_hours: float = Field(
        default=72,
        ge=1,
        le=8760,
        description="Hours for which the gateway finds a message by the response id of its model call; as "
        "long as PLAUDIT_STATE_RETENTION_HOURS is enough",
    )
    gateway_redact: str = Field(
        default="", description="module:function that redacts each event before it leaves the process"
    )
    gateway_identity_key: SecretStr = Field(
        default=SecretStr(""),
        description="ID:SECRET of a key; ids of users and raters are replaced by a hash with it",
    )

    gateway_label_studio_people: str = Field(
        default="",
        description="Who the users of Label Studio are: ID=PERSON pairs, comma-separated; others are "
        "label-studio-ID",
    )

    @field_validator("gateway_label_studio_people")
    @classmethod
    def _pairs_of_people(cls, value: str) -> str:
        people_of(value)
        return value

    @field_validator("gateway_token_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        pairs_of(value, TOKEN_SECRET_BYTES)
        return value

    @field_validator("gateway_identity_key")
    @classmethod
    def _one_pair(cls, value: SecretStr) -> SecretStr:
        return one_identity_key(value)

    @property
    def label_studio_people(self) -> dict[str, str]:
        """`gateway_label_studio_people` as a dict."""
        return people_of(self.gateway_label_studio_people)

    @property
    def cors_origins(self) -> list[str]:
        """`gateway_cors_origins` as a list."""
        return parts_of(self.gateway_cors_origins)
