"""Turns texts into token ids with the tokenizer of a model's folder. Never asks the Hugging Face Hub."""

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from plaudit_schemas.errors import ModelCheckError, ModelInputError
from plaudit_schemas.models.inputs import (
    InputKind,
    Turn,
    Turns,
    answer_text,
    exchange_text,
    template_messages,
)
from plaudit_schemas.models.manifest import CutSide, ModelManifest, is_plain_path
from plaudit_schemas.models.word_tokens import WordTokens

# Set before transformers is loaded: it would write of PyTorch, which nothing here needs.
_ENVIRONMENT: Final = {
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
TOKENIZER_NAME: Final = "tokenizer.json"
_CONFIG_NAME: Final = "tokenizer_config.json"
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CHARACTERS_A_TOKEN: Final = 64
"""More than nearly all tokens have."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Tokens(NamedTuple):
    """The token ids of one text.

    Attributes:
        cut: whether the text had more than `max_tokens`.
    """

    ids: Sequence[int]
    cut: bool


class ModelTokenizer:
    """The tokenizer of a model. Not safe for threads."""

    def __init__(
        self, tokenizer: Any, *, kind: InputKind, max_tokens: int, cut: CutSide, today: datetime = _SOME_DAY
    ) -> None:
        """Takes a tokenizer of transformers, which is changed.

        Args:
            today: the date for chat templates that write one, so that a chat always gives the same text.
        """
        self._today = today
        tokenizer.truncation_side = cut
        self._tokenizer = tokenizer
        self._kind = kind
        self._max_tokens = max_tokens
        self._cut = cut
        # A chat template has written the special tokens into the text.
        self._special = kind != "history"
        self._words = WordTokens.of(tokenizer.backend_tokenizer, special=self._special)
        self.pad_id: int = 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def input_of(self, turns: Turns) -> str:
        """The text that the model is given for the last of these turns, which UTF-8 can hold.

        Raises:
            ModelInputError: its chat template does not take these turns.
        """
        return without_surrogates(self._text_of(turns))

    def _text_of(self, turns: Turns) -> str:
        if self._kind == "answer":
            return answer_text(turns)
        if self._kind == "exchange":
            return exchange_text(turns)
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    template_messages(turns), tokenize=False, strftime_now=self._today.strftime
                )
            )
        except Exception as error:  # a template can fail in any way
            told = " ".join(str(error).split()) or type(error).__name__
            raise ModelInputError(
                f"the model's chat template does not take the conversation: {told}"
            ) from None

    def tokens_of(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, at most `max_tokens`. There may be none."""
        whole = [without_surrogates(text) for text in texts]
        windows = [self._window(text) for text in whole]
        tokens = self._encoded(windows)
        for place, text in enumerate(whole):
            # The window had fewer tokens than the model takes, and the text may have more.
            if len(windows[place]) < len(text) and not tokens[place].cut:
                tokens[place] = self._encoded([text])[0]
        return tokens

    def _window(self, text: str) -> str:
        """The end of a text that is kept. To tokenise a mebibyte takes a second, and nearly all is cut."""
        most = self._max_tokens * _CHARACTERS_A_TOKEN
        return text[-most:] if self._cut == "left" else text[:most]

    def _encoded(self, texts: Sequence[str]) -> list[Tokens]:
        if self._words is not None:
            found = self._words.ids_of(texts, self._max_tokens, keep_end=self._cut == "left")
            return [Tokens(ids, cut) for ids, cut in found]
        encoded = self._tokenizer(
            list(texts),
            add_special_tokens=self._special,
            truncation=True,
            max_length=self._max_tokens,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [
            Tokens(ids, bool(encoding.overflowing))
            for ids, encoding in zip(encoded["input_ids"], encoded.encodings, strict=True)
        ]


def without_surrogates(text: str) -> str:
    """A text with U+FFFD for each lone surrogate, which UTF-8 cannot hold."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def open_tokenizer(folder: Path, manifest: ModelManifest) -> ModelTokenizer:
    """Load the tokenizer of a model's folder.

    Raises:
        ModelCheckError: it has none that can be loaded, or needs one of its own code.
    """
    if not (folder / TOKENIZER_NAME).is_file():
        # Transformers would make one of other files, with packages that a scorer may not have.
        raise ModelCheckError(
            f"{folder} has no tokenizer: it lacks {TOKENIZER_NAME}; save the model's fast tokenizer there "
            "with save_pretrained, and make the model again"
        )
    tokenizer = load_tokenizer(folder)
    if manifest.input == "history" and not tokenizer.chat_template:
        raise ModelCheckError(
            f"{folder} has input: history, and its tokenizer has no chat template; add chat_template.jinja, "
            "or choose the input exchange"
        )
    special = tokenizer.num_special_tokens_to_add()
    if manifest.max_tokens <= special:
        raise ModelCheckError(
            f"{folder} has max_tokens: {manifest.max_tokens}, and its tokenizer adds {special} special "
            "tokens; nothing is left for the text"
        )
    made = ModelTokenizer(
        tokenizer,
        kind=manifest.input,
        max_tokens=manifest.max_tokens,
        cut=manifest.cut,
        today=manifest.created_at,
    )
    try:
        made.input_of([Turn("user", "a"), Turn("assistant", "b")])
    except ModelInputError as error:
        raise ModelCheckError(
            f"{folder} cannot be given a chat of a user and an assistant: {error}; mend its chat template"
        ) from None
    return made


def load_tokenizer(folder: Path) -> Any:
    """The `AutoTokenizer` of a folder.

    Raises:
        ModelCheckError: it cannot be loaded.
    """
    _check_config(folder)
    auto = _auto_tokenizer()
    try:
        tokenizer = auto.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each kind of tokenizer fails in its own way
        told = " ".join(str(error).split()).partition(". ")[0][:200]
        raise ModelCheckError(
            f"{folder} has no tokenizer that can be loaded ({type(error).__name__}: {told}); save it there "
            f"anew with save_pretrained, as {TOKENIZER_NAME} and {_CONFIG_NAME}"
        ) from None
    if not tokenizer.is_fast:
        raise ModelCheckError(
            f"{folder} has a tokenizer of Python code; save it as tokenizer.json (a fast tokenizer)"
        )
    return tokenizer


def _check_config(folder: Path) -> None:
    """Refuse a tokenizer that transformers would take from elsewhere.

    Raises:
        ModelCheckError: it has code of its own, or names files outside the folder.
    """
    try:
        config = json.loads((folder / _CONFIG_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return  # transformers says what is wrong with it
    if not isinstance(config, dict):
        raise ModelCheckError(f"{folder / _CONFIG_NAME} is no JSON object; save the tokenizer there anew")
    if "auto_map" in config:
        raise ModelCheckError(
            f"{folder} has a tokenizer with code of its own (auto_map in {_CONFIG_NAME}), which is never "
            f"run; save it as a fast tokenizer ({TOKENIZER_NAME}), without auto_map"
        )
    files = config.get("fast_tokenizer_files", [])
    if not isinstance(files, list) or not all(
        isinstance(name, str) and is_plain_path(name) for name in files
    ):
        raise ModelCheckError(
            f"{folder / _CONFIG_NAME} names files outside the folder; remove fast_tokenizer_files from it"
        )


def _auto_tokenizer() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from transformers import AutoTokenizer  # noqa: PLC0415  # takes a second to load

    return AutoTokenizer
