"""Settings of the sink."""

from plaudit_schemas.settings import Settings
from pydantic import Field


class SinkSettings(Settings):
    """Where the sink writes, when it rotates and where it answers."""

    output: str = Field(
        default="", description="The root of the files: a folder, or a URL with s3://, gs://, az://"
    )
    sink_group: str = Field(default="plaudit-sink", description="The consumer group that sinks share")
    sink_instance: str | None = Field(
        default=None, description="A static name of this sink: a restart keeps its partitions"
    )
    sink_session_s: float = Field(
        default=10.0, ge=2, description="A silent sink loses its partitions after this"
    )
    rotate_rows: int = Field(default=50_000, ge=1, description="Records of one file, at most")
    rotate_bytes: int = Field(
        default=128 << 20, ge=1, description="Bytes of records of one file, before compression, at most"
    )
    rotate_minutes: float = Field(
        default=15, gt=0, description="Span of one file in record time, and how long its rows wait, at most"
    )
    sink_memory_mb: int = Field(
        default=32, ge=4, description="Records and rows held in memory before they go to disk"
    )
    sink_scratch: str | None = Field(
        default=None, description="Folder for files in the making of object stores; else the system's"
    )
    zstd_level: int = Field(default=3, ge=1, le=19, description="Compression level of the Parquet files")
    sink_web_host: str = Field(default="127.0.0.1", description="Where health and metrics are served")
    sink_web_port: int = Field(default=6067, ge=0, le=65535, description="Their port; 0 takes a free one")
