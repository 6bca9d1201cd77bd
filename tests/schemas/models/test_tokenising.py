"""Texts to tokens: limits, odd texts, chat templates, and no request to a hub."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plaudit_schemas.errors import ModelCheckError, ModelInputError
from plaudit_schemas.models.inputs import (
    ToolUse,
    Turn,
    answer_text,
    exchange_text,
    template_messages,
)
from plaudit_schemas.models.manifest_file import read_manifest
from plaudit_schemas.models.tokenising import (
    ModelTokenizer,
    load_tokenizer,
    open_tokenizer,
    without_surrogates,
)
from tokenizers import processors

from tests.support.tiny_models import write_tokenizer

WORDS = {"thanks": 1.0, "please": 1.0, "rude": 1.0}
THANKS, PLEASE, RUDE, UNKNOWN = 2, 3, 4, 1


def tokenizer(folder: Path, **changes: Any) -> ModelTokenizer:
    options: dict[str, Any] = {"kind": "answer", "max_tokens": 4, "cut": "left", **changes}
    write_tokenizer(folder, WORDS)
    return ModelTokenizer(load_tokenizer(folder), **options)


def ids(made: ModelTokenizer, text: str) -> list[int]:
    return list(made.tokens_of([text])[0].ids)


def test_texts_become_ids(tmp_path: Path) -> None:
    made = tokenizer(tmp_path)
    assert [list(each.ids) for each in made.tokens_of(["thanks please", "", "x"])] == [[2, 3], [], [1]]


@pytest.mark.parametrize(
    ("cut", "kept"),
    [pytest.param("left", [PLEASE, RUDE], id="left"), pytest.param("right", [THANKS, PLEASE], id="right")],
)
def test_a_long_text_is_cut_at_the_named_side(tmp_path: Path, cut: str, kept: list[int]) -> None:
    made = tokenizer(tmp_path, max_tokens=2, cut=cut)
    [long, short] = made.tokens_of(["thanks please rude", "rude"])
    assert (list(long.ids), long.cut) == (kept, True)
    assert (list(short.ids), short.cut) == ([RUDE], False)


def test_special_tokens_stay_when_a_text_is_cut(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, WORDS)
    loaded = load_tokenizer(tmp_path)
    loaded.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[PAD] $A [UNK]", special_tokens=[("[PAD]", 0), ("[UNK]", 1)]
    )
    made = ModelTokenizer(loaded, kind="answer", max_tokens=4, cut="left")
    assert ids(made, "thanks please rude") == [0, PLEASE, RUDE, 1]
    assert ids(made, "") == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["left", "right"])
def test_a_hundred_thousand_tokens_and_a_mebibyte_are_cut(tmp_path: Path, cut: str) -> None:
    made = tokenizer(tmp_path, cut=cut)
    words = made.tokens_of(["thanks " * 100_000])[0]
    assert (list(words.ids), words.cut) == ([THANKS] * 4, True)
    assert made.tokens_of(["x" * (1 << 20)])[0] == ([UNKNOWN], False)


@pytest.mark.parametrize("cut", ["left", "right"])
def test_what_lies_beyond_many_blanks_is_not_lost(tmp_path: Path, cut: str) -> None:
    made = tokenizer(tmp_path, cut=cut)
    blanks = " " * 10_000
    assert made.tokens_of([f"{blanks}thanks{blanks}"])[0] == ([THANKS], False)


def test_a_window_gives_what_the_whole_text_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "thanks please rude x " * 5000
    windowed = [tokenizer(tmp_path, cut=cut).tokens_of([text]) for cut in ("left", "right")]
    monkeypatch.setattr("plaudit_schemas.models.tokenising._CHARACTERS_A_TOKEN", 1 << 20)
    assert windowed == [tokenizer(tmp_path, cut=cut).tokens_of([text]) for cut in ("left", "right")]


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    assert without_surrogates("a\ud800b\udfff\U0001f600") == "a\ufffdb\ufffd\U0001f600"
    assert ids(tokenizer(tmp_path), "thanks \ud83d please") == [THANKS, UNKNOWN, PLEASE]


TURNS = [
    Turn("system", "s"),
    Turn("user", "first"),
    Turn("assistant", "one"),
    Turn("user", "second"),
    Turn("tool", "out", tool_call_id="c"),
    Turn("assistant", "two"),
]


def test_inputs_of_each_kind(tmp_path: Path) -> None:
    assert answer_text(TURNS) == "two"
    assert exchange_text(TURNS) == "second\n\ntwo"
    assert exchange_text([Turn("assistant", "two")]) == "two"
    assert tokenizer(tmp_path, kind="answer").input_of(TURNS) == "two"
    assert tokenizer(tmp_path, kind="exchange").input_of(TURNS) == "second\n\ntwo"
    history = tokenizer(tmp_path, kind="history").input_of(TURNS[:3])
    assert history == "system : s\nuser : first\nassistant : one\n"


@pytest.mark.parametrize("kind", ["answer", "exchange", "history"])
def test_an_input_can_be_encoded(tmp_path: Path, kind: str) -> None:
    made = tokenizer(tmp_path, kind=kind).input_of([Turn("user", "\ud800"), Turn("assistant", "a\udfff")])
    assert made.encode().decode().count("\ufffd") == (1 if kind == "answer" else 2)


def test_templates_get_only_keys_that_apply() -> None:
    call = Turn("assistant", "", "thinking", [ToolUse("c", "f", '{"a": 1}'), ToolUse("d", "g", "no json")])
    plain, called = template_messages([Turn("user", "hi"), call])
    assert plain == {"role": "user", "content": "hi"}
    assert called["reasoning_content"] == "thinking"
    assert [each["function"]["arguments"] for each in called["tool_calls"]] == [{"a": 1}, "no json"]
    assert template_messages([TURNS[4]])[0]["tool_call_id"] == "c"


def test_a_template_that_does_not_take_a_chat_refuses_this_chat_alone(tmp_path: Path) -> None:
    template = "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}ok"
    write_tokenizer(tmp_path, WORDS, template)
    made = ModelTokenizer(load_tokenizer(tmp_path), kind="history", max_tokens=4, cut="left")
    with pytest.raises(ModelInputError, match="does not take the conversation: user first"):
        made.input_of([Turn("assistant", "a")])
    assert made.input_of([Turn("user", "a"), Turn("assistant", "b")]) == "ok"


def test_a_template_that_writes_the_date_gives_the_same_text_every_day(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, WORDS, "{{ strftime_now('%d %b %Y') }}")
    made = ModelTokenizer(
        load_tokenizer(tmp_path),
        kind="history",
        max_tokens=4,
        cut="left",
        today=datetime(2020, 2, 29, tzinfo=UTC),
    )
    assert made.input_of(TURNS) == "29 Feb 2020"


def test_history_adds_no_special_tokens(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, WORDS)
    loaded = load_tokenizer(tmp_path)
    loaded.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[PAD] $A", special_tokens=[("[PAD]", 0)]
    )
    assert ids(ModelTokenizer(loaded, kind="history", max_tokens=4, cut="left"), "thanks") == [THANKS]


def change(folder: Path, **fields: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def spoil_nothing(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def spoil_config(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{")


def spoil_vocabulary(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def change_to_a_list(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("[]")


def look_elsewhere(folder: Path) -> None:
    change(folder, fast_tokenizer_files=["../elsewhere/tokenizer.1.0.json"])


def need_code(folder: Path) -> None:
    change(folder, auto_map={"AutoTokenizer": ["code.Own", "code.OwnFast"]}, tokenizer_class="Own")
    (folder / "code.py").write_text("raise SystemExit('ran')")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_nothing, "has no tokenizer that can be loaded"),
        (spoil_config, "has no tokenizer that can be loaded"),
        (spoil_vocabulary, "has no tokenizer that can be loaded"),
        (change_to_a_list, "is no JSON object; save the tokenizer there anew"),
        (look_elsewhere, "names files outside the folder; remove fast_tokenizer_files"),
        (need_code, "has a tokenizer with code of its own"),
    ],
    ids=["no-files", "broken-config", "broken-vocabulary", "list-as-config", "files-elsewhere", "own-code"],
)
def test_a_tokenizer_that_cannot_be_loaded_is_told(
    tmp_path: Path, spoil: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tokenizer(tmp_path, WORDS)
    spoil(tmp_path)
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(ModelCheckError, match=told):
        load_tokenizer(tmp_path)


def test_nothing_is_asked_of_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", asked)
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    write_tokenizer(tmp_path, WORDS)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mistral", "vocab_size": 200_000}))
    assert load_tokenizer(tmp_path).is_fast


def test_history_needs_a_template_and_room_for_text(folder: Path) -> None:
    manifest, _ = read_manifest(folder)
    change(folder, chat_template=None)
    with pytest.raises(ModelCheckError, match="its tokenizer has no chat template"):
        open_tokenizer(folder, manifest.model_copy(update={"input": "history"}))


def test_a_template_that_takes_no_chat_at_all_is_told(folder: Path) -> None:
    manifest, _ = read_manifest(folder)
    change(folder, chat_template="{% for m in messages %}{{ m.role }")
    open_tokenizer(folder, manifest)
    with pytest.raises(ModelCheckError, match=r"cannot be given a chat .* mend its chat template"):
        open_tokenizer(folder, manifest.model_copy(update={"input": "history"}))


def test_special_tokens_alone_must_not_fill_the_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, _ = read_manifest(folder)
    loaded = load_tokenizer(folder)
    monkeypatch.setattr(loaded, "num_special_tokens_to_add", lambda: 64)
    monkeypatch.setattr("plaudit_schemas.models.tokenising.load_tokenizer", lambda _: loaded)
    with pytest.raises(ModelCheckError, match="max_tokens: 64, and its tokenizer adds 64 special tokens"):
        open_tokenizer(folder, manifest)


def test_a_tokenizer_of_python_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        is_fast = False

        @classmethod
        def from_pretrained(cls, *_: object, **__: object) -> "Slow":
            return cls()

    monkeypatch.setattr("plaudit_schemas.models.tokenising._auto_tokenizer", lambda: Slow)
    with pytest.raises(ModelCheckError, match="tokenizer of Python code"):
        load_tokenizer(tmp_path)
