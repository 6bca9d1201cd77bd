"""What a process says on its port of health and metrics."""

import json
import urllib.error
import urllib.request
from typing import Any

from harness.waiting import eventually


def asked(port: int, path: str) -> tuple[int, Any]:
    """The status and the JSON of an answer; 0 and None if there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def wait_ready(port: int) -> None:
    """Wait until a process is ready."""
    eventually(lambda: asked(port, "/health/ready")[0] == 200, "it is ready")


def wait_unready(port: int, reason: str) -> None:
    """Wait until a process is not ready for this reason, or one that has these words."""

    def is_unready() -> bool:
        status, answer = asked(port, "/health/ready")
        return status == 503 and reason in answer["reason"]

    eventually(is_unready, f"it is not ready: {reason}")


def metrics(port: int, name: str) -> list[str]:
    """The lines of one metric, without its help."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return [line for line in lines if line.startswith(name)]
