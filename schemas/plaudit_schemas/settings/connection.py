"""Settings that every member shares: where Kafka, Redis and the registry are."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, Secret, SecretStr, field_validator

from plaudit_schemas.codec.registry import RegistrySchemas, url_problem
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
    """A URL that shows everything but its password."""

    def _display(self) -> str:
        try:
            parts = urlsplit(self.get_secret_value())
        except ValueError:
            return _MASK
        if "@" not in parts.netloc:
            return self.get_secret_value()
        user, host = parts.netloc.rpartition("@")[0].partition(":")[0], parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{user}:{_MASK}@{host}"))


class KafkaOptions(Secret[dict[str, str | int | float]]):
    """librdkafka's options; shows everything but passwords, secrets and tokens."""

    def _display(self) -> str:
        shown = {
            name: _MASK if any(part in name for part in _SECRET_OPTIONS) else value
            for name, value in self.get_secret_value().items()
        }
        return json.dumps(shown)


class ConnectionSettings(Settings):
    """Addresses and names shared by producers, workers, sinks and the command."""

    bootstrap_servers: str = Field(default="127.0.0.1:9092", description="Kafka's addresses, comma-separated")
    kafka_options: Annotated[KafkaOptions, BeforeValidator(_json_object)] = Field(
        default=KafkaOptions({}), description="More librdkafka options as a JSON object, such as SASL and TLS"
    )
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Kafka's SASL password")
    redis_url: SecretUrl = Field(
        default=SecretUrl("redis://127.0.0.1:6379/0"),
        description="Redis or Valkey; redis+cluster:// for a cluster",
    )
    schema_registry_url: SecretUrl | None = Field(
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
        if value is None or not value.get_secret_value():  # set to nothing means unset, as in a shell
            return None
        problem = url_problem(value.get_secret_value())
        if problem:
            raise ValueError(problem)
        return value

    def kafka(self, **options: Any) -> dict[str, Any]:
        """Configuration for confluent-kafka's clients: the address, the user's options, then `options`."""
        password = self.kafka_password.get_secret_value()
        return {
            "bootstrap.servers": self.bootstrap_servers,
            **self.kafka_options.get_secret_value(),
            **({"sasl.password": password} if password else {}),
            **options,
        }

    def schemas(self) -> SchemaSource:
        """Ids from the registry where one is set, else those of the package."""
        if self.schema_registry_url is None:
            return PackagedSchemas()
        return RegistrySchemas(self.schema_registry_url.get_secret_value(), topic_prefix=self.topic_prefix)
