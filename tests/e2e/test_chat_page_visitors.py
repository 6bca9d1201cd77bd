"""Two visitors at once on the chat page, on real Kafka, worker and sink: all that they say arrives, once."""

from collections.abc import Callable, Iterator
from itertools import zip_longest

import pytest

from tests.e2e.chat_line import ChatLine, model
from tests.e2e.chat_visitor import COUNTING, ECHO, Visitor
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint
from tests.support.said_chats import SaidChat

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint(pace_s=0.05) as one:
        yield one


def everything(one: Visitor, name: str, ended: list[SaidChat]) -> Iterator[None]:
    """All that can be done in a chat. It yields while an answer is on its way, so that others can act."""
    one.send(f"What does {name} like?")
    yield
    liked = one.hear()
    one.thumb(liked, "Like")
    yield
    one.thumb(liked, "Liked")  # takes it back
    one.stars(liked, 4)
    one.comment(liked, f"{name} says: not bad")
    one.correct(liked, f"{name} likes chess")
    yield
    again = one.answer_again()
    one.thumb(again, "Dislike")
    one.say_what_was_wrong(again, "incomplete", f"{name} wants more")
    yield
    one.choose(ECHO)
    # The answer takes a minute, and nobody else acts meanwhile: it must not end before it is stopped.
    one.send(f"{name} asks {'for more and ' * 400}for too much")
    one.stop()
    yield
    sides = one.ask_two(f"Which one, {name}?")
    yield
    one.vote("B is better", sides)
    yield
    ended.append(one.clear())
    one.choose(ECHO)
    one.send(f"{name} begins anew")
    yield
    one.thumb(one.hear(), "Like")


def test_all_that_two_visitors_say_is_in_state_figures_and_rows(
    chat_line: Callable[..., ChatLine], visitors: Callable[..., Visitor], endpoint: ChatEndpoint
) -> None:
    models = ((COUNTING, "counting"), (ECHO, "echo"))
    whole = chat_line(*(model(name, endpoint.base_url, answers) for name, answers in models))
    ada, ben = visitors(whole), visitors(whole)
    ada.visit(agree=True)
    ben.visit(agree=False)
    ended: list[SaidChat] = []
    for _ in zip_longest(everything(ada, "Ada", ended), everything(ben, "Ben", ended)):
        pass
    whole.line.wait_folded()
    chats = [
        whole.check(said, f"What does {name} like?") for said, name in zip(ended, ("Ada", "Ben"), strict=True)
    ]
    chats += [
        whole.check(said, f"{name} begins anew") for said, name in ((ada.said, "Ada"), (ben.said, "Ben"))
    ]
    whole.check_figures(chats, COUNTING, ECHO)
    agreed = whole.conversation_of("What does Ada like?")
    pairs = whole.pairs()
    assert {conversation_id for conversation_id, _, _ in pairs} == {agreed}, "Ben said no"
    (compared,) = ended[0].compared
    wanted = {(agreed, *(text for (text,) in compared.ranking))}
    wanted |= {(agreed, word.value, str(word.about)) for word in ended[0].judged if word.kind == "correction"}
    assert wanted <= pairs
    whole.check_exact()
