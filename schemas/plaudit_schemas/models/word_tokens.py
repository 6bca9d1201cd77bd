"""Token ids of texts, put together from those of their words."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Self

from tokenizers import Tokenizer

_MOST_WORDS: Final = 1 << 16
_LONGEST_WORD: Final = 32
"""Characters of a word that is kept. Longer ones hardly come twice."""


class WordTokens:
    """The token ids of texts, for tokenizers that look at each word alone.

    People use few different words, so nearly all are known from texts before; that is several times as fast
    as to tokenise them again. The ids are those of the tokenizer: BERT's normalizer works on each character,
    its pre-tokenizer splits at spaces and more, and WordPiece sees only what lies between. Not safe for
    threads.
    """

    def __init__(self, tokenizer: Tokenizer, *, special: bool) -> None:
        """Takes a tokenizer that `are_separate` holds for, which is changed.

        Args:
            special: whether the tokenizer's special tokens are put around a text.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._before, self._after = _around(tokenizer) if special else ([], [])

    @classmethod
    def of(cls, tokenizer: Tokenizer, *, special: bool) -> Self | None:
        """Of a copy of a tokenizer; None for one that does not look at each word alone."""
        text = tokenizer.to_str()
        return cls(Tokenizer.from_str(text), special=special) if are_separate(json.loads(text)) else None

    def ids_of(self, texts: Sequence[str], most: int, *, keep_end: bool) -> list[tuple[list[int], bool]]:
        """For each text its token ids, at most `most` with the special ones, and whether it had more.

        Args:
            most: more than there are special tokens.
            keep_end: of a text with too many, those at its end are kept.
        """
        words = [text.split(" ") for text in texts]
        long = self._learn(words)
        room = most - len(self._before) - len(self._after)
        found = []
        for each in words:
            ids = list(chain.from_iterable(map(self._known.__getitem__, each)))
            cut = len(ids) > room
            if cut:
                ids = ids[-room:] if keep_end else ids[:room]
            found.append(([*self._before, *ids, *self._after], cut))
        for word in long:
            del self._known[word]
        return found

    def _learn(self, texts: Sequence[Sequence[str]]) -> list[str]:
        """Learn the words of texts. Returns those that are not worth their place."""
        known = self._known
        if len(known) > _MOST_WORDS:
            known.clear()
        new = list(dict.fromkeys(word for text in texts for word in text if word not in known))
        if new:
            encoded = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
            known.update(zip(new, (each.ids for each in encoded), strict=True))
        return [word for word in new if len(word) > _LONGEST_WORD]


def are_separate(tokenizer: Any) -> bool:
    """Whether a tokenizer gives a text the ids of its words, one after the other; words end at a space.

    Args:
        tokenizer: the content of its tokenizer.json.
    """
    return (
        _type_of(tokenizer["normalizer"]) == "BertNormalizer"
        and _type_of(tokenizer["pre_tokenizer"]) == "BertPreTokenizer"
        and _type_of(tokenizer["model"]) == "WordPiece"
        and _type_of(tokenizer["post_processor"]) in ("BertProcessing", "TemplateProcessing", None)
        and not any(map(_crosses_words, tokenizer["added_tokens"]))
    )


def _type_of(part: Any) -> str | None:
    return None if part is None else part["type"]


def _crosses_words(added: Any) -> bool:
    """Whether an added token may take spaces with it."""
    return bool(added["lstrip"] or added["rstrip"] or " " in added["content"])


def _around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text."""
    encoded = tokenizer.encode("a")
    own = [place for place, special in enumerate(encoded.special_tokens_mask) if not special]
    return encoded.ids[: own[0]], encoded.ids[own[-1] + 1 :]
