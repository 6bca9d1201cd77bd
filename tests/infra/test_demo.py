"""`plaudit demo` as a newcomer runs it: real processes, real input, nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import psutil
import pytest
from plaudit_infra.commands.demo import DEFAULT_FOLDER
from plaudit_infra.demo import run as demo_run
from plaudit_infra.demo.run import Demo
from plaudit_infra.main import main
from plaudit_infra.servers.signals import taken_as_ctrl_c

from harness.waiting import eventually
from tests.support.file_modes import open_to_others
from tests.support.services import shared_data, unavailable

SERVICES = ("valkey", "kafka", "worker", "sink", "gateway", "chat")
STEADY_S = 60  # until the model gets worse
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def demo(tmp_path: Path, kafka_files: None) -> Iterator[Start]:
    """Starts demos; whatever a test does, no process may be left in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        with (tmp_path / "demo.out").open("a") as out:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "plaudit_infra.main", "demo", *arguments],
                    cwd=tmp_path,
                    env={**os.environ, "COLUMNS": "160", "PYTHONFAULTHANDLER": "1"},
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    eventually(lambda: running(tmp_path) == [], "no process is left")


def running(folder: Path) -> list[str]:
    """Command lines of what runs in or on a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [process.info["cwd"] or "", *(process.info["cmdline"] or [])]
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def said(folder: Path) -> str:
    return (folder / "demo.out").read_text()


def _services(folder: Path) -> dict[str, int]:
    """Name -> pid of each service of the demo's folder."""
    found = {}
    for name in SERVICES:
        text = (folder / DEFAULT_FOLDER / name / f"{name}.json").read_text()
        pid = re.search(r'"pid": (\d+)', text)
        if pid is not None:
            found[name] = int(pid[1])
    return found


def _seconds(time_of_day: str) -> int:
    hours, minutes, seconds = map(int, time_of_day.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def _traffic(demo: "subprocess.Popen[str]") -> list[psutil.Process]:
    children = psutil.Process(demo.pid).children()
    return [child for child in children if "simulate" in child.cmdline()]


def _kill_the_traffic(demo: "subprocess.Popen[str]") -> None:
    (traffic,) = _traffic(demo)
    traffic.kill()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_once_goes_from_real_chats_to_audited_rows(demo: Start, tmp_path: Path) -> None:
    chats = shared_data("topical_chat/test_freq.json")
    process = demo("--once", "--replay", str(chats), "--format", "topical-chat")
    assert process.wait(300) == 0, said(tmp_path)
    text = said(tmp_path)
    assert re.search(r"rows on disk +539 conversations", text)
    assert re.search(r"first Parquet row after +\d+\.\d s", text)
    assert re.search(r"processes started again +0", text)
    assert re.search(r"audit +balanced", text)
    assert running(tmp_path) == []
    lines = re.findall(r"^    ((?:from|rows|print).*)$", text, re.MULTILINE)
    assert len(lines) == 3
    _opens(lines, tmp_path)
    assert open_to_others(tmp_path / DEFAULT_FOLDER) == []


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.timeout(1800)
def test_a_scorer_is_trained_on_the_first_half_and_scores_the_second(demo: Start, tmp_path: Path) -> None:
    process = demo("--once", "--score")
    assert process.wait(1500) == 0, said(tmp_path)
    text = said(tmp_path)
    if "no scorer can be trained" in text:
        unavailable(f"the encoder's files: {text[-500:]}")
    assert re.search(r"audit +balanced", text)
    assert re.search(r"scorer +taste@1, trained on \d+ judged answers", text)
    # The view is printed while scores come in; the last figure is the summary's.
    counts = re.findall(r"scores +([\d,]+) by taste@1", text)
    assert counts, text
    assert int(counts[-1].replace(",", "")) > 500, text
    assert re.search(r"taste:1 agrees with users on \d+% .* of \d+ answers of aurora-2", text), text


def _opens(lines: Sequence[str], folder: Path) -> None:
    """The three lines that it prints open the data."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "messages" in done.stdout


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_the_alert_fires_when_the_model_gets_worse_and_not_before(demo: Start, tmp_path: Path) -> None:
    process = demo("--seconds", "130")
    eventually(lambda: "aurora-2" in said(tmp_path), "figures are shown")
    assert process.wait(300) == 0, said(tmp_path)
    screens = said(tmp_path).split("Plaudit demo")
    alerted = [screen for screen in screens if "Satisfaction of aurora-2 fell" in screen]
    assert alerted, said(tmp_path)
    began = re.search(r"(\d\d:\d\d:\d\d) traffic starts", said(tmp_path))
    assert began is not None
    well_s = (_seconds(alerted[0][1:9]) - _seconds(began[1])) % 86_400
    assert well_s >= STEADY_S - 1, "there was none while the model was well"
    fired = set(re.findall(r"^│ (Plaudit\w+: .*?) *│$", said(tmp_path), re.MULTILINE))
    assert {alert for alert in fired if "aurora-2" not in alert} == set(), "the others are well"
    assert "conversations rows" in screens[-1]


def _signs_in(link: str) -> tuple[bool, bool]:
    """Whether the link opens Review, which is for who has a key; and whether it does so again."""
    found = []
    for _ in range(2):
        with httpx.Client(follow_redirects=True, timeout=60) as browser:
            browser.get(link)
            page = browser.get(link.partition("/sign-in")[0] + "/review", headers={"accept": "text/html"})
            found.append(page.status_code == 200 and page.url.path == "/review")
    return found[0], found[1]


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_whatever_is_killed_is_started_again_and_told_and_ctrl_c_ends_all(
    demo: Start, tmp_path: Path
) -> None:
    process = demo("--seconds", "600")
    eventually(lambda: process.poll() is not None or "gateway is ready" in said(tmp_path), "it runs")
    eventually(lambda: "sink is ready" in said(tmp_path) and "worker is ready" in said(tmp_path), "all run")
    eventually(lambda: "aurora-2" in said(tmp_path), "traffic flows")
    eventually(lambda: re.search(r"chat +http://127.0.0.1:\d+", said(tmp_path)) is not None, "one can chat")
    (link,) = set(
        re.findall(r"^console +(http://127.0.0.1:\d+/sign-in/link\?token=\S+)", said(tmp_path), re.MULTILINE)
    )
    assert _signs_in(link) == (True, False)
    for name in SERVICES:
        os.kill(_services(tmp_path)[name], signal.SIGKILL)
        eventually(
            lambda name=name: f"{name} was killed (signal 9)" in said(tmp_path),  # type: ignore[misc]
            f"the end of {name} is told",
        )
        eventually(lambda: set(_services(tmp_path)) == set(SERVICES), f"{name} runs again")
    _kill_the_traffic(process)
    eventually(lambda: "traffic was killed (signal 9)" in said(tmp_path), "the traffic's end is told")
    eventually(lambda: bool(_traffic(process)), "traffic flows again")
    eventually(lambda: "started again" in said(tmp_path).rpartition("Plaudit demo")[2], "the view says so")
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 0, said(tmp_path)
    assert running(tmp_path) == []
    again = demo("--data", str(DEFAULT_FOLDER), "--once", "--limit", "20")
    assert again.wait(300) == 0, said(tmp_path)
    assert re.search(r"audit +balanced", said(tmp_path)), "what was killed and stopped is whole"


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.parametrize("after", ["starting", "Plaudit demo", "gateway is ready"])
def test_ctrl_c_at_any_moment_leaves_nothing(demo: Start, tmp_path: Path, after: str) -> None:
    process = demo("--seconds", "600")
    eventually(lambda: after in said(tmp_path), after)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # a second one comes from an impatient person, whatever the first did
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    assert process.wait(120) in (0, 130), said(tmp_path)
    assert "Traceback" not in said(tmp_path)
    assert running(tmp_path) == []


def test_what_no_demo_made_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    precious = DEFAULT_FOLDER / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert main(["demo", "--seconds", "1"]) == 1
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers
    assert "not a demo's folder" in capsys.readouterr().err
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["terminated", "hung up"])
@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN], ids=["default before", "ignored before"])
def test_a_signal_is_taken_as_ctrl_c_and_then_as_before(
    number: signal.Signals, before: signal.Handlers
) -> None:
    outside = signal.signal(number, before)
    try:
        with pytest.raises(KeyboardInterrupt), taken_as_ctrl_c():
            signal.raise_signal(number)
        assert signal.getsignal(number) is before
    finally:
        signal.signal(number, outside)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "trl"], "--replay"),
        (["--score", "--replay", "x.json"], "--once"),
        (["--once", "--chat"], "nobody could chat"),
        (["--no-chat", "--chat-models", "x.yaml"], "--no-chat"),
    ],
    ids=[
        "a format without its file",
        "scores of a file that is shown live",
        "a page that ends at once",
        "models without a page",
    ],
)
def test_arguments_that_do_not_go_together_are_told(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--format", "trl"]], ids=["recognised", "named"])
def test_the_format_of_a_file_may_be_left_out(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Demo] = []

    def keep(demo: Demo, _: object) -> int:
        asked.append(demo)
        return 0

    monkeypatch.setattr(demo_run, "run_demo", keep)
    assert main(["demo", "--data", str(tmp_path), "--replay", "x.json", *words]) == 0
    sent = asked[0].traffic.first
    assert "replay" in sent
    assert [word for word in sent if word in {"--format", "trl"}] == words
    assert not asked[0].score, "a file is scored only if that is asked for"
