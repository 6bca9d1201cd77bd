"""Settings that every member shares: where Kafka, Redis and the registry are."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from plaudit_schemas.codec import PackagedSchemas, SchemaSource
from plaudit_schemas.registry import RegistrySchemas
from plaudit_schemas.settings import Settings


def _json_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except ValueError:
        raise ValueError('must be a JSON object such as {"security.protocol": "SASL_SSL"}') from None


class RedisUrl(SecretStr):
    """A URL that shows everything but its password."""

    def __str__(self) -> str:
        parts = urlsplit(self.get_secret_value())
        if parts.password is None:
            return self.get_secret_value()
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:********@{host}"))


class ConnectionSettings(Settings):
    """Addresses and names shared by producers, workers, sinks and the command."""

    bootstrap_servers: str = Field(default="127.0.0.1:9092", description="Kafka's addresses, comma-separated")
    kafka_options: Annotated[dict[str, str], BeforeValidator(_json_object)] = Field(
        default={}, description="More librdkafka options as a JSON object, such as SASL and TLS"
    )
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Kafka's SASL password")
    redis_url: RedisUrl = Field(
        default=RedisUrl("redis://127.0.0.1:6379/0"),
        description="Redis or Valkey; redis+cluster:// for a cluster",
    )
    schema_registry_url: str | None = Field(
        default=None, description="A registry with Confluent's API; without one the packaged schema ids serve"
    )
    topic_prefix: str = Field(
        default="", description="Put before every topic's name", pattern=r"^[A-Za-z0-9._-]*$"
    )
    redis_prefix: str = Field(
        default="", description="Put before every Redis key", pattern=r"^[A-Za-z0-9._:-]*$"
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Partitions of new topics; what the topic's YAML says otherwise",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: RedisUrl) -> RedisUrl:
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in ("redis", "rediss", "redis+cluster", "rediss+cluster", "unix"):
            raise ValueError(
                "must start with redis://, rediss://, redis+cluster://, rediss+cluster:// or unix://"
            )
        return value

    def kafka(self, **options: Any) -> dict[str, Any]:
        """Configuration for confluent-kafka's clients: the address, the user's options, then `options`."""
        password = self.kafka_password.get_secret_value()
        return {
            "bootstrap.servers": self.bootstrap_servers,
            **self.kafka_options,
            **({"sasl.password": password} if password else {}),
            **options,
        }

    def schemas(self) -> SchemaSource:
        """Ids from the registry where one is set, else those of the package."""
        if self.schema_registry_url is None:
            return PackagedSchemas()
        return RegistrySchemas(self.schema_registry_url, topic_prefix=self.topic_prefix)
