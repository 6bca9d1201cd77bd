"""Processes under test that follow a line's workers, such as scorers."""

import signal
import subprocess
import sys
from dataclasses import dataclass, field

from plaudit_schemas.kafka.lag import LagReader

from harness.environ import environ_with
from harness.waiting import eventually
from tests.support.line import Line


@dataclass
class FollowerProcesses:
    """Processes of one command that share a group.

    Attributes:
        settings: of every process, by name.
    """

    line: Line
    settings: dict[str, str] = field(default_factory=dict)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    command: str = ""

    def usual(self) -> dict[str, str]:
        """The settings that all have; those of a process override them."""
        connection = self.line.connection
        prefix = self.command.replace("-", "_")
        return {
            "bootstrap_servers": connection.bootstrap_servers,
            "redis_url": self.line.redis,
            "topic_prefix": connection.topic_prefix,
            "redis_prefix": connection.redis_prefix,
            f"{prefix}_web_port": "0",
            f"{prefix}_session_s": "4",
            f"{prefix}_look_s": "0.5",
        }

    def start(self, **settings: str) -> "subprocess.Popen[bytes]":
        """Start a process. Its log is in the folder."""
        given = {**self.usual(), **self.settings, **settings}
        with (self.line.folder / f"{self.command}{len(self.running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "plaudit_infra.main", self.command]
            self.running.append(subprocess.Popen(command, env=environ_with(**given), stdout=log, stderr=log))
        return self.running[-1]

    def logs(self) -> str:
        """The last lines of the processes' logs."""
        paths = sorted(self.line.folder.glob(f"{self.command}*.log"))
        return "\n".join(f"{path.name}: {path.read_text()[-2500:]}" for path in paths)

    def address(self, number: int = -1) -> str:
        """The address of health and metrics of a process."""
        log = self.line.folder / f"{self.command}{range(len(self.running))[number]}.log"
        eventually(lambda: "health and metrics on" in log.read_text(), "it serves its health")
        return next(word for word in log.read_text().split() if word.startswith("http://"))

    def port(self, number: int = -1) -> int:
        """The port of health and metrics of a process."""
        return int(self.address(number).rstrip("/").rpartition(":")[2])

    def wait_handled(self, group: str) -> None:
        """Wait until the group has handled every record of the log."""
        reader = LagReader(self.line.connection, group)

        def done() -> bool:
            lag = reader.read()
            return lag is not None and lag.waiting == 0 and lag.events > 0

        try:
            eventually(done, "every record is handled", 180)
        except BaseException:
            print(self.logs(), self.line.logs())
            raise
        finally:
            reader.close()

    def stop(self) -> None:
        """Kill the processes that still run."""
        for one in self.running:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)  # a test may have paused it
                one.kill()
            one.wait(60)
