"""What annotation tools let people say about shown fields, as feedback of the contract."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.contract.feedback import Span
from plaudit_schemas.contract.rules import span_problem

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.shown_fields import ShownFields, words_of

_PREFERENCES: Final = frozenset(
    ("pw", "pairwise", "preference", "preferred", "comparison", "compare", "rank", "ranking", "ranker",
     "choice", "best", "better", "winner", "chosen")
)  # fmt: skip
_OVERALL: Final = frozenset(
    ("rating", "rate", "stars", "score", "overall", "satisfaction", "thumb", "thumbs", "up", "down", "user",
     "feedback")
)  # fmt: skip
_CORRECTIONS: Final = frozenset(
    ("correction", "corrected", "fix", "fixed", "rewrite", "rewritten", "edit", "edited", "improved")
)
_TIES: Final = frozenset(("tie", "equal", "same", "both good", "both equal", "about the same"))
_BOTH_BAD: Final = frozenset(("both bad", "bothbad", "tie bothbad", "neither", "none"))

Given = Mapping[str, Any]
"""Who judges and when: the keywords `rater`, `occurred_at` and `confidence` of a feedback."""


def comparison_aspect(name: str) -> str:
    """Return the aspect of a comparison: the question's name, unless it only says that one is preferred."""
    return "preference" if set(words_of(name)) <= _PREFERENCES else name


def rating_aspect(name: str) -> str:
    """Return the aspect of a rating: the question's name, unless it only says that there is a rating."""
    return "satisfaction" if set(words_of(name)) <= _OVERALL else name


def is_correction(name: str) -> bool:
    """Whether a question's name says that its text is what the answer should have been."""
    return not _CORRECTIONS.isdisjoint(words_of(name))


def pick(chat: Chat, shown: ShownFields, picked: str, name: str, given: Given) -> bool:
    """Compare the answers if one of them, or a tie, was picked by its name. Returns whether it was.

    One of three or more is compared with each of the others, since nothing was said about those.
    """
    answers, best, aspect = shown.answers, shown.named(picked), comparison_aspect(name)
    if len(answers) < 2:
        return False
    if best in answers:
        for other in answers:
            if other != best:
                pair = [each for each in answers if each in (best, other)]
                compare(chat, shown, pair, [[str(best)], [other]], aspect, given)
        return True
    said = " ".join(words_of(picked))
    if aspect != "preference" or said not in _TIES | _BOTH_BAD:
        return False
    compare(chat, shown, answers, [answers], aspect, {**given, "none_acceptable": said in _BOTH_BAD})
    return True


def rank(chat: Chat, shown: ShownFields, groups: Sequence[Sequence[str]], name: str, given: Given) -> bool:
    """Compare answers by their names, best first; a group is a tie. Returns whether all names are known."""
    ranking = [[shown.named(answer) for answer in group] for group in groups]
    ranked = [answer for group in ranking for answer in group]
    if len(ranked) < 2 or not set(shown.answers).issuperset(ranked):
        return False
    order = [answer for answer in shown.answers if answer in ranked]
    known = [[str(answer) for answer in group] for group in ranking]
    compare(chat, shown, order, known, comparison_aspect(name), given)
    return True


def compare(
    chat: Chat,
    shown: ShownFields,
    order: Sequence[str],
    ranking: Sequence[Sequence[str]],
    aspect: str,
    given: Given,
) -> None:
    """Compare answers by the names of their fields, in the order in which they were shown."""
    ids = shown.messages
    groups = [[ids[answer] for answer in group] for group in ranking]
    chat.compare([ids[answer] for answer in order], groups, aspect=aspect, **given)


def span_of(content: str, span: Mapping[str, Any]) -> Span:
    """Return a labelled part of a text. Offsets count code points, or UTF-16 units where only those fit.

    Raises:
        ValueError: it holds no character, or its text is not at its place.
    """
    start, end, text = span["start"], span["end"], span.get("text")
    problem = span_problem(start, end)
    if problem is not None:
        raise ValueError(str(problem))
    if text is not None and content[start:end] != text:
        units = content.encode("utf-16-le")  # JavaScript counts these
        inner = units[2 * start : 2 * end].decode("utf-16-le", errors="replace")
        if inner != text:
            raise ValueError(f"the span from {start} to {end} does not hold its text")
        start = len(units[: 2 * start].decode("utf-16-le", errors="replace"))
        end = start + len(inner)
    return Span(start=start, end=end, label=span["label"], comment=span.get("comment"))
