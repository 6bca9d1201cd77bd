"""Offsets that an admin client lists: asked for again while a partition has no leader."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # public, not declared as such
from plaudit_schemas.kafka import asking
from plaudit_schemas.kafka.asking import listed_offsets

SPEC = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not annotated


class _Admin:
    """Refuses partition 1 with errors first, one for each call."""

    def __init__(self, *errors: int) -> None:
        self._errors = list(errors)
        self.refreshed = 0

    def list_topics(self, topic: str, timeout: float) -> None:
        self.refreshed += 1

    def list_offsets(self, wanted: dict[Any, Any], **_: Any) -> dict[Any, Any]:
        error = self._errors.pop(0) if self._errors else None
        answers: dict[Any, Any] = {}
        for place in wanted:
            answers[place] = answer = Future()  # type: ignore[var-annotated]  # of one of two kinds
            if error is not None and place.partition == 1:
                answer.set_exception(KafkaException(KafkaError(error)))
            else:
                answer.set_result(SimpleNamespace(offset=place.partition + 10, timestamp=-1))
        return answers


def test_all_partitions_are_asked_for_again_while_one_has_no_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)
    admin = _Admin(*asking._NOT_YET)
    assert listed_offsets(admin, "t", {0: SPEC, 1: SPEC}, 60) == {0: (10, -1), 1: (11, -1)}
    assert admin.refreshed == len(asking._NOT_YET)
    assert listed_offsets(admin, "t", {}, 60) == {}


@pytest.mark.parametrize(
    ("error", "timeout_s"),
    [(KafkaError.TOPIC_AUTHORIZATION_FAILED, 60), (KafkaError.LEADER_NOT_AVAILABLE, -1)],
    ids=["not allowed", "no leader for too long"],
)
def test_a_refusal_that_does_not_pass_is_told(error: int, timeout_s: float) -> None:
    with pytest.raises(KafkaException):
        listed_offsets(_Admin(error), "t", {0: SPEC, 1: SPEC}, timeout_s)
