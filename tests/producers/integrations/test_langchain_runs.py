"""Which runs of LangChain are parts of one run."""

from uuid import UUID

from plaudit_producers.integrations.langchain_runs import EndedConversation, RunTree

ROOT, CHILD, CALL, OTHER = (UUID(int=number) for number in range(1, 5))


def test_runs_below_one_run_are_parts_of_it() -> None:
    runs = RunTree()
    root = runs.start(ROOT, None)
    assert runs.start(CHILD, ROOT) is root
    assert runs.start(CALL, CHILD, calls=1) is root
    assert runs.start(OTHER, None) is not root
    root.is_conversation = True
    assert runs.end(CALL, "closed", calls=1) is None
    assert runs.end(CHILD, "error") is None
    assert runs.end(ROOT, "closed") == EndedConversation(str(ROOT), "closed")
    assert runs.end(ROOT, "closed") is None
    assert len(runs) == 1  # OTHER


def test_a_conversation_ends_after_the_last_call_in_it() -> None:
    runs = RunTree()
    runs.start(ROOT, None).is_conversation = True
    runs.start(CALL, ROOT, calls=1)
    assert runs.end(ROOT, "error") is None
    assert runs.end(CALL, "error", calls=1) == EndedConversation(str(ROOT), "error")


def test_a_run_that_was_not_seen_to_start_is_the_root() -> None:
    runs = RunTree()
    assert runs.start(CALL, ROOT, calls=1).run_id == ROOT
    assert runs.start(OTHER, ROOT, calls=1).run_id == ROOT
    assert runs.end(CALL, "closed", calls=1) is None


def test_runs_that_never_end_are_forgotten() -> None:
    runs = RunTree(capacity=2)
    for run_id in (ROOT, CHILD, CALL):
        runs.start(run_id, None)
    assert len(runs) == 2
    assert runs.end(ROOT, "closed") is None
