"""What a transaction takes out of the script of a commit."""

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.commit import Commit, conversation_changes, parts_of
from plaudit_stream_processors.state.keys import partition_keys


def test_only_what_may_expire_is_kept_from_it_before_its_fields_are_written() -> None:
    state = ConversationState("shop", "c1")
    state.is_open = True
    names = partition_keys("", 0)
    key = names.conversation + "shop/c1"
    commands = []
    for _ in range(2):
        batch = Commit(0, "1", 0, 1, 0, [state.key], conversation_changes(state), {})
        commands.append([command[:2] for command in parts_of(names, batch).fields])
    assert commands == [[("PERSIST", key), ("HSET", key)], [("HSET", key)]]


def test_an_erasure_stays_in_the_script() -> None:
    state = ConversationState("shop", "c1")
    state.erased = state.listed_open = True
    batch = Commit(0, "1", 0, 1, 0, [state.key], conversation_changes(state), {})
    assert parts_of(partition_keys("", 0), batch) == ([], batch, [])
