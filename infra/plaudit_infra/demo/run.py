"""Runs the demo: starts the line, sends traffic, shows it, and stops every process at the end."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from plaudit_infra.demo.chat_page import DemoChatPage
from plaudit_infra.demo.finite import NOT_BALANCED, finish
from plaudit_infra.demo.line import FINITE, LIVE, DemoLine
from plaudit_infra.demo.review import DemoReview
from plaudit_infra.demo.scorer_loop import LIVE_LOOP, ONCE_LOOP
from plaudit_infra.demo.scoring import Scoring
from plaudit_infra.demo.summary import summary
from plaudit_infra.demo.traffic import Traffic
from plaudit_infra.demo.view import DemoExtra, View, shown
from plaudit_infra.servers.signals import ignore_ending

_READY_S = 180.0


@dataclass(frozen=True, slots=True)
class Demo:
    """What to run.

    Attributes:
        traffic: what is sent. With `once` and `score` the later part comes once a scorer is there.
        seconds: how long to show it; None shows it until Ctrl-C. Not used with `once`.
        once: send the traffic, wait until all of it is on disk, audit it, and end.
        score: train a scorer of the rows, and let it score what comes afterwards.
        chat: serve the chat page. Not used with `once`.
        chat_models: the file of the models that the page offers; None is the built-in responder.
    """

    folder: Path
    traffic: Traffic
    seconds: float | None
    once: bool
    score: bool
    chat: bool = False
    chat_models: Path | None = None


def run_demo(demo: Demo, console: Console) -> int:
    """Run the demo and return the exit code. Ctrl-C in the live view is a normal end.

    Raises:
        PlauditError: a process did not start, or the traffic could not be sent.
    """
    line = DemoLine(demo.folder, FINITE if demo.once else LIVE)
    scoring = None
    try:
        connection = line.start(lambda text: console.print(f"plaudit: {text}", highlight=False))
        if demo.score:
            scoring = Scoring(line, connection, ONCE_LOOP if demo.once else LIVE_LOOP)
        extras: list[DemoExtra] = []
        if not demo.once:
            extras = [DemoReview(line, connection)]
            if demo.chat:
                extras.insert(0, DemoChatPage(line, demo.chat_models))
        with shown(line, connection, console, scoring, extras) as view:
            view.until(view.ready, _READY_S, "the line is not ready")
            for extra in extras:
                extra.start()
            if scoring is not None:
                scoring.start()
            line.start_traffic(demo.traffic.first)
            line.add_note("traffic starts")
            began = time.monotonic()
            if demo.once:
                outcome = finish(line, view, began, scoring, demo.traffic.later)
            else:
                _look(line, view, scoring, demo.seconds)
                outcome = None
        if outcome is None:
            console.print(f"the data is in {line.output}; the logs are in {line.folder}")
            return 0
        console.print(summary(outcome, line.output), markup=False, highlight=False, soft_wrap=True)
        return 1 if outcome.audit.startswith(NOT_BALANCED) else 0
    finally:
        ignore_ending()
        if scoring is not None:
            scoring.stop()
        line.stop()


def _look(line: DemoLine, view: View, scoring: Scoring | None, seconds: float | None) -> None:
    deadline = None if seconds is None else time.monotonic() + seconds
    with contextlib.suppress(KeyboardInterrupt):
        while deadline is None or time.monotonic() < deadline:
            view.refresh()
            line.keep_sending()
            if scoring is not None:
                scoring.see((view.state.rows or {}).get("conversations", 0))
