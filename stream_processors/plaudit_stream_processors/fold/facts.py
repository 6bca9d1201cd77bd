"""Facts of a conversation: tags, its user, consent, what is kept out of training."""

from typing import Any, Final

from plaudit_schemas.contract.rules import tags_problem
from plaudit_schemas.contract.words import Word, add_word, earlier_word, holder
from plaudit_schemas.errors import InvalidEventError

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import CLOCKS_VERSION, Rules

_EXCLUDED: Final = "excluded:"
_BY_PAGES: Final = "page:"


def set_fact(state: ConversationState, name: str, value: Any, event: Event, rules: Rules) -> bool:
    """Let an event set a fact, such as `user_id` or `tags.locale`. Returns whether it holds now.

    Words of pages count only as long as no server has said anything of the fact.
    """
    if rules.version < CLOCKS_VERSION:
        stamp = state.stamps.get(name, event.at)
        if event.at < stamp:  # of equal times the later in the log wins
            return False
        state.stamps[name] = event.at
    else:
        if event.by_page and name in state.stamps:
            return False
        said_by = _BY_PAGES + name if event.by_page else name
        words = _words_of(state, said_by)
        value = add_word(words, event.word(value)).said
        state.stamps[said_by] = [list(word) for word in words]
        if not event.by_page:
            state.stamps.pop(_BY_PAGES + name, None)
    fact, dot, tag = name.partition(".")
    holds: bool = state.facts.get(fact) != value
    if dot:
        holds = state.facts.setdefault(fact, {}).get(tag) != value
        state.facts[fact][tag] = value
    else:
        state.facts[fact] = value
    return holds


def set_tags(state: ConversationState, tags: dict[str, str], event: Event, rules: Rules) -> None:
    """Set tags. Each has its own latest value."""
    for tag, text in tags.items():
        set_fact(state, f"tags.{tag}", text, event, rules)


def check_tags(state: ConversationState, tags: dict[str, str], rules: Rules) -> None:
    """Refuse tags that are too many together with those that earlier events set.

    Raises:
        InvalidEventError: there would be too many.
    """
    if rules.version < CLOCKS_VERSION:
        return
    problem = tags_problem(state.facts.get("tags", {}), tags)
    if problem is not None:
        raise InvalidEventError(str(problem))


def exclude(
    state: ConversationState, body: dict[str, Any], event: Event, _effects: Any, _rules: Rules
) -> None:
    """Keep a message, or the whole conversation, out of training rows, or let it in again."""
    name = _EXCLUDED + body.get("message_id", "")
    words = _words_of(state, name)
    add_word(words, event.word(body["excluded"]))
    state.stamps[name] = [list(word) for word in words]
    state.dirty["conversation"] = None


def excluded(state: ConversationState) -> set[str]:
    """The ids of the messages that are kept out of training; the empty id is the whole conversation."""
    names = [name for name in state.stamps if name.startswith(_EXCLUDED)]
    return {name[len(_EXCLUDED) :] for name in names if holder(_words_of(state, name)).said}


def _words_of(state: ConversationState, name: str) -> list[Word]:
    """The candidates for a fact. Rules version 1 kept the time of the one that held."""
    stamp = state.stamps.get(name)
    if stamp is None:
        return []
    if isinstance(stamp, int):
        fact, dot, tag = name.partition(".")
        return [earlier_word(stamp, state.facts[fact][tag] if dot else state.facts[fact])]
    return [Word(*word) for word in stamp]
