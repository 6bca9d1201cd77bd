"""Items for the page Review, as its server sends them: right-to-left, with tools, to compare, and more."""

from collections.abc import Sequence
from typing import Any

from plaudit_producers.review.rendering import rendered

HEBREW = (
    "החבילה תגיע מחר בין **9:00** ל-12:00.\n\nLook at `tracking.example` for the *live* position.\n\n"
    "- לקוח: דנה\n- כתובת: חיפה"
)
MARKDOWN = (
    "Use a **dictionary**:\n\n```python\ndef words(text: str) -> dict[str, int]:\n"
    "    found: dict[str, int] = {}\n    for word in text.split():\n"
    "        found[word] = found.get(word, 0) + 1  # one more of this word, which makes this line long\n"
    "    return found\n```\n\nIt takes `O(n)`.\n\n"
    "| way | lines |\n| --- | --- |\n| dictionary | 5 |\n| `Counter` | 1 |\n\n"
    "1. Read the [docs](https://example.com/docs).\n2. <script>alert(1)</script> is shown as text.\n"
)


def message(name: str, role: str, text: str, **more: Any) -> dict[str, Any]:
    """A message as the API has it."""
    return {
        "id": name,
        "role": role,
        "html": rendered(text),
        "text": text,
        "cut": False,
        "reasoning_html": None,
        "calls": [],
        "answers_call": None,
        "attachments": [],
        "siblings": 0,
        "status": "complete",
        **more,
    }


def item(name: str, kind: str, messages: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """An item as the API has it."""
    return {
        "id": name,
        "rubric": "quality",
        "version": "1",
        "lease_ms": 1_800_000,
        "kind": kind,
        "live": True,
        "cut": False,
        "tools": None,
        "messages": list(messages),
        "answer": None,
        "prompt": None,
        "candidates": [],
        "others": [],
        "topic": None,
        "suggestions": [],
        "suggestion_shown": False,
        **more,
    }


def question(name: str, kind: str, title: str, **more: Any) -> dict[str, Any]:
    """A question as the API has it."""
    return {
        "name": name,
        "kind": kind,
        "title": title,
        "help_html": "",
        "about": "answer",
        "required": True,
        "labels": [],
        "minimum": 1,
        "maximum": 5,
        **more,
    }


def queue(target: str, *questions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A queue as the API has it; the stand-in adds progress."""
    return {
        "rubric": "quality",
        "version": "1",
        "title": "Quality of answers",
        "target": target,
        "overlap": 3,
        "guidelines_html": rendered(
            "# What is good\n\nA good answer is **true**, complete and short.\n\n"
            "- Facts first.\n- Say what is not known."
        ),
        "lease_minutes": 30,
        "questions": list(questions),
        "topics": [],
        **more,
    }


QUESTIONS = (
    question("correct", "thumb", "Is the answer correct?"),
    question("quality", "rating", "How good is it?", help_html="<p>1 is useless, 5 could not be better.</p>"),
    question("tone", "label", "Which tone has it?", labels=["friendly", "neutral", "rude"]),
    question(
        "faults",
        "labels",
        "What is wrong with it?",
        labels=["wrong facts", "incomplete", "too long", "unsafe"],
        required=False,
    ),
    question("why", "text", "What should be better?", required=False),
)
RANKING = question("better", "ranking", "Which answer is better?", about="prompt")
CORRECTION = question("better_text", "correction", "How should it read?", required=False)


def parcel(number: int, answer: str = "It arrives tomorrow between 9 and 12.", **more: Any) -> dict[str, Any]:
    """An answer to judge."""
    return item(
        f"item-{number}",
        "answer",
        [message("m1", "user", f"Where is my parcel number {number}?")],
        answer=message("m2", "assistant", answer),
        **more,
    )


def with_everything() -> dict[str, Any]:
    """An answer with a long path, branches, tools, reasoning and other answers."""
    earlier = [
        message(f"e{at}", "user" if at % 2 else "assistant", f"Earlier message number {at}, of a long chat.")
        for at in range(9)
    ]
    tools = [
        message("t1", "user", "How do I count words in Python? Look into our style guide first.", siblings=2),
        message(
            "t2",
            "assistant",
            "",
            reasoning_html=rendered("The user wants the style guide, so I *search* it."),
            calls=[{"id": "c1", "name": "search_guide", "arguments": '{"query": "count words", "limit": 3}'}],
        ),
        message("t3", "tool", "Prefer a dictionary over three lists.", answers_call="c1"),
    ]
    return item(
        "item-all",
        "answer",
        [message("s", "system", "You help with Python."), *earlier, *tools],
        answer=message("a", "assistant", MARKDOWN, reasoning_html=rendered("A dictionary is best.")),
        others=[message("b", "assistant", "Use `collections.Counter`.")],
        tools="search_guide(query: str, limit: int)",
        suggestions=[{"question": "quality", "agent": "scorer-1", "value": 0.82, "text": "0.82 (4.3 of 5)"}],
        suggestion_shown=True,
    )


def compared(number: int, *answers: str) -> dict[str, Any]:
    """Answers to compare."""
    return item(
        f"item-{number}",
        "answers",
        [message("m1", "user", "What is the tallest mountain, and how tall is it?")],
        candidates=[message(f"a{at}", "assistant", text) for at, text in enumerate(answers)],
    )
