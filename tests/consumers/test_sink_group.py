"""The group of an output's sinks, and the settings of the topic that they read."""

from pathlib import Path

import pytest
from plaudit_consumers.sink.errors import ForeignFileError, SinkGroupError
from plaudit_consumers.sink.loop.topic_settings import settings_problem
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.sink_group import OutputGroup, join_group

GOOD = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.bytes": "-1",
    "retention.ms": "2592000000",
}


def _join(root: Path, wanted: str | None = None, *, members: bool = False) -> OutputGroup:
    return join_group(LocalOutput(root), wanted, lambda _: members)


def test_every_output_has_a_group_of_its_own_whatever_its_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _join(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    for spelling in ("a", "./a", "a/", "link", "../" + tmp_path.name + "/a"):
        assert _join(Path(spelling).absolute()) == first
    second = _join(tmp_path / "b")
    assert first.group.startswith("plaudit-sink-")
    assert first.group != second.group
    assert first.is_stranger(second.client_id("w"))
    assert not first.is_stranger(first.client_id("w"))
    assert not first.is_stranger("rdkafka"), "a sink of an earlier version does not say"


def test_a_group_that_is_set_becomes_the_group_of_the_output(tmp_path: Path) -> None:
    assert _join(tmp_path, "mine").group == "mine"
    assert _join(tmp_path).group == "mine"
    with pytest.raises(SinkGroupError, match="sinks of the group mine write to this output"):
        _join(tmp_path, "other", members=True)
    changed = _join(tmp_path, "other")
    assert (changed.group, changed.output) == ("other", _join(tmp_path).output)


def test_two_outputs_with_one_group_that_is_set_are_told_apart(tmp_path: Path) -> None:
    first, second = _join(tmp_path / "a", "mine"), _join(tmp_path / "b", "mine")
    assert first.is_stranger(second.client_id("w"))


def test_a_damaged_record_of_the_group_is_named(tmp_path: Path) -> None:
    _join(tmp_path)
    (tmp_path / ".plaudit/group.json").write_text("{}")
    with pytest.raises(ForeignFileError, match=r"group\.json is damaged"):
        _join(tmp_path)


def test_sinks_that_start_together_agree_on_a_group(tmp_path: Path) -> None:
    output, made = LocalOutput(tmp_path), []
    load = output.load

    def late(path: str) -> object:
        found = load(path)
        output.load = load  # type: ignore[method-assign]  # another sink comes between, once
        made.append(_join(tmp_path))
        return found

    output.load = late  # type: ignore[method-assign, assignment]  # as above
    assert join_group(output, None, lambda _: False) == made[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({}, None, id="as ours"),
        pytest.param({"retention.ms": "-1"}, None, id="kept for ever"),
        pytest.param({"retention.ms": "86400000"}, None, id="a day"),
        pytest.param({"retention.ms": "86399999"}, "retention.ms of at least 86400000", id="less than a day"),
        pytest.param({"retention.ms": "0"}, "retention.ms", id="nothing is kept"),
        pytest.param({"retention.bytes": "1000"}, "retention.bytes=-1", id="a limit in bytes"),
        pytest.param({"cleanup.policy": "compact"}, "cleanup.policy=delete", id="compaction"),
        pytest.param({"cleanup.policy": "compact,delete"}, "cleanup.policy=delete", id="both"),
        pytest.param({"message.timestamp.type": "CreateTime"}, "LogAppendTime", id="the producer's clock"),
    ],
)
def test_settings_of_the_topic_that_lose_conversations_are_named(
    change: dict[str, str], problem: str | None
) -> None:
    found = settings_problem({**GOOD, **change})
    assert (found is None) if problem is None else (problem in (found or ""))
