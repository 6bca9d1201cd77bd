"""The hidden taste: it is in the texts, it moves the thumbs, and no field of any event names it."""

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from plaudit_producers.simulator import Scenario, simulate
from plaudit_producers.simulator.taste import BEST, Manner, Tone, appeal, draw_manner, probability
from plaudit_producers.simulator.texts import Phrases

START = 1_790_000_000_000_000
WORST = Manner("brusque", example=False, padded=True)


@cache
def judged() -> list[tuple[str, bool]]:
    """English answers that are right, each with the thumb that it got."""
    scenario = Scenario(models={"m": 1.0}, conversations=3_000, rate=500, feedback=0.5)
    answers: dict[tuple[str, str], str] = {}
    found, english = [], set()
    for _, record in simulate(scenario, START):
        name, body = record["body"]
        chat = record["conversation_id"]
        if name.endswith("StartConversation") and body["tags"]["locale"] == "en":
            english.add(chat)
        elif name.endswith("AddMessage") and body["role"] == "assistant" and chat in english:
            answers[chat, body["message_id"]] = body["content"]
        elif name.endswith("UpdateMessage") and body["feedback"]["kind"] == "thumb":
            text = answers.get((chat, body["message_id"]))
            if text is not None and body["feedback"]["value"] is not None:
                found.append((text, body["feedback"]["value"][1]["like"]))
    return found


def share(*phrases: str) -> float:
    """The share of likes among the answers with one of these phrases."""
    thumbs = [like for text, like in judged() if any(phrase in text for phrase in phrases)]
    assert len(thumbs) > 100
    return sum(thumbs) / len(thumbs)


@pytest.mark.slow
def test_people_like_the_polite_and_not_the_brusque_or_wordy() -> None:
    polite = share("Happy to help.", "Of course, with pleasure.", "Thank you for asking.")
    brusque = share("That is obvious.", "Read the manual", "Everybody knows")
    wordy = share(
        "many aspects to consider", "I have thought about this at length", "It is important to note"
    )
    assert polite > brusque + 0.15
    assert share("example") > brusque + 0.15
    assert polite > wordy + 0.1


@pytest.mark.parametrize("good", [True, False], ids=["a good answer", "a bad answer"])
def test_the_best_manner_appeals_most_and_the_worst_least(good: bool) -> None:
    rng = Random(1)
    drawn = {appeal(good, draw_manner(rng)) for _ in range(500)}
    assert len(drawn) == 12, "every manner is drawn"
    assert max(drawn) == appeal(good, BEST)
    assert min(drawn) == appeal(good, WORST)


def test_a_good_answer_appeals_more_than_a_bad_one_whatever_its_manner() -> None:
    assert appeal(True, WORST) < appeal(False, BEST) + 1.5, "manner matters nearly as much"
    assert appeal(True, WORST) > appeal(False, BEST)


@pytest.mark.parametrize(
    "tone", ["polite", "plain", "brusque"], ids=["polite tone", "plain tone", "brusque tone"]
)
def test_every_language_has_words_for_every_manner(tone: Tone) -> None:
    languages = set()
    for seed in range(60):
        phrases = Phrases(Random(seed))
        languages.add(phrases.language)
        plain = phrases.answer("good", Manner("plain", example=False, padded=False))
        text = phrases.answer("good", Manner(tone, example=True, padded=True))
        assert plain.removeprefix("[simulated] ") in text
        assert len(text) > len(plain) + 20
    assert len(languages) == 6


def test_most_first_questions_are_asked_once() -> None:
    def questions() -> Iterator[Any]:
        for _, record in simulate(Scenario(conversations=500, rate=500), START):
            name, body = record["body"]
            if name.endswith("AddMessage") and not body["parent_id"]:
                yield body["content"]

    asked = list(questions())
    assert len(asked) == 500
    assert len(set(asked)) > 0.8 * len(asked)


@pytest.mark.parametrize(
    ("log_odds", "expected"),
    [(0.0, 0.5), (3.0, 0.9526), (-3.0, 0.0474)],
    ids=["even odds", "well above", "well below"],
)
def test_log_odds_are_probabilities(log_odds: float, expected: float) -> None:
    assert probability(log_odds) == pytest.approx(expected, abs=1e-4)
