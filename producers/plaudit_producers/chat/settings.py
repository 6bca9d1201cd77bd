"""Settings of the chat page."""

from plaudit_schemas.contract.limits import APPLICATION_PATTERN
from plaudit_schemas.settings import Settings
from pydantic import Field, SecretStr, field_validator

from plaudit_producers.privacy import one_identity_key


class ChatSettings(Settings):
    """Where the chat page listens, which models it offers, and what it asks."""

    chat_host: str = Field(default="127.0.0.1", description="The address that the chat page binds")
    chat_port: int = Field(
        default=7860, ge=0, le=65535, description="The port that the chat page binds; 0 takes a free one"
    )
    chat_health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="A port for health and metrics only; if unset, they are on the chat page's port",
    )
    chat_trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded headers are trusted, comma-separated; * for all",
    )
    chat_application: str = Field(
        default="chat",
        pattern=APPLICATION_PATTERN,
        description="The application under which the chat page records",
    )
    chat_models: str | None = Field(
        default=None,
        description="File that lists the models (docs/chat-models.md); if unset, a built-in responder",
    )
    chat_title: str = Field(default="Chat", description="The title of the chat page")
    chat_guidelines: str | None = Field(
        default=None, description="Markdown file with guidelines, shown beside the chat"
    )
    chat_questions: str = Field(
        default="", description="Declared aspects that the chat page asks about, comma-separated; empty: all"
    )
    chat_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs the visitors' cookies; empty: a secret that is kept in the data folder",
    )
    chat_spool_dir: str | None = Field(
        default=None,
        description="Folder that keeps what was said while Kafka is away; if unset, in the data folder",
    )
    chat_redact: str = Field(
        default="", description="module:function that redacts each event before it leaves the process"
    )
    chat_identity_key: SecretStr = Field(
        default=SecretStr(""),
        description="ID:SECRET of a key; ids of visitors are replaced by a hash with it",
    )
    chat_resume_minutes: float = Field(
        default=30, gt=0, description="Minutes after its last use for which a reload goes on with a chat"
    )
    chat_max_visitors: int = Field(
        default=1000, ge=1, description="Open chats that are kept in memory; beyond it the oldest are let go"
    )
    chat_first_token_timeout_s: float = Field(
        default=60, gt=0, description="Seconds that an endpoint may take to begin an answer"
    )
    chat_token_timeout_s: float = Field(
        default=30, gt=0, description="Seconds that an endpoint may take between two parts of an answer"
    )
    chat_answer_timeout_s: float = Field(
        default=600, gt=0, description="Seconds that an endpoint may take for a whole answer"
    )

    @field_validator("chat_identity_key")
    @classmethod
    def _one_pair(cls, value: SecretStr) -> SecretStr:
        return one_identity_key(value)
