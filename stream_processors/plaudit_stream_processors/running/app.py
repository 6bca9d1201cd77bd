"""The Faust app of a process that gets batches."""

from typing import Any

import faust
import mode
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.credentials import credentials


class _App(faust.App):
    def _create_directories(self) -> None:
        """Creates none. Faust would put a folder for tables where the process was started."""


def batched_app(
    connection: ConnectionSettings, group: str, *, batch: int, session_s: float, instance: str | None = None
) -> Any:
    """An app on the batched transport. It connects to nothing before it starts.

    Args:
        group: the consumer group, without the topic prefix.
        batch: the most records of one fetch.
        session_s: seconds after which a silent member loses its partitions.
        instance: a static name of this member.
    """
    servers = ";".join(f"batched://{server.strip()}" for server in connection.bootstrap_servers.split(","))
    return _App(
        connection.topic_prefix + group,
        broker=servers,
        broker_credentials=credentials(connection.kafka()),
        store="memory://",
        web_enabled=False,
        # `plaudit topics create` makes the topics. Faust would also make one of its own to elect a leader.
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,  # the pipeline settles by itself when partitions are revoked
        agent_supervisor=mode.CrashingSupervisor,  # a restart of the process is the retry
        consumer_group_instance_id=instance,
        consumer_max_fetch_size=4 * 1024 * 1024,
        # A group leader that reads metadata while a broker comes back may see no topic. It then assigns no
        # partition until it reads metadata again, by default after five minutes.
        consumer_metadata_max_age_ms=5000,
        broker_max_poll_records=batch,
        broker_commit_interval=1.0,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 3,
        # Faust refuses a session time-out above this one.
        broker_request_timeout=max(60.0, session_s + 5),
    )
