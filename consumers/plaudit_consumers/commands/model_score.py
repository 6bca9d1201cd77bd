"""`plaudit models score`: rank chat models on prompts, or score the answers of stored conversations."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from plaudit_schemas.commands import OK
from plaudit_schemas.errors import SettingsError

from plaudit_consumers.commands.dataset_options import (
    add_root,
    ended_as_by_ctrl_c,
    required_root,
    snapshot_folder,
)
from plaudit_consumers.commands.model_choice import CHOICE, CHOICE_HELP, add_model_settings, opened


def configure(actions: Any) -> None:
    """Add the action."""
    score = actions.add_parser(
        "score",
        help="rank chat models by the scores of their answers, or score stored conversations",
        description="Given files of prompts with the answers of several chat models, ranks these models by "
        "what the scoring model says of their answers (docs/ranking.md has the shapes of a record). With "
        "--output it scores every answer of a snapshot, or of the root that the sink writes to, into a "
        "Parquet file.",
    )
    score.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="a file of prompts with answers (JSON lines or a JSON array, also .gz); with --output the "
        "folder or the name of a snapshot; without one, the root",
    )
    score.add_argument("--model", required=True, metavar=CHOICE, help=CHOICE_HELP)
    score.add_argument(
        "--output", type=Path, metavar="FILE", help="score stored conversations into this Parquet file"
    )
    add_root(score)
    score.add_argument(
        "--by",
        choices=("reward", "wins"),
        default="reward",
        help="rank by the mean reward, or by the share of comparisons that a model wins; default %(default)s",
    )
    score.add_argument(
        "--shared", action="store_true", help="count only the prompts that every model has answered"
    )
    score.add_argument("--json", action="store_true", help="print one JSON object")
    add_model_settings(score)


def score_answers(arguments: Namespace) -> int:
    """Rank or score."""
    if arguments.output is not None:
        return _score_conversations(arguments)
    if arguments.root is not None:
        raise SettingsError("--root needs --output: name the Parquet file for the scores")
    if not arguments.sources:
        raise SettingsError("name a file of prompts with answers, or --output to score stored conversations")
    return _rank(arguments)


def _rank(arguments: Namespace) -> int:
    from plaudit_consumers.ranking.documents import ranking_document, ranking_lines  # noqa: PLC0415
    from plaudit_consumers.ranking.errors import RankingError  # noqa: PLC0415
    from plaudit_consumers.ranking.prompt_files import read_prompt_file  # noqa: PLC0415  # loads numpy when used
    from plaudit_consumers.ranking.scoring import score_candidates  # noqa: PLC0415
    from plaudit_consumers.ranking.standings import rank  # noqa: PLC0415

    folder = next((source for source in arguments.sources if Path(source).is_dir()), None)
    if folder is not None:
        raise SettingsError(f"{folder} is a folder; add --output to score the conversations of a snapshot")
    candidates = [one for source in arguments.sources for one in read_prompt_file(Path(source))]
    with opened(arguments.model, arguments) as model:
        answers = score_candidates(model, candidates)
        ranking = rank(answers, arguments.by, shared_only=arguments.shared)
        if not ranking.prompts:
            raise RankingError(
                "no prompt was answered by all models; leave out --shared"
                if arguments.shared
                else "the scoring model gave no number for any answer"
            )
        if arguments.json:
            about = {"name": model.name, "version": model.version, "sha256": model.sha256}
            print(json.dumps({"scored_by": about, **ranking_document(ranking)}, indent=2))
        else:
            print("\n".join(ranking_lines(ranking, f"{model.name}@{model.version}")))
    return OK


def _score_conversations(arguments: Namespace) -> int:
    from plaudit_consumers.ranking.stored_rows import conversations_of  # noqa: PLC0415  # loads DuckDB when used
    from plaudit_consumers.ranking.stored_scores import write_scores  # noqa: PLC0415

    if arguments.root is None and len(arguments.sources) > 1:
        raise SettingsError("--output takes one snapshot, or --root")
    if arguments.root is not None and arguments.sources:
        raise SettingsError("name a snapshot or --root, not both")
    snapshot = snapshot_folder(arguments.sources[0], arguments) if arguments.sources else None
    root = None if snapshot else required_root(arguments)
    with (
        ended_as_by_ctrl_c(),
        opened(arguments.model, arguments) as model,
        conversations_of(root, snapshot) as rows,
    ):
        fates = write_scores(rows, model, model.manifest.input, arguments.output)
        told = {
            "model": f"{model.name}@{model.version}",
            "scored": fates.pop("scored", 0),
            "not_scored": fates,
        }
    if arguments.json:
        print(json.dumps(told, indent=2))
        return OK
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(fates.items()))
    print(f"{arguments.output}: {told['scored']:,} answers scored by {told['model']}")
    if reasons:
        print(f"not scored: {reasons}")
    return OK
