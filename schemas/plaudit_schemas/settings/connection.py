"""Settings that every member shares: the addresses of Kafka, Redis and the schema registry."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, Secret, SecretStr, field_validator

from plaudit_schemas.codec.registry import RegistrySchemas
from plaudit_schemas.codec.registry_client import url_problem
from plaudit_schemas.codec.wire import PackagedSchemas, SchemaSource
from plaudit_schemas.settings import Settings


def _json_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except ValueError:
        raise ValueError('must be a JSON object such as {"security.protocol": "SASL_SSL"}') from None


_MASK = "********"
_SECRET_OPTIONS = ("password", "secret", "token", "key.pem", "jaas", "sasl.oauthbearer.config")


class SecretUrl(SecretStr):
    """A URL whose password is masked when it is printed."""

    def _display(self) -> str:
        try:
            parts = urlsplit(self.get_secret_value())
        except ValueError:  # it cannot be split, so nobody can tell where the password is
            return _MASK
        if "@" not in parts.netloc:
            return self.get_secret_value()
        user, host = parts.netloc.rpartition("@")[0].partition(":")[0], parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{user}:{_MASK}@{host}"))


class KafkaOptions(Secret[dict[str, str | int | float]]):
    """librdkafka options. Passwords, secrets, tokens and private keys are masked when they are printed."""

    def _display(self) -> str:
        shown = {
            name: _MASK if any(part in name for part in _SECRET_OPTIONS) else value
            for name, value in self.get_secret_value().items()
        }
        return json.dumps(shown)


class ConnectionSettings(Settings):
    """Addresses and names shared by producers, workers, sinks and the command."""

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka's addresses as host:port, comma-separated"
    )
    kafka_options: Annotated[KafkaOptions, BeforeValidator(_json_object)] = Field(
        default=KafkaOptions({}), description="librdkafka options, such as SASL and TLS, as a JSON object"
    )
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Kafka's SASL password")
    redis_url: SecretUrl = Field(
        default=SecretUrl("redis://127.0.0.1:6379/0"),
        description="URL of Redis or Valkey; redis+cluster:// for a cluster",
    )
    schema_registry_url: SecretUrl | None = Field(
        default=None,
        description="URL of a registry with Confluent's API; if unset, the packaged schema ids are used",
    )
    topic_prefix: str = Field(
        default="", description="Prefix of every topic's name", pattern=r"^[A-Za-z0-9._-]*$"
    )
    redis_prefix: str = Field(
        default="", description="Prefix of every Redis key", pattern=r"^[A-Za-z0-9._:-]*$"
    )
    aspects: str | None = Field(
        default=None,
        description="File that declares what feedback may be about (docs/aspects.md); if unset, anything",
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Partitions of new topics; if unset, the number in the topic's definition",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretUrl) -> SecretUrl:
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in ("redis", "rediss", "redis+cluster", "rediss+cluster", "unix"):
            raise ValueError(
                "must start with redis://, rediss://, redis+cluster://, rediss+cluster:// or unix://"
            )
        return value

    @field_validator("schema_registry_url")
    @classmethod
    def _registry_url(cls, value: SecretUrl | None) -> SecretUrl | None:
        if value is None or not value.get_secret_value():  # an empty variable means unset
            return None
        problem = url_problem(value.get_secret_value())
        if problem:
            raise ValueError(problem)
        return value

    def kafka(self, **options: Any) -> dict[str, Any]:
        """Configuration for a confluent-kafka client. `options` override the user's options."""
        password = self.kafka_password.get_secret_value()
        return {
            "bootstrap.servers": self.bootstrap_servers,
            **self.kafka_options.get_secret_value(),
            **({"sasl.password": password} if password else {}),
            **options,
        }

    def schemas(self) -> SchemaSource:
        """The registry's schemas if a registry is set, else the packaged ones."""
        if self.schema_registry_url is None:
            return PackagedSchemas()
        return RegistrySchemas(self.schema_registry_url.get_secret_value(), topic_prefix=self.topic_prefix)
