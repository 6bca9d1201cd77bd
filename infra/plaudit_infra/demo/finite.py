"""A finite demo: send everything, wait until all of it is on disk, and audit it."""

import subprocess
import sys
import time

from plaudit_infra.demo.line import DemoLine
from plaudit_infra.demo.scoring import Scoring
from plaudit_infra.demo.summary import DemoOutcome, agreement_lines
from plaudit_infra.demo.traffic import Words
from plaudit_infra.demo.view import View
from plaudit_infra.servers.errors import ServerStartError

_FINISH_S, _SOME_S = 600.0, 120.0
NOT_BALANCED = "NOT balanced"


def finish(
    line: DemoLine, view: View, began: float, scoring: Scoring | None, later: Words | None
) -> DemoOutcome:
    """Wait until all is sent, folded and on disk, and audit it.

    Args:
        began: when the traffic began (`time.monotonic`).
        scoring: trains a scorer of what was sent, which scores the `later` traffic.

    Raises:
        ServerStartError: the traffic could not be sent, or something takes too long.
    """
    view.until(lambda: not line.keep_sending(), _FINISH_S, "the traffic was not sent")
    if scoring is not None and later is not None:
        _score_later(line, view, scoring, later)
    view.until(view.progress.folded, _FINISH_S, "not everything was folded")
    view.until(lambda: view.progress.open_conversations() == 0, _FINISH_S, "conversations stayed open")
    # Once more: idle conversations were ended by new events.
    view.until(view.progress.folded, _FINISH_S, "not everything was folded")
    folded = time.monotonic() - began
    supervisor = line.supervisor
    assert supervisor is not None  # noqa: S101  # the line was started
    # This sink writes what it has read and stops. The next one reads to the end of the topic.
    supervisor.retire("sink")
    view.until(lambda: supervisor.gone("sink"), _FINISH_S, "the sink did not stop")
    _write_the_rest(line)
    on_disk = time.monotonic() - began
    view.refresh()
    first = view.progress.first_row_at
    return DemoOutcome(
        events=view.state.events or 0,
        rows=view.progress.rows(),
        first_row_s=None if first is None else first - began,
        folded_s=folded,
        on_disk_s=on_disk,
        audit=_audit(line),
        restarts=supervisor.restarts(),
        scoring=_scoring_lines(view, scoring),
    )


def _score_later(line: DemoLine, view: View, scoring: Scoring, later: Words) -> None:
    """Train a scorer of what was sent, and send the later traffic, which it scores.

    Without a scorer, whatever the reason, the later traffic is sent all the same.
    """
    view.until(view.progress.folded, _FINISH_S, "not everything was folded")
    view.until(lambda: view.progress.open_conversations() == 0, _FINISH_S, "conversations stayed open")
    if not view.wait(view.progress.written, _SOME_S):
        line.add_note("scorer: not all rows are on disk yet; it is trained on those that are")
    scoring.see(view.progress.rows().get("conversations", 0))
    if not view.wait(scoring.finished, _FINISH_S):
        line.add_note(f"scorer: it is not there after {_FINISH_S:.0f} s; going on without it")
    elif scoring.published() and not view.wait(scoring.scores, _SOME_S):
        line.add_note(f"scorer: its process is not ready after {_SOME_S:.0f} s; it starts later")
    line.start_traffic(later)
    line.add_note("the second half of the traffic starts")
    view.until(lambda: not line.keep_sending(), _FINISH_S, "the traffic was not sent")
    if scoring.published() and not view.wait(scoring.caught_up, _FINISH_S):
        line.add_note(f"scorer: it has not caught up after {_FINISH_S:.0f} s")


def _scoring_lines(view: View, scoring: Scoring | None) -> tuple[str, ...]:
    if scoring is None:
        return ()
    return (*scoring.lines(), *(f"           {line}" for line in agreement_lines(view.state.snapshots)))


def _plaudit(line: DemoLine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "plaudit_infra.main", *arguments]
    return subprocess.run(command, env=line.environ, capture_output=True, text=True, check=False)


def _write_the_rest(line: DemoLine) -> None:
    done = _plaudit(line, "sink", "--once", "--without-web", "--output", str(line.output))
    if done.returncode:
        raise ServerStartError(f"the sink could not write the rest: {done.stderr.strip()[-500:]}")


def _audit(line: DemoLine) -> str:
    # Nobody keeps the queues here; an earlier live demo in the same folder may have published a rubric.
    options = ("--wait", "30", "--without-reviews", "--output", str(line.output))
    done = _plaudit(line, "audit", *options)
    if done.returncode == 0:
        return "balanced: every event is folded and on disk, or refused with a reason"
    return f"{NOT_BALANCED}: {(done.stdout + done.stderr).strip()}"
