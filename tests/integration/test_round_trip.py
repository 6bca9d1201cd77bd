"""Real files through replay, worker and sink to Parquet, compared with the files by readers of their own."""

import csv
import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.main import main

from harness.environ import environ_with
from tests.support.line import Line
from tests.support.services import shared_data
from tests.support.sinks import Sinks, logged, rows, sources

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

FILES = {
    "topical-chat": "topical_chat/test_freq.json",
    "hh-rlhf": "hh_rlhf/harmless-base-test.jsonl.gz",
    "oasst": "oasst_zh/oaast_rm_zh.json",
    "halie": "halie/event_blocks.csv",
}
STARS = {"Excellent": 5, "Good": 4, "Passable": 3, "Not Good": 2, "Poor": 1}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def root(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All four files on disk, written by a worker and a sink; each format is an application of its own."""
    folder = tmp_path_factory.mktemp("round-trip")
    line = Line(kafka=kafka, redis=valkey, folder=folder)
    sinks = Sinks(line.connection, folder, str(folder / "root"), {"rotate_rows": "300"})
    environ = environ_with(bootstrap_servers=kafka, topic_prefix=line.connection.topic_prefix)
    line.start_worker()
    try:
        for name, file in FILES.items():
            words = ["replay", str(shared_data(file)), "--format", name, "--application", name]
            options = ["--consent", "granted", "--seed", "11", "--report", str(folder / f"{name}.report")]
            command = [sys.executable, "-m", "plaudit_infra.main", *words, *options]
            done = subprocess.run(
                command, env=environ, cwd=folder, capture_output=True, check=False, timeout=300
            )
            assert done.returncode == 0, done.stderr.decode()
        line.wait_folded()
        sinks.once()
        expected = logged(line.connection)
        assert sources(folder / "root") == dict.fromkeys(expected, 1)
        yield folder / "root"
    finally:
        line.stop_workers()
        sinks.stop()


def of(root: Path, application: str) -> list[Row]:
    return [row for row in rows(root, "conversations") if row["application"] == application]


def messages_of(row: Row) -> dict[str, Row]:
    return {message["message_id"]: message for message in row["messages"]}


def line_to(row: Row, message_id: str) -> list[Row]:
    """The messages from a root down to this one."""
    messages, found = messages_of(row), list[Row]()
    while message_id:
        found.insert(0, messages[message_id])
        message_id = found[0]["parent_id"]
    return found


def turns(text: str) -> list[tuple[str, str]]:
    """An hh-rlhf transcript, taken apart at its speakers."""
    parts = re.split(r"\n\n(Human|Assistant):", text)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def transcript(messages: list[Row]) -> str:
    names = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{names[each['role']]}:{each['content']}" for each in messages)


def test_hh_rlhf_pairs_rebuild_both_transcripts(root: Path) -> None:
    with gzip.open(shared_data(FILES["hh-rlhf"]), "rt", encoding="utf-8") as lines:
        pairs = [json.loads(each) for each in lines]
    clean = [each for each in pairs if turns(each["chosen"])[:-1] == turns(each["rejected"])[:-1]]
    assert len(clean) == 2_307
    alike = sum(each["chosen"] == each["rejected"] for each in clean)
    expected = Counter(
        (each["chosen"], each["rejected"]) for each in clean if each["chosen"] != each["rejected"]
    )
    pairs_found = [
        tuple(transcript(line_to(row, name)) for (name,) in comparison["ranking"])
        for row in of(root, "hh-rlhf")
        for comparison in row["comparisons"]
    ]
    found = Counter((chosen, rejected) for chosen, rejected in pairs_found if chosen != rejected)
    assert found == expected
    assert found.total() == 2_307 - alike


def test_topical_chat_ratings_are_those_of_the_file(root: Path) -> None:
    document = json.loads(shared_data(FILES["topical-chat"]).read_text(encoding="utf-8"))
    said = [turn for chat in document.values() for turn in chat["content"]]
    expected = Counter((turn["message"], STARS[turn["turn_rating"]]) for turn in said if turn["turn_rating"])
    assert expected.total() == 11_648
    found: Counter[tuple[str, float]] = Counter()
    labelled: Counter[tuple[str, bool]] = Counter()
    unrated = 0
    for row in of(root, "topical-chat"):
        messages = messages_of(row)
        texts = {name: message["content"] for name, message in messages.items()}
        given = [each for each in row["feedback"] if each["message_id"] is not None]
        assert {each["kind"] for each in given} <= {"number"}
        found.update((texts[each["message_id"]], each["number"]) for each in given)
        unrated += len(texts) - len({each["message_id"] for each in given})
        labelled.update(
            (texts[each["message_id"]], each["number"] >= 4)
            for each in given
            if each["number"] != 3 and _answers_a_user(messages, each["message_id"])
        )
    assert found == expected
    assert unrated == len(said) - 11_648 == 112
    judged = Counter(
        (turn["message"], STARS[turn["turn_rating"]] >= 4)
        for chat in document.values()
        for at, turn in enumerate(chat["content"])
        if turn["agent"] == "agent_2" and at and turn["turn_rating"] not in ("", "Passable")
        and chat["content"][at - 1]["agent"] == "agent_1"
    )  # fmt: skip
    assert labelled == judged


def _answers_a_user(messages: dict[str, Row], message_id: str) -> bool:
    parent = messages[message_id]["parent_id"]
    return bool(parent) and (messages[message_id]["role"], messages[parent]["role"]) == ("assistant", "user")


def test_oasst_gives_its_pairs_and_none_for_identical_candidates(root: Path) -> None:
    document = json.loads(shared_data(FILES["oasst"]).read_text(encoding="utf-8"))
    expected: Counter[tuple[str, ...]] = Counter()
    for each in document:
        history = [text for pair in each.get("history", []) for text in pair]
        expected.update((*history, each["instruction"], "|", *pair) for pair in _clear_pairs(each["output"]))
    found: Counter[tuple[str, ...]] = Counter()
    for row in of(root, "oasst"):
        for comparison in row["comparisons"]:
            lines = [[turn["content"] for turn in line_to(row, name)] for (name,) in comparison["ranking"]]
            history = lines[0][:-1]
            assert {tuple(texts[:-1]) for texts in lines} == {tuple(history)}
            found.update((*history, "|", *pair) for pair in _clear_pairs([texts[-1] for texts in lines]))
    assert found == expected
    assert 1_780 < found.total() < 1_809


def _clear_pairs(ranked: list[str]) -> list[tuple[str, str]]:
    """Better and worse texts of a ranking, without those that it ranks both ways."""
    ordered = {(one, two) for at, one in enumerate(ranked) for two in ranked[at + 1 :] if one != two}
    return [(one, two) for one, two in ordered if (two, one) not in ordered]


def test_halie_dislikes_are_thumbs_down(root: Path) -> None:
    folder = shared_data(FILES["halie"]).parent
    with (folder / "survey_responses.csv").open(encoding="utf-8", newline="") as file:
        survey = {(row["session_id"], row["turn_id"]): row for row in csv.DictReader(file)}
    with (folder / "event_blocks.csv").open(encoding="utf-8", newline="") as file:
        rounds = list(csv.DictReader(file))
    disliked = [
        (row["model"], row["model_completion"])
        for row in rounds
        if survey.get((row["session_id"], row["turn_id"]), {}).get("preference") in ("0", "0.0")
    ]
    assert len(disliked) == 217
    found, thumbs = [], set()
    for row in of(root, "halie"):
        judged = [each for each in row["feedback"] if each["message_id"] is not None]
        thumbs |= {each["thumb"] for each in judged}
        texts = [messages_of(row)[each["message_id"]]["content"] for each in judged]
        found += [(row["model"]["id"], text) for text in texts]
    assert Counter(found) == Counter(disliked)
    assert thumbs == {False}


def test_a_snapshot_of_it_builds(root: Path, tmp_path: Path) -> None:
    assert main(["datasets", "build", "--root", str(root), "--output", str(tmp_path / "snapshot")]) == 0
    assert list((tmp_path / "snapshot").glob("preference/train-*.parquet"))
