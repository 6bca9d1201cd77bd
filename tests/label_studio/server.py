"""A Label Studio under test: the process, and its API as far as a test needs it."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from harness.waiting import eventually
from tests.label_studio.environment import command

TOKEN = "0123456789abcdef" * 2 + "01234567"  # of a server that ends with the test
MIGRATIONS_S = 300.0
Result = dict[str, Any]


@dataclass
class LabelStudio:
    """A server on a free port of the loopback, with its data in a folder."""

    folder: Path
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    client: httpx.Client = field(default_factory=httpx.Client)

    def start(self) -> None:
        """Start it and wait until it answers, which takes most of a minute: it makes its database."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        settings = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder),
            "DJANGO_DB": "sqlite",
            "LABEL_STUDIO_USERNAME": "lead@example.org",
            "LABEL_STUDIO_PASSWORD": "not-a-secret-1",
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "COLLECT_ANALYTICS": "false",
            "SSRF_PROTECTION_ENABLED": "false",  # else it calls no address of this machine
        }
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        where = ["--port", str(port), "--host", self.url, "--internal-host", "127.0.0.1"]
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command(), "start", "--no-browser", *where],
                env=inherited | settings, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": f"Token {TOKEN}"}, timeout=60)
        eventually(self._is_ready, "Label Studio answers", MIGRATIONS_S)

    def stop(self) -> None:
        """End the process and all that it started."""
        self.client.close()
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(120)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log_path.read_text()[-3000:]
        try:
            return self.client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def _log_path(self) -> Path:
        return self.folder / "label-studio.log"

    def project(self, title: str, config: str, tasks: list[dict[str, Any]]) -> tuple[int, list[int]]:
        """Make a project with tasks. Returns its id and theirs, in their order."""
        made = self.call("POST", "/api/projects", {"title": title, "label_config": config})
        path = f"/api/projects/{made['id']}/import?return_task_ids=true"
        return made["id"], self.call("POST", path, tasks)["task_ids"]

    def send_webhooks(self, project: int, url: str, key: str) -> None:
        """Let it post changes of annotations to a gateway."""
        actions = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]
        webhook = {
            "project": project, "url": url, "headers": {"Authorization": f"Bearer {key}"},
            "send_payload": True, "send_for_all_actions": False, "actions": actions,
        }  # fmt: skip
        self.call("POST", "/api/webhooks/", webhook)

    def annotate(self, task: int, *results: Result, **fields: Any) -> int:
        """Annotate a task. Returns the annotation's id."""
        made = self.call("POST", f"/api/tasks/{task}/annotations/", {"result": list(results), **fields})
        return int(made["id"])

    def change(self, annotation: int, *results: Result, **fields: Any) -> None:
        """Replace what an annotation says."""
        self.call("PATCH", f"/api/annotations/{annotation}/", {"result": list(results), **fields})

    def delete(self, annotation: int) -> None:
        self.call("DELETE", f"/api/annotations/{annotation}/")

    def export(self, project: int, form: str = "JSON") -> bytes:
        """The export of a project, as a file."""
        path = f"/api/projects/{project}/export?exportType={form}&download_all_tasks=true"
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.content

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API. Returns what it answers."""
        answer = self.client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer.json() if answer.content else None
