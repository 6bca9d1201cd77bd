"""The state of one browser tab."""

from collections.abc import Sequence
from dataclasses import dataclass

from plaudit_producers.chat.transcript import Transcript, TranscriptMessage


@dataclass(slots=True)
class TabState:
    """What one tab looks at. A visitor's tabs share a chat, but not this.

    Attributes:
        selected_id: the message that was clicked; None is the last answer.
        panel: the message that the panel was drawn for, and its status then.
        disliked_id: the answer of which the page asks what was wrong.
        drawn: how many times the log was drawn.
    """

    selected_id: str | None = None
    panel: tuple[str, str] | None = None
    disliked_id: str | None = None
    drawn: int = 0

    def forget_missing(self, transcript: Transcript) -> None:
        """Forget what is not in this chat: another tab may have cleared it."""
        if self.selected_id not in transcript.messages:
            self.selected_id = None
        if self.disliked_id not in transcript.messages:
            self.disliked_id = None

    def go_on(self, problem: str | None) -> None:
        """Look at the end of the chat, and ask no more what was wrong before, unless there was a problem."""
        if problem is None:
            self.selected_id = self.disliked_id = None

    def to_answer_again(self, messages: Sequence[TranscriptMessage]) -> str | None:
        """What another answer is asked to: the clicked answer, else the end of the chat.

        That is a message of the person if its answer is missing: the page ended while it was being written.
        """
        clicked = self.selected(messages)
        if clicked is not None and clicked.id == self.selected_id and clicked.role == "assistant":
            return clicked.id
        return messages[-1].id if messages else None

    def selected(self, messages: Sequence[TranscriptMessage]) -> TranscriptMessage | None:
        """The message that the panel is about: the clicked one if it is shown, else the last answer."""
        for message in messages:
            if message.id == self.selected_id:
                return message
        return next((one for one in reversed(messages) if one.role == "assistant"), None)
