"""The demo's line: which processes run, with which settings, and in which folders."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_schemas.service.console import CONSOLE_LINK
from plaudit_schemas.settings import DATA_VARIABLE, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import ensure

from plaudit_infra.demo.scorer_trainer import SCORER
from plaudit_infra.demo.services import PlauditService
from plaudit_infra.demo.supervisor import Supervisor
from plaudit_infra.servers.errors import ServerStartError
from plaudit_infra.servers.private import make_private
from plaudit_infra.servers.process import ProcessId, ended_how, exit_code, log_tail, spawn, stop
from plaudit_infra.servers.stack import Stack

APPLICATION = "demo"
# Short intervals and sessions: viewers should see figures, files and restarts within seconds.
_WORKER = "--snapshot-interval-s 1 --sweep-interval-s 2 --worker-session-s 4"
_SETTINGS: Final = {"PLAUDIT_DASHBOARD_PROFILE": "demo"}
"""Whoever looks at the demo, such as `plaudit top`, has its limits."""
_SINK = "--sink-session-s 4 --rotate-minutes 0.2"


@dataclass(frozen=True, slots=True)
class DemoPace:
    """What differs between the live view and a finite run.

    Attributes:
        idle_s: a conversation without events ends after this time.
        rotate_rows: the number of conversations in one file.
    """

    idle_s: int
    rotate_rows: int


LIVE, FINITE = DemoPace(idle_s=30, rotate_rows=20), DemoPace(idle_s=5, rotate_rows=20)


class DemoLine:
    """Kafka, Valkey, worker, sink, gateway and console on one folder, and later more services.

    Not safe for threads, but for `add_note` and `add_scorer`.
    """

    def __init__(self, folder: Path, pace: DemoPace) -> None:
        self.folder = folder.resolve()
        self.output = self.folder / "dataset"
        self.training = self.folder / "training"
        self._pace, self._stack = pace, Stack(self.folder, settings=_SETTINGS)
        self._traffic: ProcessId | None = None
        self._sent: Sequence[str] = ()
        self._environ: Mapping[str, str] = {}
        self._services: dict[str, PlauditService] = {}
        self.supervisor: Supervisor | None = None
        self.scorer: PlauditService | None = None
        self.admin_key = ""

    def start(self, report: Callable[[str], None]) -> ConnectionSettings:
        """Start the servers, create the topics, and begin to start the rest. Returns the servers' addresses.

        Raises:
            StackError: a server did not come up, or another process uses the folder.
        """
        environ = {**self._stack.start(report), **self.review_environ}
        connection = load(ConnectionSettings, environ=environ)
        ensure(connection)
        self._environ = environ
        made = make_key(APPLICATION, frozenset(("admin",)), name="demo")
        FileKeyStore(self.keys).add(made.key)
        self.admin_key = made.secret
        self._services = self._make_services(environ, made.key.id)
        servers = (self._stack.valkey, self._stack.kafka)
        self.supervisor = Supervisor(servers, list(self._services.values()))
        self.supervisor.start()
        return connection

    def add_scorer(self) -> None:
        """Start and keep the scorer, if it does not run yet. Returns at once."""
        if self.supervisor is not None and self.scorer is None:
            words = f"scorer --model {SCORER} --scorer-web-port {{port}} --scorer-session-s 4".split()
            self.scorer = self.add_service(words)

    def add_service(self, words: Sequence[str]) -> PlauditService:
        """Start and keep one more sub-command, given with its arguments. Returns at once."""
        assert self.supervisor is not None  # noqa: S101  # the line was started
        service = PlauditService(self.folder, words[0], words, self._environ)
        self.supervisor.add(service)
        return service

    def add_note(self, text: str) -> None:
        """Add a line to the notes that the view shows. Any thread may."""
        if self.supervisor is not None:
            self.supervisor.add_note(text)

    def start_traffic(self, arguments: Sequence[str]) -> None:
        """Start the sub-command that sends the traffic. It ends by itself; its output is in traffic.log."""
        self._sent = arguments
        command = [sys.executable, "-m", "plaudit_infra.main", *arguments]
        self._traffic = spawn(command, self.traffic_log, folder=self.folder, environ=self._environ)

    @property
    def traffic_log(self) -> Path:
        """The output of the process that sends the traffic."""
        return self.folder / "traffic.log"

    def sending(self) -> bool:
        """Whether traffic is still being sent."""
        return self._traffic is not None and self._traffic.find() is not None

    def restart_traffic(self) -> str | None:
        """Start the traffic again if it was killed.

        Returns how it ended, or None if nothing killed it. Events of a file take their ids from the file, so
        events that are sent again change nothing.
        """
        if self._traffic is None or (exit_code(self._traffic) or 0) >= 0:
            return None
        how = ended_how(self._traffic)
        self.start_traffic(self._sent)
        return how

    def keep_sending(self) -> bool:
        """Whether traffic is still being sent. Starts a sender that was killed again, and notes that.

        Raises:
            ServerStartError: the sender failed by itself.
        """
        if self.sending():
            return True
        how = self.restart_traffic()
        if how is not None:
            self.add_note(f"traffic {how}; starting it again")
        elif not self.sent_well():
            raise ServerStartError(f"the traffic could not be sent: {log_tail(self.traffic_log)}")
        return how is not None

    def stop_sending(self) -> None:
        """End the traffic."""
        if self._traffic is not None:
            stop(self._traffic, timeout_s=5)
            self._traffic = None

    def stop(self) -> None:
        """Stop every process."""
        self.stop_sending()
        if self.supervisor is not None:
            self.supervisor.stop()
        self._stack.stop()

    def sent_well(self) -> bool:
        """Whether the traffic ended by itself, with everything sent."""
        return self._traffic is None or exit_code(self._traffic) == 0

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a further sub-command on this line."""
        return {**os.environ, **self._environ}

    @property
    def review_environ(self) -> dict[str, str]:
        """The salt of the demo's random shares, which is made once in its folder."""
        if not self.salt.exists():
            make_private(self.folder)
            self.salt.touch(mode=0o600)
            self.salt.write_text(secrets.token_hex(16), encoding="utf-8")
        return {"PLAUDIT_REVIEW_SALT": self.salt.read_text(encoding="utf-8")}

    @property
    def salt(self) -> Path:
        """The file with the salt."""
        return self.folder / "review-salt"

    @property
    def console(self) -> str:
        """A link that signs in to the console once; its address as long as there is none."""
        link = self.folder / CONSOLE_LINK
        if link.is_file():
            return link.read_text(encoding="utf-8").strip()
        return self._services["console"].address if self._services["console"].ports else "-"

    def _make_services(self, environ: Mapping[str, str], key_id: str) -> dict[str, PlauditService]:
        lines = {
            "worker": f"--web-port {{port}} {_WORKER} --idle-timeout-s {self._pace.idle_s}",
            "sink": f"--sink-web-port {{port}} {_SINK} --rotate-rows {self._pace.rotate_rows}",
            "gateway": "--gateway-port {port}",
            "console": f"--link {key_id} --console-port {{port}}",
        }
        keys = ["--gateway-keys", str(self.keys)]
        folders = {"sink": ["--output", str(self.output)], "gateway": keys, "console": keys}
        given = {**environ, DATA_VARIABLE: str(self.folder)}  # the console leaves its link there
        return {
            name: PlauditService(self.folder, name, [name, *line.split(), *folders.get(name, [])], given)
            for name, line in lines.items()
        }

    @property
    def keys(self) -> Path:
        """The gateway's file of API keys."""
        return self.folder / "gateway-keys.json"
