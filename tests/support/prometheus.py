"""A real Prometheus server, and its tools."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from plaudit_infra.servers.process import is_listening
from plaudit_infra.servers.server import Server

from tests.support.services import unavailable


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`. Skips the test, or fails it under CI, if it is missing."""
    found = shutil.which(name)
    if found is None:
        unavailable(f"{name} (Debian's package prometheus)")
    return found


class PrometheusServer(Server):
    """Scrapes targets (job -> host:port) every second and evaluates a rule file."""

    name = "prometheus"

    def __init__(self, folder: Path, targets: Mapping[str, str], rules: Path) -> None:
        super().__init__(folder)
        self._targets, self._rules = targets, rules

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    def answers(self) -> bool:
        if not is_listening(self.ports["web"]):
            return False
        try:
            return httpx.get(f"{self.address}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query: `metric` (labels) and `value`.

        Raises:
            httpx.HTTPStatusError: Prometheus refuses the expression.
        """
        answer = httpx.get(f"{self.address}/api/v1/query", params={"query": expression}, timeout=30)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result

    def _port_names(self) -> Sequence[str]:
        return ("web",)

    def _command(self) -> list[str | Path]:
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._rules)],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]}
                for job, target in self._targets.items()
            ],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return [
            program("prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{self.ports['web']}",
        ]
