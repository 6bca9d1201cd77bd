"""Aspects, raters and thresholds that are chosen when a snapshot is built."""

from typing import Any

import pytest
from plaudit_consumers.rows.settings import RowRules
from plaudit_schemas.contract.aspects import AspectDeclaration, Aspects, Direction
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load

from tests.consumers.builders import lost, rows
from tests.consumers.test_derive_pairs import FOR_X, candidates
from tests.support.finished import Record, chat, comparison, correction, like, number, said


def declared(**directions: Direction) -> Aspects:
    """Aspects of `acme` on a scale from 0 to 4."""
    return Aspects(
        {
            "acme": [
                AspectDeclaration(
                    name=name,
                    kinds=("thumb", "number", "comparison", "correction"),
                    levels=("message",),
                    direction=direction,
                    minimum=0.0,
                    maximum=4.0,
                )
                for name, direction in directions.items()
            ]
        }
    )


ASPECTS = declared(
    helpfulness="higher_is_better", toxicity="lower_is_better", verbosity="neutral", complexity="neutral"
)


def rated(**numbers: float) -> Record:
    """An answer with a rating from 0 to 4 for each aspect."""
    scale = {"minimum": 0.0, "maximum": 4.0}
    return chat(
        *(said("a", "number", {"number": value, **scale}, aspect=name) for name, value in numbers.items())
    )


def labels(*records: Record, **rules: Any) -> list[bool]:
    return [row["label"] for row in rows(*records, **rules)["kto"]]


def test_a_neutral_aspect_is_no_dislike() -> None:
    judged = rated(helpfulness=4, verbosity=0, complexity=1)
    assert labels(judged, aspects=ASPECTS) == [True]
    assert lost(judged, aspects=ASPECTS) == {"aspect_neutral": 2}
    assert labels(judged) == []
    assert lost(judged) == {"aspect_not_declared": 3}
    assert labels(judged, training_aspects="*") == [False]  # higher is taken as better, and the worst decides
    assert labels(judged, aspects=ASPECTS, training_aspects="verbosity") == []


def test_an_aspect_where_lower_is_better_is_turned_round() -> None:
    assert labels(rated(toxicity=0), aspects=ASPECTS) == [True]
    assert labels(rated(toxicity=4), aspects=ASPECTS) == [False]
    assert labels(chat(like("a", aspect="toxicity")), aspects=ASPECTS) == [False]
    assert labels(chat(like("a", False, aspect="toxicity")), aspects=ASPECTS) == [True]


def test_a_comparison_and_a_correction_say_what_is_better_whatever_the_scale() -> None:
    judged = candidates("x", "y", comparisons=[comparison(FOR_X, aspect="toxicity")])
    assert [row["chosen"][0]["content"] for row in rows(judged, aspects=ASPECTS)["preference"]] == ["x"]
    neutral = candidates("x", "y", comparisons=[comparison(FOR_X, aspect="verbosity")])
    assert lost(neutral, aspects=ASPECTS) == {"aspect_neutral": 1}
    corrected = chat(correction("a", "better", aspect="verbosity"))
    assert len(rows(corrected, aspects=ASPECTS)["preference"]) == 1


def test_an_aspect_that_its_application_does_not_declare_counts_only_where_asked_for() -> None:
    judged = rated(style=0, helpfulness=4)
    assert labels(judged, aspects=ASPECTS) == [True]
    assert lost(judged, aspects=ASPECTS) == {"aspect_not_declared": 1}
    assert labels(judged, aspects=ASPECTS, training_aspects="style") == [False]
    assert labels(judged, aspects=ASPECTS, training_aspects="style, helpfulness") == [False]
    other = judged | {"application": "other"}
    assert labels(other, aspects=ASPECTS) == []
    assert labels(other, aspects=ASPECTS, training_aspects="style") == [False]
    assert labels(chat(like("a", False, aspect="style"))) == [False]  # a thumb says itself what is better
    assert labels(chat(like("a")), aspects=ASPECTS) == [True]  # satisfaction is Plaudit's own


def test_only_the_aspects_that_are_asked_for_count() -> None:
    judged = chat(like("a"), like("a", False, aspect="style"))
    assert labels(judged, training_aspects="satisfaction") == [True]
    assert lost(judged, training_aspects="satisfaction") == {"aspect_not_chosen": 1}


def test_only_the_raters_that_are_asked_for_count() -> None:
    judged = chat(like("a"), like("a", False, rater={"id": "r", "kind": "reviewer"}))
    assert labels(judged, training_raters="reviewer") == [False]
    assert lost(judged, training_raters="reviewer") == {"rater_not_chosen": 1}


def test_a_scale_without_length_is_that_of_the_declaration() -> None:
    judged = said("a", "number", {"number": 0.0, "minimum": 0.0, "maximum": 0.0}, aspect="helpfulness")
    assert labels(chat(judged), aspects=ASPECTS) == [False]
    assert lost(chat(judged), training_aspects="*") == {"scale_unknown": 1}


def test_a_number_outside_its_scale_is_at_its_end() -> None:
    judged = said("a", "number", {"number": 9.0, "minimum": 0.0, "maximum": 4.0})
    (row,) = rows(chat(judged))["kto"]
    assert (row["label"], row["vote_strength"]) == (True, 1.0)


@pytest.mark.parametrize(
    ("judgement", "reason"),
    [
        (like(None), "whole_conversation"),
        (said("a", "text", {"text": "good"}), "not_a_rating"),
        (said("a", "signal", {"name": "copied"}), "not_a_rating"),
        (said("a", "label", {"labels": ["funny"]}, aspect="style"), "not_a_rating"),
        (said("a", "label", {"labels": ["correct", "incorrect"]}, aspect="accuracy"), "not_a_rating"),
        (like("gone"), "message_not_found"),
        (like("q"), "not_an_answer"),
        (correction("q", "better"), "not_an_answer"),
        (said(None, "correction", {"content": "better"}), "whole_conversation"),
    ],
    ids=["whole chat", "text", "signal", "label", "contradicting labels", "unknown message", "question",
         "corrected question", "corrected chat"],
)  # fmt: skip
def test_a_judgement_that_is_no_vote_is_counted(judgement: Record, reason: str) -> None:
    assert lost(chat(judgement)) == {reason: 1}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chat(like("a"), consent="denied"), "consent"),
        (chat(like("a"), erased=True), "erased"),
        (chat(like("a"), excluded=True), "excluded"),
        (chat(like("a"), erased=True, excluded=True, consent="denied"), "erased"),
    ],
    ids=["denied", "erased", "excluded", "all of these"],
)
def test_a_judgement_of_a_conversation_that_is_not_used_is_counted(record: Record, reason: str) -> None:
    assert lost(record) == {reason: 1}


@pytest.mark.parametrize(
    ("rating", "rules", "expected"),
    [
        (3, {}, []),
        (3, {"kto_good_score": 0.5, "kto_bad_score": 0.5}, [True]),
        (2.9, {"kto_good_score": 0.5, "kto_bad_score": 0.5}, [False]),
        (4, {"kto_good_score": 0.9}, []),
        (2, {"kto_bad_score": 0.2}, []),
    ],
    ids=["between", "one threshold reached", "one threshold missed", "higher", "lower"],
)
def test_thresholds_of_kto(rating: float, rules: dict[str, float], expected: list[bool]) -> None:
    assert labels(chat(number("a", rating)), **rules) == expected


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PLAUDIT_KTO_GOOD_SCORE": "0.3"}, "must not lie above"),
        ({"PLAUDIT_TRAINING_RATERS": "user,reviewers"}, "reviewers is no kind of rater; there are user"),
        ({"PLAUDIT_TRAINING_RATERS": " , "}, "name at least one kind of rater"),
        ({"PLAUDIT_ALTERNATING": "join"}, "PLAUDIT_ALTERNATING"),
    ],
    ids=["thresholds in the wrong order", "a kind that is not", "no kind", "another way"],
)
def test_rules_that_are_wrong_are_refused(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(RowRules, environ=environ)
