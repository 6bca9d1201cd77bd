"""Sinks and their company: other outputs, other groups, other processes of the same name."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import Consumer
from plaudit_schemas.topics import FINISHED

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.sinks import Sinks, chats, each_once, send, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

Make = Callable[..., Line]
SOON = {"rotate_minutes": "0.02"}


def _group(output: Path) -> str:
    return str(orjson.loads((output / ".plaudit/group.json").read_bytes())["group"])


@contextmanager
def _member(line: Line, group: str, **options: Any) -> Iterator[Any]:
    """Something else in a consumer group, with partitions, that reads nothing."""
    given = {"group.id": group, "partition.assignment.strategy": "cooperative-sticky", **options}
    client: Any = Consumer(line.connection.kafka(**given))
    held: list[Any] = []
    client.subscribe(
        [line.connection.topic_prefix + FINISHED], on_assign=lambda _, places: held.extend(places)
    )

    def has_some() -> bool:
        client.poll(0.2)
        return bool(held)

    try:
        eventually(has_some, "it has partitions")
        yield client
    finally:
        client.close()  # or the garbage collector would wait for it for ever


def test_two_outputs_with_the_default_group_each_get_every_row(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, outputs = line(partitions=4), [tmp_path / "a", tmp_path / "b"]
    both = [sinks(one, str(output), **SOON) for output in outputs]
    for each in both:
        each.start()
    for each in both:
        each.address()
    send(one.connection, chats(4, range(20)))
    eventually(lambda: all(len(sources(output)) >= 80 for output in outputs), "both have all rows")
    for output in outputs:
        assert sources(output) == each_once(4, range(20))
    assert _group(outputs[0]) != _group(outputs[1])


def test_two_outputs_with_one_group_that_was_set_are_refused(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=4)
    first = sinks(one, str(tmp_path / "a"), sink_group="shared", **SOON)
    first.start()
    first.address()
    second = sinks(one, str(tmp_path / "b"), sink_group="shared", **SOON)
    assert second.start().wait(120) == 1
    assert "is in the group shared too, but writes to another output" in second.logs()
    send(one.connection, chats(4, range(20)))
    eventually(lambda: sources(tmp_path / "a") == each_once(4, range(20)), "the first one goes on")


def test_one_output_by_several_spellings_has_one_group(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=4), tmp_path / "out"
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    spellings = [str(out), f"{out}/", f"{tmp_path}/link", f"{tmp_path}/x/../out"]
    (tmp_path / "x").mkdir()
    started = [sinks(one, spelling, **SOON).start() for spelling in spellings]
    send(one.connection, chats(4, range(50)))
    eventually(lambda: len(sources(out)) == 200, "all rows are in the output")
    for sink in started:
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(120) == 0
    assert sources(out) == each_once(4, range(50))


def test_once_beside_a_running_sink_is_refused(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=4)
    running, second = sinks(one, rotate_minutes="60"), sinks(one)
    running.start()
    running.address()
    send(one.connection, chats(4, range(10)))
    assert second.start("--once").wait(120) == 1
    assert "writes to this output already" in second.logs()
    running.running[0].send_signal(signal.SIGTERM)
    assert running.running[0].wait(120) == 0
    assert sources(tmp_path / "out") == each_once(4, range(10))


def test_once_waits_for_the_session_of_a_killed_sink(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=4)
    writing = sinks(one, rotate_minutes="60")
    sink = writing.start()
    writing.address()
    sink.kill()
    send(one.connection, chats(4, range(10)))
    writing.once()
    assert sources(tmp_path / "out") == each_once(4, range(10))
    writing.once()  # with nothing to do
    assert sources(tmp_path / "out") == each_once(4, range(10))


def test_two_that_run_once_together_write_everything(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=4), tmp_path / "out"
    send(one.connection, chats(4, range(200)))
    writing = sinks(one, rotate_rows="5")
    both = [writing.start("--once") for _ in range(2)]
    eventually(lambda: any(sink.poll() == 0 for sink in both), "one of them ends well")
    assert sources(out) == each_once(4, range(200))
    assert {sink.wait(120) for sink in both} <= {0, 1}, writing.logs()
    assert sources(out) == each_once(4, range(200))


def test_once_that_is_interrupted_says_what_is_missing(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=1), tmp_path / "out"
    send(one.connection, chats(1, range(1500)))
    writing = sinks(one, rotate_rows="4")
    sink = writing.start("--once")
    eventually(lambda: len(list(out.glob("v1/conversations/*/*.parquet"))) > 3, "it writes")
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(120) == 1
    assert "stopped before all was written: partition 0 is written up to" in writing.logs()
    assert 3 < len(sources(out)) < 1500
    writing.once(rotate_rows="1000")
    assert sources(out) == each_once(1, range(1500))


def test_a_static_name_that_is_taken_ends_the_sink(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one = line(partitions=2)
    writing = sinks(one, sink_group="named", sink_instance="sink-0", **SOON)
    sink = writing.start()
    writing.address()
    with _member(one, "named", **{"group.instance.id": "sink-0", "session.timeout.ms": 6000}):
        assert sink.wait(60) == 1
    assert "another process has joined the group named as sink-0" in writing.logs()
    assert "Traceback" not in writing.logs()
    send(one.connection, chats(2, range(10)))
    writing.start()
    eventually(lambda: sources(tmp_path / "out") == each_once(2, range(10)), "a restart goes on")


@pytest.mark.parametrize(
    ("settings", "strategy", "said"),
    [
        pytest.param({}, "range", "does not take this sink", id="another protocol in the group"),
        pytest.param(
            {"sink_session_s": "700"}, "cooperative-sticky", "refuses the settings", id="a long session"
        ),
    ],
)
def test_a_group_that_refuses_the_sink_ends_it(
    line: Make, sinks: Callable[..., Sinks], settings: dict[str, str], strategy: str, said: str
) -> None:
    one = line(partitions=2)
    with _member(one, "foreign", **{"partition.assignment.strategy": strategy}):
        writing = sinks(one, sink_group="foreign", **settings)
        assert writing.start().wait(120) == 1
    assert said in writing.logs()
    assert "Traceback" not in writing.logs()


def test_what_waits_in_kafka_is_told_by_a_sink_without_it(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    """Half of the partitions belong to something that reads nothing. The sink is ready and holds nothing."""
    one, out = line(partitions=2), tmp_path / "out"
    with _member(one, "crowded") as member:
        writing = sinks(one, sink_group="crowded", **SOON)
        writing.start()

        def has_joined() -> bool:
            member.poll(0.1)  # or it would not give up a partition
            return "taken over" in writing.logs()

        eventually(has_joined, "each has a partition")
        web = writing.address()
        send(one.connection, chats(2, range(10)))
        eventually(lambda: len(sources(out)) == 10, "the sink writes its partition")

        def waits() -> bool:
            member.poll(0)
            shown = httpx.get(web + "/metrics", timeout=30).text
            ready = httpx.get(web + "/health/ready", timeout=30).status_code
            return ready == 200 and _value(shown, "plaudit_sink_freshness_seconds") > 8

        eventually(waits, "the age of what nobody reads grows")
    eventually(lambda: sources(out) == each_once(2, range(10)), "the sink gets the other partition")
    eventually(
        lambda: _value(httpx.get(web + "/metrics", timeout=30).text, "plaudit_sink_freshness_seconds") == 0,
        "nothing waits",
    )


def _value(shown: str, name: str) -> float:
    return float(next(line.rpartition(" ")[2] for line in shown.splitlines() if line.startswith(name + " ")))


def test_a_copy_of_an_output_is_found_out(line: Make, sinks: Callable[..., Sinks], tmp_path: Path) -> None:
    one, original, copy = line(partitions=2), tmp_path / "out", tmp_path / "copy"
    writing, copied = sinks(one, str(original), **SOON), sinks(one, str(copy), **SOON)
    send(one.connection, chats(2, range(10)))
    writing.once()
    shutil.copytree(original, copy)
    running = writing.start()
    eventually(lambda: "taken over" in (writing.folder / "sink1.log").read_text(), "it has its partitions")
    beside = copied.start()
    copied.address()
    send(one.connection, chats(2, range(10, 20)))
    both = (running, beside)
    eventually(lambda: any(sink.poll() is not None for sink in both), "one of them ends")
    assert "another sink writes to a copy of it" in writing.logs() + copied.logs()
    for sink in both:  # the other one has the group for itself, and may have ended, too
        sink.send_signal(signal.SIGTERM)
        sink.wait(120)
    writing.once()
    (copy / ".plaudit/group.json").unlink()
    copied.once()
    assert sources(original) == sources(copy) == each_once(2, range(20))


def test_an_output_and_a_group_of_an_earlier_version_go_on(
    line: Make, sinks: Callable[..., Sinks], tmp_path: Path
) -> None:
    one, out = line(partitions=2), tmp_path / "out"
    writing = sinks(one, rotate_rows="7")
    old = writing.start(sink_group="plaudit-sink")
    writing.address()
    (out / ".plaudit/group.json").unlink()  # the earlier version made none
    send(one.connection, chats(2, range(40)))
    eventually(lambda: len(sources(out)) >= 2 * 28, "the old one writes")
    new = writing.start()
    eventually(
        lambda: "taken over" in (one.folder / "sink1.log").read_text(), "the new one has partitions too"
    )
    assert _group(out) != "plaudit-sink"
    send(one.connection, chats(2, range(40, 80)))
    eventually(
        lambda: None in (old.poll(), new.poll()) and {old.poll(), new.poll()} != {None}, "one gives way"
    )
    for sink in (old, new):
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(120) in (0, 1)
    writing.once()
    assert sources(out) == each_once(2, range(80))
