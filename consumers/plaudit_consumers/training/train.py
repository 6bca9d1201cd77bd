"""Trains a scorer on a snapshot."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from plaudit_schemas.models.manifest import ModelManifest

from plaudit_consumers.datasets.aside import aside_of
from plaudit_consumers.datasets.content import snapshot_id
from plaudit_consumers.datasets.manifest import Manifest, read_manifest
from plaudit_consumers.training.card import CardFacts
from plaudit_consumers.training.checks import check_aspect, check_held_out, check_learning, check_subset
from plaudit_consumers.training.compose import composed
from plaudit_consumers.training.encoders.encoder import TextEncoder
from plaudit_consumers.training.errors import TrainingError
from plaudit_consumers.training.examples import (
    HELD_OUT_SPLIT,
    LEARNING_SPLITS,
    Examples,
    JudgedSubset,
    TrainedInput,
    read_examples,
)
from plaudit_consumers.training.judged_turns import aspect_of_scores
from plaudit_consumers.training.judging import judge
from plaudit_consumers.training.learning import Learned, learn
from plaudit_consumers.training.learning_curve import Embedded
from plaudit_consumers.training.model_folder import check_served, graph_bytes, version_of, write_folder
from plaudit_consumers.training.report import TrainingReport

MADE_BY: Final = "plaudit train scorer"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is to be trained.

    Attributes:
        snapshot: its folder.
        output: the folder of the model; must not exist.
        version: None for one that follows from the snapshot, the options and the graph.
        aspect: only rows about it count. None for all rows; the scores are then about the aspect of most.
        licence: None for that of the encoder.
        shuffle_labels: deal the labels by chance. The scorer must then come out as no better than chance.
    """

    snapshot: Path
    subset: JudgedSubset
    output: Path
    name: str
    version: str | None = None
    aspect: str | None = None
    input: TrainedInput = "exchange"
    licence: str | None = None
    seed: int = 0
    shuffle_labels: bool = False


@dataclass(frozen=True, slots=True)
class TrainedScorer:
    """A scorer's manifest, and what is said of it.

    Attributes:
        notes: what a person should know of the rows.
    """

    manifest: ModelManifest
    report: TrainingReport
    notes: tuple[str, ...]


def train_scorer(plan: TrainingPlan, open_encoder: Callable[[], TextEncoder]) -> TrainedScorer:
    """Train a scorer and write its folder. The same snapshot, options and encoder give the same bytes.

    Args:
        open_encoder: is called once the rows suffice, because the first time it may fetch and build.

    Raises:
        TrainingError: the snapshot lacks the rows, the output exists, or the encoder gives no numbers.
        DatasetError: the folder is no snapshot, or the output cannot be written.
        ModelError: the folder that was made cannot be used as a model.
    """
    if os.path.lexists(plan.output):
        raise TrainingError(f"{plan.output} exists; a model is never overwritten: name another folder")
    manifest = read_manifest(plan.snapshot)
    check_subset(manifest, plan.subset)
    learning, held_out = _examples(plan, manifest)
    with aside_of(plan.output, "model") as folder:
        encoder = open_encoder()
        known, unseen = _embedded(learning, encoder), _embedded(held_out, encoder)
        learned = learn(learning, known.vectors, plan.seed)
        report = judge(plan.subset, known, unseen, learned, plan.seed, shuffled=plan.shuffle_labels)
        graph = composed(encoder.graph(), learned.head)
        facts = _facts(plan, manifest, encoder, learning, graph_bytes(graph))
        fields = _fields(plan, facts, encoder, learned, report)
        sealed = write_folder(folder, fields, graph, encoder, facts, report)
        texts = [each.text for each in held_out.inputs]
        check_served(folder, texts, learned.head.rewards(unseen.vectors), sealed)
    return TrainedScorer(sealed, report, tuple(_notes(plan, manifest, learning)))


def _examples(plan: TrainingPlan, manifest: Manifest) -> tuple[Examples, Examples]:
    learning = read_examples(plan.snapshot, manifest, plan.subset, LEARNING_SPLITS, plan.input, plan.aspect)
    check_aspect(learning, plan.aspect)
    check_learning(learning)
    held_out = read_examples(plan.snapshot, manifest, plan.subset, (HELD_OUT_SPLIT,), plan.input, plan.aspect)
    check_held_out(held_out)
    if plan.shuffle_labels:
        # Those to judge by too: a head of chance may agree with true labels by more than chance.
        return learning.shuffled(plan.seed), held_out.shuffled(plan.seed + 1)
    return learning, held_out


def _embedded(examples: Examples, encoder: TextEncoder) -> Embedded:
    vectors = encoder.embed([each.text for each in examples.inputs])
    wrong = int(np.sum(~np.isfinite(vectors).all(axis=1)))
    if wrong:
        raise TrainingError(
            f"the encoder {encoder.manifest.name} gives no numbers for {wrong:,} of {len(vectors):,} texts; "
            "build it in fp32, or take another"
        )
    return Embedded(examples, vectors)


def _facts(
    plan: TrainingPlan, manifest: Manifest, encoder: TextEncoder, learning: Examples, graph: bytes
) -> CardFacts:
    of_encoder, as_of = encoder.manifest, manifest.as_of or ""
    options: dict[str, Any] = {
        "subset": plan.subset,
        "input": plan.input,
        "aspect": plan.aspect,
        "seed": plan.seed,
        "shuffle_labels": plan.shuffle_labels,
    }
    return CardFacts(
        name=plan.name,
        version=plan.version or version_of(as_of, snapshot_id(plan.snapshot), options, graph),
        input=plan.input,
        aspect=aspect_of_scores(plan.aspect or most_frequent(learning)),
        encoder=f"{of_encoder.name} {of_encoder.version}",
        languages=of_encoder.languages,
        licence=plan.licence or of_encoder.licence or "not stated",
        snapshot=plan.snapshot.resolve().name,
        as_of=as_of,
        labels=(
            "dealt by chance (--shuffle-labels): this scorer is a check, and of no use"
            if plan.shuffle_labels
            else "of " + ", ".join(sorted(kind.strip() for kind in _raters(manifest).split(",")))
        ),
    )


def _fields(
    plan: TrainingPlan, facts: CardFacts, encoder: TextEncoder, learned: Learned, report: TrainingReport
) -> dict[str, Any]:
    return {
        "name": facts.name,
        "version": facts.version,
        "input": plan.input,
        "max_tokens": encoder.manifest.max_tokens,
        "cut": "left",
        "output": "reward",
        "calibration": learned.calibration.model_dump(),
        "aspect": facts.aspect,
        "languages": list(facts.languages),
        "licence": facts.licence,
        "encoder": facts.encoder,
        "trained_on": {
            "snapshot": facts.snapshot,
            "subset": plan.subset,
            "rows": report.learning_rows,
            "manifest_sha256": snapshot_id(plan.snapshot),
        },
        "figures": report.manifest_figures().model_dump(),
        # Not the time of the training: the same rows and options give the same bytes.
        "created_at": facts.as_of,
        "created_by": MADE_BY,
    }


def most_frequent(examples: Examples) -> str:
    """The aspect of most rows; of several the first by name."""
    return min(examples.aspects, key=lambda aspect: (-examples.aspects[aspect], aspect))


def _notes(plan: TrainingPlan, manifest: Manifest, learning: Examples) -> Iterator[str]:
    if "model" in _raters(manifest):
        yield (
            "the snapshot takes what models say for labels (its rule training_raters), so the scorer learned "
            "from scores too"
        )
    if plan.aspect is None and len(learning.aspects) > 1:
        counts = ", ".join(f"{aspect} {rows}" for aspect, rows in learning.aspects.most_common())
        yield (
            f"the rows are about several aspects ({counts}), and the scores count as "
            f"{aspect_of_scores(most_frequent(learning))}; --aspect takes the rows of one"
        )


def _raters(manifest: Manifest) -> str:
    return str(manifest.rules.get("training_raters", "user,reviewer"))
