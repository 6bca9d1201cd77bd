"""`plaudit-model.yaml`: what it may say, and how a mistake in it is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.describing import described
from plaudit_schemas.models.manifest import MANIFEST_NAME, ModelManifest, is_plain_path
from plaudit_schemas.models.manifest_file import (
    manifest_text,
    parse_manifest,
    read_manifest,
    write_manifest,
)

SHA = "ab" * 32
LEAST: dict[str, Any] = {
    "format": 1,
    "name": "polite",
    "version": "1",
    "input": "answer",
    "max_tokens": 64,
    "output": "reward",
    "licence": "MIT",
    "files": {"model.onnx": SHA},
    "canaries": [{"text": "thanks", "score": 0.9}],
    "created_at": "2026-01-31T12:00:00Z",
    "created_by": "tests",
}
FIGURES = {
    "rows": 100,
    "better_than_chance": True,
    "accuracy": {"value": 0.6, "low": 0.5, "high": 0.7},
    "baselines": {"majority": {"value": 0.5, "low": 0.4, "high": 0.6}},
}


def parsed(**changes: Any) -> ModelManifest:
    return parse_manifest(yaml.safe_dump({**LEAST, **changes}).encode(), "m.yaml")


def refusal(**changes: Any) -> str:
    with pytest.raises(ModelCheckError) as refused:
        parsed(**changes)
    return str(refused.value)


def test_the_least_manifest_has_the_usual_values() -> None:
    manifest = parsed()
    assert (manifest.cut, manifest.aspect) == ("left", "satisfaction")
    assert (manifest.calibration.slope, manifest.calibration.intercept) == (1.0, 0.0)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    manifest = parsed(description="für Menschen", languages=["en", "de"], figures=FIGURES)
    sha256 = write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == (manifest, sha256)
    assert "für Menschen" in manifest_text(manifest)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "typo": ({"max_token": 3}, "max_token: there is no such field; did you mean max_tokens?"),
    "typo-inside": (
        {"calibration": {"slop": 1}},
        "calibration.slop: there is no such field; did you mean slope?",
    ),
    "canary-without-score": ({"canaries": [{"text": "a"}]}, "canaries.0.score: is missing"),
    "stray-field": ({"zzz": 1}, "zzz: there is no such field; remove it"),
    "number-as-version": (
        {"version": 1},
        "version: must be a text, and YAML reads it as 1; put it in quotes",
    ),
    "slash-in-the-name": ({"name": "a/b"}, "name: must have 1 to 64 of A-Z, a-z, 0-9"),
    "empty-name": ({"name": ""}, "name: must have 1 to 64 of A-Z, a-z, 0-9"),
    "null-name": ({"name": None}, "name: has no value; write one"),
    "unknown-input": ({"input": "chat"}, "input: Input should be 'answer', 'exchange' or 'history'"),
    "no-tokens": ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    "text-as-number": ({"max_tokens": "64"}, "max_tokens: Input should be a valid integer"),
    "nan": ({"calibration": {"slope": float("nan")}}, "calibration.slope: Input should be a finite number"),
    "no-canary": ({"canaries": []}, "canaries: is empty; list at least one"),
    "score-of-two": (
        {"canaries": [{"text": "a", "score": 2}]},
        "canaries.0.score: Input should be less than",
    ),
    "no-hash": ({"files": {"model.onnx": "x"}}, "files.model.onnx: must be a sha256: 64 of 0-9"),
    "no-graph": ({"files": {"a.txt": SHA}}, "files must list model.onnx"),
    "parent-folder": ({"files": {"model.onnx": SHA, "../a": SHA}}, "within the folder, not '../a'"),
    "absolute-path": ({"files": {"model.onnx": SHA, "/etc/a": SHA}}, "within the folder, not '/etc/a'"),
    "itself": ({"files": {"model.onnx": SHA, MANIFEST_NAME: SHA}}, "files cannot list plaudit-model.yaml"),
    "no-zone": ({"created_at": "2026-01-31T12:00:00"}, "created_at: must have a time zone"),
    "newer-format": ({"format": 2}, "has format 2, and this version of Plaudit reads format 1"),
    "format-true": ({"format": True}, "has format True"),
    "outside-its-interval": (
        {"figures": {**FIGURES, "accuracy": {"value": 0.9, "low": 0.5, "high": 0.7}}},
        "figures.accuracy: must lie within its interval",
    ),
}


def test_a_needed_field_with_another_spelling_is_told_by_what_is_written() -> None:
    document = {name.replace("licence", "license"): value for name, value in LEAST.items()}
    with pytest.raises(ModelCheckError, match="license: there is no such field; did you mean licence"):
        parse_manifest(yaml.safe_dump(document).encode(), "m.yaml")


@pytest.mark.parametrize(("changes", "told"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], told: str) -> None:
    assert told in refusal(**changes)


BOMB = b"a0: &a0 {k: v}\n" + b"".join(
    b"a%d: &a%d [*a%d, *a%d, *a%d]\n" % (at, at, at - 1, at - 1, at - 1) for at in range(1, 40)
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"\xff\xfe", "is not text in UTF-8", id="other-encoding"),
        pytest.param(b"name: [", "is no YAML: line 1", id="no-yaml"),
        pytest.param(
            b"name: a\ncreated_at: 2026-02-30T00:00:00Z",
            r"line 2: 2026-02-30T00:00:00Z cannot be read as timestamp \(day is out of range",
            id="no-such-day",
        ),
        pytest.param(b"name: !!int ''", "line 1: .* cannot be read as int", id="no-number"),
        pytest.param(b"name: 1" + b":59" * 9000, "line 1: a number has more than 100 digits", id="base-60"),
        pytest.param(BOMB, "has more than 100000 values", id="aliases-of-aliases"),
        pytest.param(b"name: &a [*a]", "has more than 100000 values", id="itself-within-itself"),
        pytest.param(b"name: a\nname: b", "name is given twice", id="key-twice"),
        pytest.param(b"- a", "it must have fields", id="list"),
        pytest.param(b"name: a", "format: is missing; write `format: 1`", id="no-format"),
        pytest.param(b"", "it must have fields", id="empty"),
        pytest.param(b"[" * 5000, "is nested too deeply", id="deep"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ModelCheckError, match=told):
        parse_manifest(data, "m.yaml")


def test_a_folder_without_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no plaudit-model\.yaml"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_manifest(tmp_path)


def test_a_huge_manifest_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ModelCheckError, match="larger than 1048576 bytes"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("path", ["model.onnx", "weights/part.bin", "chat_template.jinja", ".gitattributes"])
def test_plain_paths_are_taken(path: str) -> None:
    assert is_plain_path(path)


OTHER_PATHS = {
    "empty": "",
    "absolute": "/a",
    "parent": "../a",
    "through-the-parent": "a/../b",
    "two-slashes": "a//b",
    "dot": "./a",
    "slash-at-the-end": "a/",
    "windows": "C:\\a",
    "line-end": "a\n",
    "scheme": "file:a",
    "address-in-memory": "*/_ORT_MEM_ADDR_/*",
}


@pytest.mark.parametrize("path", OTHER_PATHS.values(), ids=OTHER_PATHS.keys())
def test_other_paths_are_refused(path: str) -> None:
    assert not is_plain_path(path)


def test_every_field_is_explained() -> None:
    assert [name for name, field in ModelManifest.model_fields.items() if not field.description] == []
    lines = list(described(parsed(), SHA, explain=True))
    for name, field in ModelManifest.model_fields.items():
        assert any(line.startswith(f"  {name}:") for line in lines), name
        assert f"      {field.description}" in lines


def test_what_was_not_given_is_left_out() -> None:
    lines = list(described(parsed(figures=FIGURES), SHA))
    assert "polite@1" in lines
    assert not any("encoder" in line for line in lines)
    assert "    accuracy: 0.600 (95 %: 0.500 to 0.700)" in lines
    assert "    baselines: majority 0.500 (95 %: 0.400 to 0.600)" in lines
    assert "    better_than_chance: yes" in lines


def test_a_terminal_is_sent_no_sequences() -> None:
    canary = {"text": "\x1b[31mred", "score": 0.5}
    lines = "".join(described(parsed(description="\x1b[2J", canaries=[canary]), SHA))
    assert "\x1b" not in lines
