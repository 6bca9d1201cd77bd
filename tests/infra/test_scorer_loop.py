"""The loop of the demo: when scorers are trained, and that nothing of it ends the demo."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Series, Snapshot
from plaudit_infra.demo.errands import ErrandResult, Errands
from plaudit_infra.demo.scorer_loop import LoopPlan, ScorerLoop
from plaudit_infra.demo.scorer_trainer import ScorerTrainer, describe
from plaudit_infra.demo.scoring import scores_by_version
from plaudit_infra.demo.summary import agreement_lines
from plaudit_schemas.contract.names import AGREEMENT_ACCURACY, AGREEMENT_AUC, agreement_figure
from plaudit_schemas.models.manifest import (
    GRAPH_NAME,
    Canary,
    Figures,
    HeldOutFigure,
    ModelManifest,
    TrainedOn,
)

from harness.waiting import eventually

PLAN = LoopPlan(conversations=10, growth=2, scorers=2, tries=4)


class Trainer:
    """Notes at how many conversations it was asked, and says what it is told to say."""

    def __init__(self, *outcomes: bool, prepared: bool = True) -> None:
        self.asked: list[int] = []
        self.seen = 0
        self._outcomes, self._prepared = iter(outcomes), prepared

    def prepare(self) -> bool:
        return self._prepared

    def train(self) -> bool:
        self.asked.append(self.seen)
        return next(self._outcomes)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def loop(notes: list[str]) -> Iterator[Callable[..., ScorerLoop]]:
    """Starts loops, and ends them."""
    made: list[ScorerLoop] = []

    def start(trainer: Trainer, plan: LoopPlan = PLAN) -> ScorerLoop:
        made.append(ScorerLoop(trainer, plan, notes.append, threading.Event()))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()
        assert one.finished()


def show(one: ScorerLoop, trainer: Trainer, conversations: int, tries: int) -> None:
    """Let the loop see so many conversations, and wait until it has tried so often."""
    trainer.seen = conversations
    one.see(conversations)
    eventually(lambda: len(trainer.asked) == tries, f"it has tried {tries} times")


def test_scorers_are_trained_when_there_are_rows_and_again_when_there_are_more(
    loop: Callable[..., ScorerLoop], notes: list[str]
) -> None:
    trainer = Trainer(True, True)
    one = loop(trainer)
    one.see(9)
    for conversations, tries in ((10, 1), (19, 1), (20, 2)):
        show(one, trainer, conversations, tries)
    eventually(one.finished, "two scorers are enough")
    assert trainer.asked == [10, 20]
    assert notes == []


def test_a_training_that_fails_is_tried_again_with_more_rows_but_not_for_ever(
    loop: Callable[..., ScorerLoop],
) -> None:
    trainer = Trainer(False, False, False, False)
    one = loop(trainer)
    for number, conversations in enumerate((10, 20, 40, 80), 1):
        show(one, trainer, conversations, number)
    eventually(one.finished, "four tries are enough")


def test_without_an_encoder_nothing_is_trained(loop: Callable[..., ScorerLoop]) -> None:
    trainer = Trainer(prepared=False)
    one = loop(trainer)
    one.see(1_000)
    eventually(one.finished, "nothing is to come")
    assert trainer.asked == []


def test_an_error_is_a_note_and_the_end_of_the_loop_only(
    loop: Callable[..., ScorerLoop], notes: list[str]
) -> None:
    class Broken(Trainer):
        def train(self) -> bool:
            raise OSError("no space left")

    one = loop(Broken())
    one.see(10)
    eventually(one.finished, "it has ended")
    assert notes == ["no further scorer is trained: no space left"]


def test_a_loop_that_waits_for_rows_can_be_stopped(loop: Callable[..., ScorerLoop]) -> None:
    one = loop(Trainer(True))
    one.stop()
    assert one.finished()


class Scripted(Errands):
    """Sub-commands that are not run: each ends as its script says."""

    def __init__(self, folder: Path, *broken: str) -> None:
        super().__init__(folder, {}, threading.Event())
        self.ran: list[tuple[str, ...]] = []
        self._broken = broken

    def run(self, name: str, *words: str | Path) -> ErrandResult:
        self.ran.append(tuple(map(str, words)))
        if name.startswith("build"):
            Path(words[words.index("--output") + 1]).mkdir(parents=True)
        broken = name.partition("-")[0] in self._broken
        return ErrandResult(not broken, "", "it broke" if broken else "fine")


@pytest.mark.parametrize("step", ["build", "train", "publish"])
def test_a_step_that_fails_is_told_and_the_next_ones_are_not_run(step: str, tmp_path: Path) -> None:
    errands, notes, published = Scripted(tmp_path, step), list[str](), list[None]()
    trainer = ScorerTrainer(tmp_path / "out", tmp_path, errands, notes.append, lambda: published.append(None))
    assert not trainer.train()
    assert notes[-1].endswith(": it broke")
    assert len(errands.ran) == ["build", "train", "publish"].index(step) + 1
    assert published == []
    assert not trainer.train(), "it can be tried again"
    assert str(tmp_path / "snapshot-2") in errands.ran[-1] or step == "publish"


def test_without_the_encoder_the_reason_is_told(tmp_path: Path) -> None:
    errands, notes = Scripted(tmp_path, "encoder"), list[str]()
    trainer = ScorerTrainer(tmp_path, tmp_path, errands, notes.append, lambda: None)
    assert not trainer.prepare()
    assert notes[-1] == "scorer: no scorer can be trained: it broke"


@pytest.mark.slow
def test_a_sub_commands_error_is_the_reason(tmp_path: Path) -> None:
    errands = Errands(tmp_path, {}, threading.Event())
    failed = errands.run(
        "wrong", "datasets", "build", "--root", tmp_path / "none", "--output", tmp_path / "new"
    )
    assert not failed.well
    assert failed.reason
    assert not failed.reason.startswith("plaudit:")
    assert failed.reason in failed.said
    fine = errands.run("right", "config", "--help")
    assert fine.well
    assert (tmp_path / "right.log").read_text() == fine.said


def test_a_sub_command_ends_with_the_demo(tmp_path: Path) -> None:
    stopping = threading.Event()
    errands = Errands(tmp_path, {}, stopping)
    found: list[ErrandResult] = []
    thread = threading.Thread(
        target=lambda: found.append(errands.run("long", "simulate", "--output", tmp_path / "events.jsonl"))
    )
    thread.start()
    eventually((tmp_path / "events.jsonl").exists, "it runs")
    stopping.set()
    thread.join(60)
    assert [result.well for result in found] == [False]
    assert [p.pid for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(tmp_path)] == []
    assert errands.run("later", "config") == ErrandResult(False, "", "the demo ends")


def test_a_scorer_is_described_with_its_baselines() -> None:
    manifest = ModelManifest(
        name="taste",
        version="2",
        input="exchange",
        max_tokens=64,
        output="reward",
        licence="Apache-2.0",
        files={GRAPH_NAME: "0" * 64},
        canaries=(Canary(text="a", score=0.5),),
        created_at=datetime(2026, 11, 26, tzinfo=UTC),
        created_by="tests",
        trained_on=TrainedOn(snapshot="s", subset="kto", rows=1_388, manifest_sha256="0" * 64),
        figures=Figures(
            rows=97,
            better_than_chance=True,
            accuracy=HeldOutFigure(value=0.86, low=0.8, high=0.91),
            baselines={"majority": HeldOutFigure(value=0.74, low=0.6, high=0.8)},
        ),
    )
    assert list(describe(manifest)) == [
        "taste@2, trained on 1,388 judged answers of this demo",
        "right in 86% (80%-91%) of 97 held-out answers; majority 74%",
    ]
    assert len(list(describe(manifest.model_copy(update={"figures": None})))) == 1


def test_scores_are_counted_from_the_metrics_of_the_scorer() -> None:
    metrics = """# TYPE plaudit_scorer_scores_total counter
plaudit_scorer_scores_total{model="taste",version="1"} 1204.0
plaudit_scorer_scores_total{model="taste",version="2"} 88.0
plaudit_scorer_ready 1.0
"""
    assert scores_by_version(metrics) == {"1": 1204, "2": 88}
    assert scores_by_version("") == {}


def test_agreement_is_told_of_the_longest_window_alone() -> None:
    series = Series("demo", "aurora-2", "", "", "sdk")
    accuracy = FigureId(agreement_figure(AGREEMENT_ACCURACY, "satisfaction"), "user", "taste:1")
    auc = FigureId(agreement_figure(AGREEMENT_AUC, "satisfaction"), "user", "taste:1")
    figures = {accuracy: FigureValue(0.84, 0.8, 0.88, 512), auc: FigureValue(0.9, None, None, 512)}
    snapshots = [
        Snapshot(86_400, 0, series, immature=False, figures=figures),
        Snapshot(86_400, 0, series._replace(variant="greeting=a"), immature=False, figures=figures),
        Snapshot(60, 0, series, immature=False, figures=figures),
    ]
    assert list(agreement_lines(snapshots)) == [
        "taste:1 agrees with users on 84% (80%-88%) of 512 answers of aurora-2; AUC 0.90"
    ]
