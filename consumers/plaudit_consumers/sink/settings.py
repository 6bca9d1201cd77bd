"""Settings of the sink."""

from plaudit_schemas.settings import Settings
from plaudit_schemas.settings.location import parse_location
from pydantic import Field, field_validator


class RootSettings(Settings):
    """Where the root is."""

    output: str = Field(
        default="",
        description="The root of the files: a folder, or a URL with s3://, gs://, az://",
        # `--root` names the root in every command. `--output` is what a command writes: for a sink the same.
        json_schema_extra={"flags": ["--root"]},
    )

    @field_validator("output")
    @classmethod
    def _output_is_a_place(cls, value: str) -> str:
        if value:
            parse_location(value)
        return value


class SinkSettings(RootSettings):
    """Where the sink writes, when it rotates files, and where it serves health and metrics."""

    sink_group: str | None = Field(
        default=None,
        min_length=1,
        description="The consumer group of the output's sinks; default: the one that the output records",
    )
    sink_instance: str | None = Field(
        default=None, description="Static member name in the group; keeps the partitions through a restart"
    )
    sink_session_s: float = Field(
        default=10.0, ge=2, description="A sink that sends no heartbeat for this long loses its partitions"
    )
    rotate_rows: int = Field(default=50_000, ge=1, description="Most records in one file")
    rotate_bytes: int = Field(
        default=128 << 20, ge=1, description="Most bytes of records in one file, before compression"
    )
    rotate_minutes: float = Field(
        default=15, gt=0, description="Longest span of one file in record time, and longest wait of its rows"
    )
    sink_memory_mb: int = Field(
        default=32, ge=4, description="Memory for records that are not yet turned into rows on disk"
    )
    sink_scratch: str | None = Field(
        default=None,
        description="Folder for files before their upload to an object store; default: the system's",
    )
    training_licence: str | None = Field(
        default=None, description="The licence that rows give for chats without a tag licence or license"
    )
    zstd_level: int = Field(default=3, ge=1, le=19, description="Compression level of the Parquet files")
    sink_web_host: str = Field(default="127.0.0.1", description="Where health and metrics are served")
    sink_web_port: int = Field(default=6067, ge=0, le=65535, description="Their port; 0 takes a free one")
