"""Tokens put together from words are those of the tokenizer, whatever the text."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plaudit_schemas.models import word_tokens
from plaudit_schemas.models.word_tokens import WordTokens
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

_PIECES = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdeσςü好.,!-1",
    *(f"##{c}" for c in "abcdeσςü1"),
    "ab",
)
_ODD = " \t\n\r\v\x00\x0b\x1c\x1f\x85\xa0\u0301\u0308\u2028\u3000\ufffd\u200d"
_TEXTS = st.lists(
    st.sampled_from(
        [*"abcdeABCΣσςÜ好.,!-1xz", *_ODD, " ", "  ", "[MASK]", "[CLS]", "[mask]", "é", "e\u0301", "ab" * 60]
    ),
    max_size=40,
).map("".join)


def bert(**changes: Any) -> Tokenizer:
    vocabulary = {piece: at for at, piece in enumerate(_PIECES)}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  # no password
    made.normalizer = normalizers.BertNormalizer(**changes)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return made


def words_of(tokenizer: Tokenizer, *, special: bool = True) -> WordTokens:
    made = WordTokens.of(tokenizer, special=special)
    assert made is not None
    return made


@given(
    texts=st.lists(_TEXTS, max_size=4),
    most=st.integers(3, 20),
    side=st.sampled_from(["left", "right"]),
    special=st.booleans(),
    lowercase=st.booleans(),
)
@example(texts=["aΣ ΑΣ", "a \u0301b"], most=20, side="left", special=True, lowercase=True)
@example(texts=["a\x1cb c\x00d"], most=20, side="right", special=True, lowercase=True)
def test_ids_are_those_of_the_whole_text(
    *, texts: list[str], most: int, side: str, special: bool, lowercase: bool
) -> None:
    tokenizer = bert(lowercase=lowercase)
    words = words_of(tokenizer, special=special)
    tokenizer.enable_truncation(most, direction=side)
    wanted = tokenizer.encode_batch(texts, add_special_tokens=special)
    for _ in range(2):  # new words, and known ones
        found = words.ids_of(texts, most, keep_end=side == "left")
        assert found == [(each.ids, bool(each.overflowing)) for each in wanted]


def test_few_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tokens, "_MOST_WORDS", 3)
    tokenizer = bert()
    words = words_of(tokenizer)
    for texts in (["a b c d"], ["e a", "b" * 200], ["a b c d e"]):
        wanted = [each.ids for each in tokenizer.encode_batch(texts)]
        assert [ids for ids, _ in words.ids_of(texts, 512, keep_end=False)] == wanted
    assert len(words._known) <= 3 + 5
    assert "b" * 200 not in words._known


def without(part: str, value: Any) -> Tokenizer:
    made = bert()
    setattr(made, part, value)
    return made


def with_token(**how: Any) -> Tokenizer:
    made = bert()
    made.add_tokens([AddedToken(**{"content": "xy", **how})])
    return made


@pytest.mark.parametrize(
    "tokenizer",
    [
        pytest.param(without("normalizer", None), id="no-normalizer"),
        pytest.param(without("normalizer", normalizers.Lowercase()), id="other-normalizer"),
        pytest.param(without("pre_tokenizer", pre_tokenizers.Metaspace()), id="other-pre-tokenizer"),
        pytest.param(without("post_processor", processors.ByteLevel()), id="other-post-processor"),
        pytest.param(with_token(lstrip=True), id="token-takes-space-before"),
        pytest.param(with_token(rstrip=True), id="token-takes-space-after"),
        pytest.param(with_token(content="x y"), id="token-of-two-words"),
    ],
)
def test_other_tokenizers_are_left_alone(tokenizer: Tokenizer) -> None:
    assert WordTokens.of(tokenizer, special=True) is None


def test_a_tokenizer_is_not_changed() -> None:
    tokenizer = bert()
    tokenizer.enable_truncation(5)
    assert WordTokens.of(tokenizer, special=True) is not None
    assert tokenizer.truncation is not None
