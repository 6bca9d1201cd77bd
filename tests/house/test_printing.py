"""One function makes texts of other people printable, and what lists ids and names takes it."""

import ast
import io
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.audit.report import Report, difference_of_line, text
from plaudit_producers.commands import keys
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.importers.dry_run import DryRun
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.dead_letters.listing import ListedLetter, line_of
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.queries.display import plain_text

ROOT = Path(__file__).parents[2]
EVIL = "c1\neverything agrees with the log\u202e\x1b[2J\u2028"
SHOWN = "c1\\neverything agrees with the log\\u202e\\x1b[2J\\u2028"
HERE = {"printable.py", "reading.py"}  # reading.py shows texts of several lines


def of_the_audit() -> str:
    report = Report()
    report.add([difference_of_line("state", f"{EVIL} is missing")])
    report.pending.append(f"the worker folds {EVIL}")
    return text(report)


def of_a_conversation() -> str:
    state = ConversationState("shop", EVIL)
    state.facts["tags"] = {"a": EVIL}
    state.messages = {EVIL: {"message_id": EVIL, "role": "user", "content": EVIL}}
    return plain_text(state)


def of_a_dead_letter() -> str:
    record = KafkaRecord(0, 0, 0, EVIL.encode(), b"")
    return line_of(ListedLetter(0, 0, DeadLetter(Refusal("invalid", EVIL), "events", record, None)))


def of_a_dry_run() -> str:
    stream = io.StringIO()
    body = ("plaudit.v1.AddMessage", {"message_id": "m", "parent_id": EVIL, "role": "user", "content": EVIL})
    record = {
        "event_id": "e", "application": "shop", "conversation_id": EVIL, "source": "import",
        "occurred_at": int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6), "body": body,
    }  # fmt: skip
    run = DryRun(stream)
    run.send_packed(run.pack(record))
    return stream.getvalue()


@pytest.mark.parametrize("told", [of_the_audit, of_a_conversation, of_a_dead_letter, of_a_dry_run])
def test_an_id_stays_on_its_line(told: Any) -> None:
    lines = told().splitlines()
    assert not any(line.startswith("everything agrees") for line in lines)
    assert all(line.isprintable() for line in lines)
    assert any("c1\\" in line for line in lines)


def test_a_note_on_a_key_stays_on_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = make_key("shop", frozenset(("producer",)), name=EVIL).key

    class Store:
        def load(self) -> dict[str, Any]:
            return {key.id: key}

    keys._list_keys(Namespace(), Store())  # type: ignore[arg-type]  # it only lists
    assert capsys.readouterr().out.endswith(f"  {SHOWN}\n")


def test_there_is_one_function_that_escapes() -> None:
    """Found are calls that write characters out; a module of its own would escape in its own way."""
    own = []
    for member in ("schemas", "producers", "consumers", "stream_processors", "infra"):
        for path in (ROOT / member).rglob("*.py"):
            words = {
                each.value
                for each in ast.walk(ast.parse(path.read_text()))
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
            if "unicode_escape" in words and path.name not in HERE:
                own.append(str(path))
    assert own == []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
