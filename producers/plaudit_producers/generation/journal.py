"""The report of a run, by which a later run goes on: one JSON document a line.

An answer is written before it is sent, with all that is sent, and marked once Kafka has it. So whatever is
killed in between, no answer is asked for twice, and none is lost.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self, TextIO

from plaudit_producers.generation.errors import GenerationError

_VERSION: Final = 1
_BEGINS: Final = b'{"version": '


class GenerationJournal:
    """What earlier runs and this one have done. One process at a time may have it open.

    Attributes:
        answers: (conversation id, slot) -> its newest line.
        sent: ids of conversations (their prompts) and of the events of answers that Kafka has.
    """

    def __init__(self, path: Path, plan: Mapping[str, str]) -> None:
        """`plan`: what must be the same in every run with this file.

        Raises:
            GenerationError: the file is no report of this plan, or in use, or cannot be read or written.
        """
        self.path = path
        self.answers: dict[tuple[str, str], dict[str, Any]] = {}
        self.sent: set[str] = set()
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise GenerationError(f"the report {path} cannot be written: {error.strerror}") from None
        self._file: TextIO = os.fdopen(descriptor, "a+", encoding="utf-8")
        try:
            self._lock()
            self._read(dict(plan))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def attempts(self, conversation_id: str, slot: str) -> int:
        """How many times an answer was given, in whatever way it ended."""
        line = self.answers.get((conversation_id, slot))
        return 0 if line is None else int(line["attempt"]) + 1

    def add_answer(self, line: dict[str, Any]) -> None:
        """Note an answer before it is sent. It is on the disk once this returns."""
        self.answers[line["conversation_id"], line["slot"]] = line
        self._write(line)
        os.fsync(self._file.fileno())

    def add_sent(self, *ids: str) -> None:
        """Note that Kafka has these."""
        self.sent.update(ids)
        self._write({"sent": list(ids)})

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GenerationError(f"another run writes the report {self.path}; wait for its end") from None

    def _read(self, plan: dict[str, str]) -> None:
        self._file.seek(0)
        content = self._file.buffer.read()  # bytes: half a line may end within a character
        whole, _, half = content.rpartition(b"\n")
        if not whole and (_BEGINS.startswith(half) or half.startswith(_BEGINS)):
            os.ftruncate(self._file.fileno(), 0)
            self._write({"version": _VERSION, "plan": plan})
            return
        try:
            documents = [json.loads(line) for line in whole.split(b"\n")]
            first = documents[0]
            if first["version"] != _VERSION:
                raise GenerationError(f"{self.path} is of another version of plaudit; name another --report")
            known = first["plan"]
            for document in documents[1:]:
                self._take(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise GenerationError(
                f"{self.path} is no report of `plaudit generate`; name another --report"
            ) from None
        for name, value in plan.items():
            if known.get(name) != value:
                raise GenerationError(
                    f"{self.path} is the report of a run with {name} {known.get(name)}, not {value}; "
                    "name another --report"
                )
        if half:  # of a killed run; what it says was not sent yet
            os.ftruncate(self._file.fileno(), len(content) - len(half))

    def _take(self, document: dict[str, Any]) -> None:
        if "sent" in document:
            self.sent.update(document["sent"])
        elif "slot" in document:
            self.answers[document["conversation_id"], document["slot"]] = document

    def _write(self, document: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(document, ensure_ascii=False) + "\n")
        self._file.flush()
