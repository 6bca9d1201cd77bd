"""Chooses a revision of each conversation, and finds those that amendments change."""

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from plaudit_consumers.datasets.condition import check_condition
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.datasets.queries import columns, literal_paths, packed
from plaudit_consumers.rows.schemas import RECORDS, SCHEMAS, Subset

_WHERE: Final = "--where-conversation"


class RevisionSelection:
    """Chooses rows of `conversations`: `choose_revisions`, then `replace_rows`, then `chosen_rows`."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        plan: SnapshotPlan,
        sources: Mapping[Subset, Sequence[str]],
        older: Set[Subset] = frozenset(),
    ) -> None:
        """Read nothing yet.

        Args:
            folder: for empty files, which make every column exist even if no file has it.
            sources: the local files of `conversations` and `amendments`.
            older: the subsets with files that lack columns of today's schema.
        """
        self._database, self._plan = database, plan
        self._sources = {subset: list(sources.get(subset, ())) for subset in RECORDS}
        self._by_name = {subset: "true" if subset in older else "false" for subset in RECORDS}
        for subset, paths in self._sources.items():
            if subset in older or not paths:
                template = folder / f"{subset}.parquet"
                pq.ParquetWriter(template, SCHEMAS[subset]).close()  # an empty table would load pandas
                paths.insert(0, str(template))

    def choose_revisions(self) -> dict[str, int]:
        """Choose a revision of each conversation, and find the rows that amendments change.

        Returns:
            Canonical file -> the number of amendments to its rows.

        Raises:
            ConditionError: the condition cannot be used.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        if self._plan.where is not None:
            check_condition(self._plan.where)
        if self._plan.where_conversation is not None:
            check_condition(self._plan.where_conversation, _WHERE)
        self._set_variables()
        run, conversations = self._database.run, self._by_name["conversations"]
        run("amendments", by_name=self._by_name["amendments"])
        run("revisions", by_name=conversations)
        run("late_words")
        run("touched", by_name=conversations)
        amendment = packed(SCHEMAS["amendments"].names, "a")
        run("said", amendment=amendment, by_name=self._by_name["amendments"])
        return dict(run("touched_files"))

    def touched_rows(self, paths: Sequence[str]) -> Iterator[Any]:
        """Record batches of the rows that change in some canonical files, as `touched_rows.sql` says."""
        self._database.set("touched_paths", list(paths), "VARCHAR[]")
        self._database.set("touched_files", literal_paths(paths), "VARCHAR[]")
        listed = columns(SCHEMAS["conversations"].names)
        yield from self._database.batches(
            "touched_rows", columns=listed, by_name=self._by_name["conversations"]
        )

    def replace_rows(self, amended: str | None) -> None:
        """Put the rows of a file, if there is one, in the place of those of the same conversations.

        Raises:
            ConditionError: the condition does not fit the columns of `conversations`.
            SourceFileError: a file cannot be read as its subset.
            DatasetError: memory or disk space did not suffice.
        """
        if amended is not None:
            self._database.set("amended_rows", literal_paths([amended]), "VARCHAR[]")
            self._database.run("replaced")
            self._sources["conversations"].append(amended)
            self._set_files()
        self._database.run(
            "conversation_view",
            columns=columns((name for name in SCHEMAS["conversations"].names if name != "consent"), "r"),
            by_name=self._by_name["conversations"],
        )
        if self._plan.where_conversation is not None:
            self._database.run_condition(
                "unselected",
                self._plan.where_conversation,
                f"{_WHERE} does not fit the columns of conversations",
            )

    def chosen_rows(self) -> Iterator[Any]:
        """Record batches of the canonical rows whose judgements count, in any order.

        A denied consent is today's.
        """
        yield from self._database.batches("chosen", columns=columns(SCHEMAS["conversations"].names))

    def _set_variables(self) -> None:
        plan = self._plan
        train_end, validation_end = plan.bounds()
        values: dict[str, tuple[object, str]] = {
            "as_of": (plan.as_of, "TIMESTAMPTZ"),
            "salt": (plan.salt, "VARCHAR"),
            "train_end": (train_end, "BIGINT"),
            "validation_end": (validation_end, "BIGINT"),
            "has_condition": ((plan.where or plan.where_conversation) is not None, "BOOLEAN"),
        }
        for name, (value, kind) in values.items():
            self._database.set(name, value, kind)
        self._set_files()

    def _set_files(self) -> None:
        for subset, paths in self._sources.items():
            self._database.set(f"{subset}_files", literal_paths(paths), "VARCHAR[]")
