"""What is wrong with live topics: each setting that deletes, rewrites or refuses records, and none other."""

from typing import Any

import pytest
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS, MODELS, LiveTopic, definition
from plaudit_schemas.topics.problems import LINE, RecordedLine, find_changes, find_problems, kept_ms

DAY_MS = 86_400_000
NEEDED_MS = 10 * DAY_MS


def _line(**changes: dict[str, str]) -> dict[str, LiveTopic]:
    """The topics as defined on three brokers, with some settings changed; names are without their prefix."""
    safe = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    return {
        "x." + name: LiveTopic("x." + name, f"id-{name}", 4, 3, {
            **safe, **definition(name).config, **changes.get(name.rpartition(".")[2].replace("-", "_"), {})
        })
        for name in LINE
    }  # fmt: skip


def _found(**changes: dict[str, str]) -> list[tuple[str, str, str]]:
    found = find_problems(_line(**changes), "x.", NEEDED_MS)
    return [(each.topic, each.setting, each.effect) for each in found]


def test_topics_as_defined_have_no_problem() -> None:
    assert _found() == []


@pytest.mark.parametrize(
    ("topic", "setting", "value", "effect"),
    [
        pytest.param("conversation_events", "cleanup.policy", "compact", "loss", id="compacted events"),
        pytest.param("conversation_events", "cleanup.policy", "compact,delete", "loss", id="both policies"),
        pytest.param("finished_conversations", "cleanup.policy", "compact", "loss", id="compacted finished"),
        pytest.param("dead_letters", "cleanup.policy", "compact", "loss", id="compacted letters"),
        pytest.param("conversation_events", "retention.bytes", "1000000", "loss", id="bytes of events"),
        pytest.param("conversation_events", "retention.bytes", "0", "loss", id="no bytes of events"),
        pytest.param("finished_conversations", "retention.bytes", "1", "loss", id="bytes of finished"),
        pytest.param("conversation_events", "retention.ms", str(NEEDED_MS - 1), "loss", id="short events"),
        pytest.param("conversation_events", "retention.ms", "0", "loss", id="events are gone at once"),
        pytest.param("finished_conversations", "retention.ms", "60000", "loss", id="short finished"),
        pytest.param("dead_letters", "retention.ms", "60000", "loss", id="short letters"),
        pytest.param(
            "conversation_events", "message.timestamp.type", "CreateTime", "wrong", id="producers' clocks"
        ),
        pytest.param(
            "finished_conversations", "message.timestamp.type", "CreateTime", "loss", id="finished by clocks"
        ),
        pytest.param("feedback_metrics", "message.timestamp.type", "CreateTime", "loss", id="metrics too"),
        pytest.param("conversation_events", "max.message.bytes", "1048588", "loss", id="small events"),
        pytest.param("finished_conversations", "max.message.bytes", "1048588", "loss", id="small finished"),
        pytest.param("dead_letters", "max.message.bytes", "2097152", "loss", id="letters as the events"),
        pytest.param("conversation_events", "min.insync.replicas", "4", "loss", id="never in sync"),
        pytest.param("conversation_events", "min.insync.replicas", "1", "loss", id="one in sync"),
        pytest.param(
            "conversation_events", "unclean.leader.election.enable", "true", "risk", id="unclean leaders"
        ),
    ],
)
def test_a_setting_that_loses_records_is_a_problem(topic: str, setting: str, value: str, effect: str) -> None:
    (found,) = _found(**{topic: {setting: value}})
    assert (found[0].replace("-", "_").endswith(topic), found[1:]) == (True, (setting, effect))


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [
        pytest.param("conversation_events", "retention.ms", "-1", id="events for ever"),
        pytest.param("conversation_events", "retention.ms", str(NEEDED_MS), id="just long enough"),
        pytest.param("finished_conversations", "max.message.bytes", "67108865", id="a little more"),
        pytest.param("conversation_events", "segment.ms", "1000", id="short segments"),
        pytest.param("conversation_events", "delete.retention.ms", "0", id="tombstones of a compaction"),
        pytest.param("conversation_events", "message.timestamp.after.max.ms", "1", id="bounds of CreateTime"),
        pytest.param("feedback_metrics", "cleanup.policy", "delete", id="metrics that are deleted"),
        pytest.param("feedback_metrics", "retention.ms", "1000", id="short metrics"),
    ],
)
def test_a_setting_that_loses_nothing_is_none(topic: str, setting: str, value: str) -> None:
    assert _found(**{topic: {setting: value}}) == []


@pytest.mark.parametrize(
    ("replicas", "allowed", "expected"),
    [
        pytest.param(1, False, [("replication.factor", "loss")], id="one"),
        pytest.param(1, True, [("replication.factor", "risk")], id="one, allowed"),
        pytest.param(2, False, [("min.insync.replicas", "risk")], id="two cannot both be needed"),
        pytest.param(3, False, [("min.insync.replicas", "loss")], id="three, one is enough for an answer"),
        pytest.param(3, True, [("min.insync.replicas", "risk")], id="three, allowed"),
    ],
)
def test_records_that_one_broker_alone_has_are_refused_unless_allowed(
    replicas: int, allowed: bool, expected: list[tuple[str, str]]
) -> None:
    line = {
        name: topic._replace(replicas=replicas, config={**topic.config, "min.insync.replicas": "1"})
        for name, topic in _line().items()
    }
    found = find_problems(line, "x.", NEEDED_MS, allow_one_replica=allowed)
    assert [(each.setting, each.effect) for each in found] == expected * len(LINE)
    assert all("PLAUDIT_ALLOW_ONE_REPLICA" in each.remedy for each in found if each.setting[0] == "r")


def test_larger_events_need_larger_letters() -> None:
    assert _found(conversation_events={"max.message.bytes": "9000000"}) == [
        ("x." + DEAD_LETTERS, "max.message.bytes", "loss")
    ]


def test_remote_storage_is_a_risk_only_if_turning_it_off_deletes() -> None:
    on = {"remote.storage.enable": "true", "local.retention.ms": "1000"}
    assert _found(conversation_events=on) == []
    assert _found(conversation_events={**on, "remote.log.delete.on.disable": "true"}) == [
        ("x." + EVENTS, "remote.log.delete.on.disable", "risk")
    ]


def test_missing_topics_and_other_numbers_of_partitions_are_told_together() -> None:
    line = _line()
    del line["x." + METRICS]
    line["x." + FINISHED] = line["x." + FINISHED]._replace(partitions=5)
    found = [tuple(each[:3]) for each in find_problems(line, "x.", NEEDED_MS)]
    assert found == [("x." + METRICS, "existence", "loss"), ("x." + FINISHED, "partitions", "loss")]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param(RecordedLine(None, {}), [], id="no worker has started"),
        pytest.param(RecordedLine(4, {}), [], id="a state of an earlier version"),
        pytest.param(RecordedLine(4, {EVENTS: f"id-{EVENTS}", FINISHED: f"id-{FINISHED}"}), [], id="its own"),
        pytest.param(RecordedLine(3, {}), [(EVENTS, "partitions")], id="more partitions"),
        pytest.param(RecordedLine(4, {EVENTS: "another"}), [(EVENTS, "topic id")], id="other events"),
        pytest.param(RecordedLine(4, {FINISHED: "another"}), [(FINISHED, "topic id")], id="other finished"),
    ],
)
def test_topics_that_the_state_was_not_made_from_are_told(recorded: RecordedLine, expected: Any) -> None:
    found = find_changes(_line(), "x.", recorded)
    assert [(each.topic.removeprefix("x."), each.setting) for each in found] == expected
    assert {each.effect for each in found} <= {"wrong"}


def test_a_broker_without_topic_ids_is_taken() -> None:
    line = {name: topic._replace(id="") for name, topic in _line().items()}
    assert find_changes(line, "x.", RecordedLine(4, {EVENTS: "known"})) == []


def test_a_record_may_stay_for_its_segment_longer() -> None:
    assert kept_ms({"retention.ms": "1000", "segment.ms": "50"}) == 1050
    assert kept_ms({"retention.ms": "-1", "segment.ms": "50"}) == 0


def _models(partitions: int = 1, **config: str) -> LiveTopic:
    settings = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    given = {key.replace("_", "."): value for key, value in config.items()}
    return LiveTopic(
        "x." + MODELS, "id-models", partitions, 3, {**settings, **definition(MODELS).config, **given}
    )


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        pytest.param(_models(), [], id="as defined"),
        pytest.param(_models(retention_ms="1"), [], id="a retention that does not act"),
        pytest.param(_models(cleanup_policy="delete"), [("cleanup.policy", "loss")], id="deleted"),
        pytest.param(_models(cleanup_policy="compact,delete"), [("cleanup.policy", "loss")], id="both"),
        pytest.param(
            _models(message_timestamp_type="CreateTime"), [("message.timestamp.type", "wrong")], id="clocks"
        ),
        pytest.param(_models(4), [("partitions", "wrong")], id="several partitions"),
        pytest.param(_models(max_message_bytes="1000"), [("max.message.bytes", "loss")], id="small records"),
        pytest.param(_models(min_insync_replicas="1"), [("min.insync.replicas", "loss")], id="one in sync"),
    ],
)
def test_what_is_wrong_with_the_topic_of_models(models: LiveTopic, expected: list[tuple[str, str]]) -> None:
    found = find_problems({**_line(), models.name: models}, "x.", NEEDED_MS)
    assert [(each.setting, each.effect) for each in found] == expected
    assert {each.topic for each in found} <= {models.name}
