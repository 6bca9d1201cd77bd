"""What a producer says at its end of the events that Kafka does not have."""

import logging
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_producers.sdk.content_problems import ContentProblems
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.settings.connection import ConnectionSettings


def losses(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records
        if record.name == "plaudit_producers" and record.levelno >= logging.WARNING
    ]  # fmt: skip


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_the_loss_is_told_once_with_its_number_and_place(
    spool: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1", topic_prefix="own.")
    folder = tmp_path / "spool" if spool else None
    with FeedbackProducer("shop", connection=away, exit_timeout_s=0, spool_dir=folder) as producer:
        for _ in range(3):
            producer.conversation("c").like(None)
    (told,) = losses(caplog)
    assert told.startswith("3 events for the topic own.plaudit.conversation-events ")
    assert ("are lost" in told) != spool
    assert (str(folder) in told) == spool


def test_what_repeats_is_logged_at_growing_intervals(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    problems = ContentProblems(None, clock=lambda: now)
    told = []
    for minute in range(16):
        now = 60.0 * minute
        before = len(losses(caplog))
        problems.note_rejection(
            {"body": ("plaudit.v1.EndConversation", {})}, InvalidEventError("reason is odd")
        )
        if len(losses(caplog)) > before:
            told.append(minute)
    assert told == [0, 1, 3, 7, 15]
    assert problems.counts() == ({}, {"invalid": 16})
