"""Runs a `plaudit` command in this process, on a line's servers."""

import contextlib
import io
from collections.abc import Mapping

import pytest
from plaudit_infra.main import main

from tests.support.line import Line


def environ_of(line: Line) -> Mapping[str, str]:
    """The variables that lead a command to a line."""
    return {
        "PLAUDIT_BOOTSTRAP_SERVERS": line.kafka,
        "PLAUDIT_REDIS_URL": line.redis,
        "PLAUDIT_TOPIC_PREFIX": line.connection.topic_prefix,
        "PLAUDIT_REDIS_PREFIX": line.connection.redis_prefix,
    }


def run_command(line: Line, *words: str) -> tuple[int, str]:
    """Run a command. Returns its exit code, and all that it printed."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ_of(line).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(list(words))
    return code, printed.getvalue()
