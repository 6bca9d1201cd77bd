"""The prompts and answers of one conversation, as positions in a ConversationView, each with a hash.

Equal hashes are equal prompts or answers, in whichever conversation. The ids of tool calls do not count.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from plaudit_consumers.rows.message_tree import MessageTree, PromptPath
from plaudit_consumers.rows.reasons import AnswerReason
from plaudit_consumers.rows.settings import RowRules
from plaudit_consumers.rows.text_pool import TextPool
from plaudit_consumers.rows.tool_forms import Arguments, normal_tools, read_arguments
from plaudit_consumers.rows.tool_links import Link, ToolTurn, link_calls
from plaudit_consumers.rows.turns import JOINT, OrderedTurn, alternates, joined_groups
from plaudit_consumers.rows.view import ConversationView

NO_MESSAGE: Final = -1
"""The place of a correction, which is no message."""
DIGEST_BYTES: Final = 16


class ChatTurns(NamedTuple):
    """Turns, as the position of each one's text in the TextPool and of its message.

    Attributes:
        links: the calls of each turn; None if there are no tools.
    """

    texts: list[int]
    places: list[int]
    links: list[Link] | None


class AnswerPrompt(NamedTuple):
    """The turns before an answer.

    Attributes:
        size: bytes of the texts and of the calls.
        guessed: whether the order may be wrong.
        turns: the number of the user's turns.
    """

    chat: ChatTurns
    size: int
    digest: bytes
    guessed: bool
    turns: int
    alternating: bool


class Answer(NamedTuple):
    """An answer.

    Attributes:
        text: its position in the TextPool.
        place: the position of the message; NO_MESSAGE for a correction.
        message: the position of the message that was judged.
        size: bytes of its text and of its calls.
        link: its calls.
    """

    text: int
    place: int
    message: int
    size: int
    link: Link | None
    digest: bytes


class ConversationChats:
    """The prompts and answers of one conversation, each made once."""

    def __init__(self, view: ConversationView, number: int, rules: RowRules, pool: TextPool) -> None:
        self._view, self._pool, self._fields = view, pool, view.messages.fields
        starts = view.messages.starts
        self.tree = MessageTree(
            self._fields, starts[number], starts[number + 1], rules.max_prompt_bytes, view.messages.problem
        )
        self._default_tools, self._turns_rule = view.facts[number].tools, rules.alternating
        self._prompts: dict[str, AnswerPrompt | AnswerReason] = {}
        self._digests: dict[int, bytes] = {}
        self._arguments: dict[int, list[tuple[str, Arguments]] | AnswerReason] = {}

    def prompt_before(self, answer: int) -> AnswerPrompt | AnswerReason:
        """The prompt of the answer at a position, or why there is none."""
        parent = self._fields.parents[answer] or ""
        if parent not in self._prompts:
            path = self.tree.prompt_before(answer)
            self._prompts[parent] = path if isinstance(path, str) else self._prompt(path)
        return self._prompts[parent]

    def message_answer(self, prompt: AnswerPrompt, position: int) -> Answer | AnswerReason:
        """The message at a position as an answer."""
        calls = self._calls(position)
        if isinstance(calls, str):
            return calls
        link = self._links([*prompt.chat.places, position])[-1] if self._fields.calls[position] else None
        size = self._pool.size(position) + self._call_bytes(position)
        return Answer(position, position, position, size, link, self._digest(b"", position, position, None))

    def corrected_answer(self, text: int, original: int) -> Answer:
        """The answer that should stand in the place of another, at a position in the texts."""
        digest = self._digest(b"", text, NO_MESSAGE, None)
        return Answer(text, NO_MESSAGE, original, self._pool.size(text), None, digest)

    def tools(self, answer: int) -> str | None:
        """The tools on offer for the answer at a position.

        Raises:
            ValueError: as `normal_tools`.
        """
        own = self._view.messages.tools[answer]
        return normal_tools(self._default_tools if own is None else own)

    def _prompt(self, path: PromptPath) -> AnswerPrompt | AnswerReason:
        fields, places = self._fields, path.positions
        for place in places:
            if isinstance(calls := self._calls(place), str):
                return calls
        turns = [OrderedTurn(fields.roles[place], fields.calls[place]) for place in places]
        guessed = any(fields.guessed[place] for place in places)
        texts = places
        if self._turns_rule == "merge":
            groups = joined_groups(turns)
            texts = [self._joined([places[at] for at in group]) for group in groups]
            places = [places[group[-1]] for group in groups]
            turns = [turns[group[-1]] for group in groups]
        is_alternating = alternates([*turns, OrderedTurn("assistant")])
        if self._turns_rule == "drop" and not is_alternating:
            return "not_alternating"
        uses_tools = any(turn.calls or turn.role == "tool" for turn in turns)
        chat = ChatTurns(texts, places, self._links(places) if uses_tools else None)
        asked = sum(turn.role == "user" for turn in turns)
        size = path.size + sum(self._call_bytes(place) for place in places if fields.calls[place])
        return AnswerPrompt(chat, size, self._chat_digest(chat), guessed, asked, is_alternating)

    def _joined(self, places: Sequence[int]) -> int:
        if len(places) == 1:
            return places[0]
        texts = (self._pool.text(place) for place in places)
        return self._pool.add(JOINT.join(text for text in texts if text))

    def _links(self, places: Sequence[int]) -> list[Link]:
        return link_calls([self._tool_turn(place) for place in places])

    def _tool_turn(self, place: int) -> ToolTurn:
        role = self._fields.roles[place]
        structs = self._view.messages.structs
        if role == "tool":
            return ToolTurn(role, answers=structs[place]["tool_call_id"].as_py())
        if self._fields.calls[place]:
            return ToolTurn(role, [call["id"] for call in structs[place]["tool_calls"].as_py()])
        return ToolTurn(role)

    def _calls(self, place: int) -> list[tuple[str, Arguments]] | AnswerReason:
        """The name and arguments of each call of a message, or why a template cannot show one of them."""
        if place == NO_MESSAGE or not self._fields.calls[place]:
            return []
        if place not in self._arguments:
            self._arguments[place] = _read_calls(self._view.messages.structs[place]["tool_calls"].as_py())
        return self._arguments[place]

    def _call_bytes(self, place: int) -> int:
        calls = self._calls(place)
        return 0 if isinstance(calls, str) else sum(len(name) + len(each.text) for name, each in calls)

    def _chat_digest(self, chat: ChatTurns) -> bytes:
        digest = b""
        for at, (text, place) in enumerate(zip(chat.texts, chat.places, strict=True)):
            # Two prompts that begin alike share their first turns. A joined turn depends on its neighbours.
            known = None if chat.texts is not chat.places else self._digests.get(place)
            answered = None if chat.links is None else chat.links[at].answered
            digest = known or self._digest(digest, text, place, answered)
            if chat.texts is chat.places:
                self._digests[place] = digest
        return digest

    def _digest(self, before: bytes, text: int, place: int, answered: int | None) -> bytes:
        """A hash of a turn and of what came before."""
        content = self._pool.buffer(text)
        calls = self._calls(place)
        known = [] if isinstance(calls, str) else [(name, arguments.canonical) for name, arguments in calls]
        called = json.dumps(known) if known else ""
        role = "assistant" if place == NO_MESSAGE else self._fields.roles[place]
        hashed = blake2b(before, digest_size=DIGEST_BYTES)
        hashed.update(f"{role} {answered} {len(content)} {called}\0".encode())
        hashed.update(content)
        return hashed.digest()


def _read_calls(calls: Sequence[Mapping[str, Any]]) -> list[tuple[str, Arguments]] | AnswerReason:
    read = []
    for call in calls:
        arguments = read_arguments(call["arguments"])
        if arguments is None:
            return "arguments_not_json"
        if not (call["name"] or "").strip():
            return "call_without_name"
        read.append((call["name"], arguments))
    return read
