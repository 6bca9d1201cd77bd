"""Whatever branches a chat has, and whichever processes record its turns, the log says it once."""

from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_producers.model_calls.recorder import CallRecorder
from plaudit_producers.testing import InMemoryProducer

from tests.support.model_calls import FoldedLog, call, chat

Turn = tuple[int, int, str, str, str]
TURNS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 9),
        st.sampled_from("ab"),
        st.sampled_from("xy"),
        st.sampled_from("12"),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(TURNS)
def test_the_log_holds_the_tree_of_what_was_said(turns: list[Turn]) -> None:
    """A turn: who records it, after which turn it comes, question, answer, and what the instructions say.

    All turns follow one first question. A process that knows only a later part of a chat takes equal turns
    under another first question for a window on it.
    """
    log = InMemoryProducer()
    recorders = [CallRecorder(log) for _ in range(3)]  # each with a memory of its own, as a process
    paths: list[tuple[str, ...]] = [("u: first", "a: answer")]
    for process, after, question, answer, number in turns:
        asked = (*paths[after % len(paths)], f"u: {question}")
        recorders[process].record(call(chat(f"s: Help, it is {number}.", *asked), answer))
        paths.append((*asked, f"a: {answer}"))
    leaves = {
        path for path in paths if not any(other[: len(path)] == path and other != path for other in paths)
    }
    folded = FoldedLog(log)
    assert folded.refused == []
    if turns:
        said = [tuple(path[1:]) for path in folded.paths()]
        assert sorted(said) == sorted(tuple(text[3:] for text in leaf) for leaf in leaves)
