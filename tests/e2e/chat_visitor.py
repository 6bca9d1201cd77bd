"""A visitor of the chat page in a browser, who keeps in mind what was said."""

import re
from typing import Literal, TypedDict

from playwright.sync_api import Locator, Page, expect

from harness.waiting import eventually
from tests.support.said_chats import Compared, Judged, SaidChat, SaidMessage

RATING = "satisfaction"
COUNTING, ECHO = "alpha", "beta"
"""The ids of models that answer as the chat endpoint's models of these names."""
_SHOWN = """() => {
  const holder = document.querySelector("#shown [data-shown]");
  const facts = holder ? JSON.parse(holder.dataset.shown) : [];
  const rows = [...document.querySelectorAll("#chat-log .message-row")];
  const said = (row) => row.querySelector("[data-testid=bot], [data-testid=user]");
  const stale = (row, at) => row.dataset.messageId !== facts[at].id;
  if (rows.length !== facts.length || rows.some(stale)) return null;
  return facts.map((fact, at) => ({ ...fact, text: said(rows[at]).innerText.trim() }));
}"""


Sides = dict[Literal["A", "B"], str]


class ShownMessage(TypedDict):
    """A message as the page shows it."""

    id: str
    text: str
    answer: bool
    done: bool
    note: str
    selected: bool
    thumb: str | None


class Visitor:
    """One person in a browser of their own.

    Attributes:
        said: what this person and the models have said since the chat began.
        path: the texts of the messages that the page shows.
    """

    def __init__(self, page: Page, url: str, model: str = COUNTING) -> None:
        self.page, self._url, self._model = page, url, model
        self.said = SaidChat()
        self.path: list[str] = []

    def visit(self, *, agree: bool = True) -> None:
        """Open the page, and say whether what is said may be used for training."""
        self.page.goto(self._url)
        consent = self.page.locator("#consent")
        consent.get_by_role("button", name="Yes" if agree else "No", exact=True).click()
        expect(consent).to_be_hidden()
        self.said.consent = "granted" if agree else "denied"

    def reload(self) -> None:
        """Load the page again. It must show the same chat, and not ask for consent again."""
        self.page.reload()
        eventually(
            lambda: [one["text"] for one in self.shown()][: len(self.path)] == self.path, "the chat is there"
        )
        expect(self.page.locator("#consent")).to_be_hidden()

    def choose(self, model: str) -> None:
        """Choose who answers from now on."""
        self.page.locator("#model input").click()
        self.page.get_by_role("option", name=model, exact=True).click()
        self._model = model

    def send(self, text: str) -> None:
        """Say something, and do not wait for the answer."""
        self.said.messages[SaidMessage("user", text, self.path[-1] if self.path else "")] += 1
        self.path.append(text)
        self._prompt.fill(text)
        self._prompt.press("Enter")
        expect(self._prompt).to_have_value("")

    def hear(self, status: str = "complete") -> str:
        """Wait for the end of the answer to what was sent. Returns its text."""
        question = self.path[-1]
        eventually(lambda: self._done(len(self.path) + 1), f"the answer to {question!r} has ended")
        answer = self.shown()[-1]["text"]
        if status == "complete":
            answer = whole_answer(answer, question)
        self._heard(answer, status, self._model)
        return answer

    def ask(self, text: str) -> str:
        """Say something, and wait for the answer. Returns its text."""
        self.send(text)
        return self.hear()

    def answer_again(self) -> str:
        """Let the model answer the last question once more. Returns the new text."""
        before = self.shown()[-1]["id"]
        self._judge(Judged(self.path.pop(), "signal", "behaviour", "regenerated"))
        self.page.get_by_role("button", name="Answer again", exact=True).click()
        eventually(lambda: self._done(len(self.path) + 1, but=before), "another answer has ended")
        answer = whole_answer(self.shown()[-1]["text"], self.path[-1])
        self._heard(answer, "complete", self._model)
        return answer

    def stop(self) -> str:
        """Stop the answer after some words. Returns what was said until then."""
        whole = whole_answer("", self.path[-1])
        eventually(lambda: self.shown()[-1]["text"].count(" ") > 2, "some words are shown")
        self.page.get_by_role("button", name="Stop", exact=True).click()
        part = self.hear("cut")
        assert whole.startswith(part)
        assert part != whole
        return part

    def ask_two(self, text: str) -> Sides:
        """Say something, and let two models answer side by side. Returns the text of each side."""
        self.page.get_by_label("Two answers side by side").check()
        self.send(text)
        pair = self.page.locator("#pair")
        expect(pair.get_by_role("button", name="A is better")).to_be_visible()
        sides: Sides = {}
        for side in ("A", "B"):
            shown = pair.locator(".answer", has_text=f"Answer {side}").locator("[data-testid=bot]")
            sides[side] = whole_answer(shown.inner_text().strip(), text)
        for answer in sides.values():
            self.said.messages[SaidMessage("assistant", answer, text, model=_model_of(answer))] += 1
        return sides

    def vote(self, button: str, sides: Sides) -> None:
        """Say which of two answers is better, with the words of a button."""
        self.page.locator("#pair").get_by_role("button", name=button).click()
        expect(self.page.locator("#pair")).to_be_hidden()
        left, right = sides["A"], sides["B"]
        expect(self.page.locator("#notice")).to_have_text(
            f"Answer A was from {_model_of(left)}, answer B from {_model_of(right)}."
        )
        one, two, both = frozenset((left,)), frozenset((right,)), frozenset((left, right))
        ranking = {"A is better": (one, two), "B is better": (two, one)}.get(button, (both,))
        self.said.compared[Compared((left, right), ranking, button == "Both are bad")] += 1
        eventually(lambda: len(self.shown()) == len(self.path) + 1, "one answer is shown")
        self.path.append(whole_answer(self.shown()[-1]["text"], self.path[-1]))
        self.page.get_by_label("Two answers side by side").uncheck()

    def thumb(self, answer: str, which: str) -> None:
        """Press a thumb below an answer: Like or Dislike, or to take it back Liked or Disliked."""
        buttons = self.row(answer).locator("xpath=following-sibling::*[1]")
        buttons.get_by_role("button", name=which, exact=True).click()
        lit = {"Like": "Liked", "Dislike": "Disliked", "Liked": "Like", "Disliked": "Dislike"}[which]
        expect(buttons.get_by_role("button", name=lit, exact=True)).to_be_visible()
        # Gradio lights a thumb at once; the server has the vote when it says so.
        voted = which if which in ("Like", "Dislike") else None
        eventually(lambda: self._fact(answer)["thumb"] == voted, "the server has the vote")
        self._judge(Judged(answer, "thumb", RATING, {"Like": True, "Dislike": False}.get(which)))

    def say_what_was_wrong(self, answer: str, label: str, text: str) -> None:
        """Answer the question that follows a dislike."""
        asked = self.page.locator("#wrong")
        asked.get_by_label(label, exact=True).click()
        asked.get_by_role("textbox").fill(text)
        asked.get_by_role("button", name="Done").click()
        expect(asked).to_be_hidden()
        self._judge(Judged(answer, "label", RATING, (label,)))
        self._judge(Judged(answer, "text", RATING, text))

    def stars(self, answer: str, number: int) -> None:
        """Give an answer stars."""
        self.look_at(answer)
        self._panel.get_by_label(f"{number} star", exact=False).click()
        self._judge(Judged(answer, "number", RATING, float(number)))

    def comment(self, answer: str, text: str) -> None:
        """Comment on an answer in words."""
        self.look_at(answer)
        box = self._panel.get_by_role("textbox").first
        box.fill(text)
        box.press("Enter")
        self._judge(Judged(answer, "text", RATING, text))

    def correct(self, answer: str, text: str, *, send_correction: bool = True) -> None:
        """Say what an answer should have been, and what models are sent from now on."""
        self.look_at(answer)
        correction = self.page.locator("#correction")
        box = correction.get_by_label("What it should have said")
        if not box.is_visible():
            correction.get_by_role("button", name="Correct it").click()
        correction.get_by_label("your correction" if send_correction else "its own answer").click()
        box.fill(text)
        correction.get_by_role("button", name="Save").click()
        eventually(lambda: "corrected by you" in self._fact(answer)["note"], "the page notes the correction")
        self._judge(Judged(answer, "correction", "accuracy", text))

    def look_at(self, text: str) -> None:
        """Click a message, so that the panel is about it."""
        self.row(text).locator("[data-testid=bot], [data-testid=user]").click()
        eventually(lambda: self._fact(text)["selected"], "the message is marked")

    def clear(self) -> SaidChat:
        """End the chat. Returns all that was said in it."""
        self.page.get_by_role("button", name="Clear chat").click()
        eventually(lambda: self.shown() == [], "the chat is empty")
        said, self.said = self.said, SaidChat(consent=self.said.consent)
        said.end, self.path = "cleared", []
        return said

    def shown(self) -> list[ShownMessage]:
        """The messages that the page shows, once it has drawn them."""
        drawn: list[list[ShownMessage] | None] = []

        def draws() -> bool:
            drawn.append(self.page.evaluate(_SHOWN))
            return drawn[-1] is not None

        eventually(draws, "the page has drawn what it shows")
        return drawn[-1] or []

    def row(self, text: str) -> Locator:
        """The row of a message in the log."""
        message_id = self._fact(text)["id"]
        return self.page.locator(f'#chat-log .message-row[data-message-id="{message_id}"]')

    def _fact(self, text: str) -> ShownMessage:
        return self.shown()[self.path.index(text)]

    def _done(self, count: int, but: str = "") -> bool:
        """Whether so many messages are shown, and the last one is an answer that has ended."""
        shown = self.shown()
        if len(shown) != count or shown[-1]["id"] == but:
            return False
        return bool(shown[-1]["answer"] and shown[-1]["done"])

    def _heard(self, answer: str, status: str, model: str) -> None:
        self.said.messages[SaidMessage("assistant", answer, self.path[-1], status, model)] += 1
        self.path.append(answer)

    def _judge(self, word: Judged) -> None:
        """Keep the last word in a slot."""
        slot = (word.about, word.kind, word.aspect)
        for old in [one for one in self.said.judged if (one.about, one.kind, one.aspect) == slot]:
            del self.said.judged[old]
        self.said.judged[word] = 1

    @property
    def _prompt(self) -> Locator:
        return self.page.locator("#prompt textarea")

    @property
    def _panel(self) -> Locator:
        return self.page.locator("#message-panel")


def whole_answer(shown: str, question: str) -> str:
    """The text of an answer by the counting model or the echo; of what is shown, only the number counts."""
    number = re.match(r"Answer (\d+) to:", shown)
    return f"Answer {number[1]} to: {question}" if number else f"You said: {question}"


def _model_of(answer: str) -> str:
    return COUNTING if answer.startswith("Answer") else ECHO
