"""The models file: what it may hold, and what is refused in the words of its author."""

from pathlib import Path
from typing import get_args

import pytest
from plaudit_producers.chat.errors import EndpointErrorKind
from plaudit_producers.chat.models_reader import read_models
from plaudit_producers.chat.responder import BUILTIN_MODELS
from plaudit_schemas.errors import SettingsError

from tests.support.services import ROOT

_WHOLE = """
version: 1
models:
  - id: answerer
    version: "2"
    label: Answerer, new
    endpoint: http://127.0.0.1:8000/v1
    model: org/answerer-2
    api_key_env: ANSWERER_KEY
    system_prompt: Be brief.
    parameters: {temperature: 0.2, max_tokens: 500, extra_body: {top_k: 5}}
    metadata: {team: support}
  - id: answerer
    version: "1"
    kind: tgi
    endpoint: https://tgi.example:8080/?api-version=1
    stream: false
  - id: toy
    kind: builtin
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def one(fields: str) -> str:
    """A file with one model, which has these fields besides."""
    return f"version: 1\nmodels:\n  - id: a\n    endpoint: http://h/v1\n    {fields}\n"


def problem(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as raised:
        read_models(write(folder, text), environ)
    return str(raised.value)


def test_a_file_lists_models(tmp_path: Path) -> None:
    first, second, third = read_models(write(tmp_path, _WHOLE), {"ANSWERER_KEY": "k"})
    assert (first.key, first.name, first.endpoint_model) == ("answerer@2", "Answerer, new", "org/answerer-2")
    assert first.parameters.given() == {"temperature": 0.2, "max_tokens": 500, "extra_body": {"top_k": 5}}
    assert first.event_model().metadata == {"team": "support"}
    assert (second.key, second.name, second.endpoint_model) == ("answerer@1", "answerer 1", None)
    assert (third.key, third.name, third.endpoint_model) == ("toy", "toy (no model)", "toy")
    assert third.event_model().metadata == {"builtin": "true"}


def test_the_documented_file_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "chat-models.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert [model.key for model in read_models(write(tmp_path, example), {"ANSWERER_KEY": "k"})] == [
        "answerer@2", "answerer@1", "practice",
    ]  # fmt: skip
    assert [kind for kind in get_args(EndpointErrorKind) if f"`{kind}`" not in page] == []


@pytest.mark.parametrize("path", [pytest.param(None, id="unset"), pytest.param("", id="an empty setting")])
def test_without_a_file_there_is_the_built_in_responder(path: str | None) -> None:
    assert read_models(path) == BUILTIN_MODELS
    assert all("no model" in model.name for model in BUILTIN_MODELS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param("lable: A", "model a: lable: there is no such field; did you mean label?", id="a field"),
        pytest.param(
            "parameters: {temprature: 1}",
            "parameters.temprature: there is no such field; did you mean temperature?",
            id="a parameter",
        ),
        pytest.param("kind: opnai", "kind: did you mean openai?", id="a kind"),
        pytest.param("kind: 7", "must be one of openai, tgi, builtin", id="no kind at all"),
        pytest.param("version: 2", "version: must be a text", id="a number as version"),
        pytest.param("label:", "label: has no value", id="no value"),
        pytest.param("stream: 'no'", "stream", id="a text as switch"),
        pytest.param("parameters: {temperature: -1}", "temperature", id="a parameter out of range"),
        pytest.param("parameters: {temperature: .nan}", "temperature", id="a parameter that is no number"),
        pytest.param("label: ' a'", "blanks around it", id="blanks around a label"),
        pytest.param("metadata: {a: 1}", "metadata.a: must be a text", id="a number in metadata"),
    ],
)
def test_a_typo_is_refused_with_the_nearest_name(tmp_path: Path, fields: str, said: str) -> None:
    assert said in problem(tmp_path, one(fields))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param("api_key: sk-very-secret", id="api_key"),
        pytest.param("API-Key: sk-very-secret", id="another spelling"),
        pytest.param("token: sk-very-secret", id="token"),
        pytest.param("metadata: {password: sk-very-secret}", id="in metadata"),
        pytest.param("parameters: {extra_body: {api_key: sk-very-secret}}", id="in a parameter"),
        pytest.param("hf_token: sk-very-secret", id="a token of the Hub"),
        pytest.param("metadata: {x-api-key: sk-very-secret}", id="a header's name"),
        pytest.param("headers: {Authorization: sk-very-secret}", id="in a field that there is not"),
        pytest.param(
            "parameters: {extra_body: {search: [{openai_api_key: sk-very-secret}]}}", id="deep inside"
        ),
        pytest.param("api_key_env: sk-very-secret", id="as the name of a variable"),
        pytest.param("api_key_env: hf_sk_very_secret", id="as a name that a variable could have"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, fields: str) -> None:
    said = problem(tmp_path, one(fields))
    assert "environment variable" in said
    assert "very-secret" not in said.replace("_", "-")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param("parameters: {extra_body: {eos_token: </s>}}", id="a token of the tokenizer"),
        pytest.param(
            "parameters: {response_format: {schema: {properties: {password: {type: string}}}}}",
            id="a property of what the model shall write",
        ),
        pytest.param("metadata: {tokens: many}", id="a word that begins like one"),
    ],
)
def test_what_only_looks_like_a_secret_is_taken(tmp_path: Path, fields: str) -> None:
    assert read_models(write(tmp_path, one(fields)), {})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("ftp://h/v1", "must be a URL", id="another scheme"),
        pytest.param("h:8000/v1", "must be a URL", id="no scheme"),
        pytest.param("http:///v1", "must be a URL", id="no host"),
        pytest.param("http://h:0/v1", "must be a URL", id="port 0"),
        pytest.param("http://h:99999/v1", "is no URL", id="no port"),
        pytest.param("http://[::1/v1", "is no URL", id="half a bracket"),
        pytest.param("http://u:sk-very-secret@h/v1", "has a secret in it", id="a password"),
        pytest.param("http://h/v1?key=sk-very-secret", "has a secret in it", id="a key in the query"),
        pytest.param("http://h/v1#top", "has a # in it", id="a fragment"),
        pytest.param("http://h/ v1", "has blanks", id="a blank"),
    ],
)
def test_an_endpoint_is_a_url_without_secrets(tmp_path: Path, url: str, said: str) -> None:
    found = problem(tmp_path, f"version: 1\nmodels:\n  - id: a\n    endpoint: '{url}'\n")
    assert said in found
    assert "sk-very-secret" not in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "must have `version` and `models`", id="an empty file"),
        pytest.param("- a", "must have `version` and `models`", id="a list"),
        pytest.param("version: 1\nmodel: []", "there is no field model; did you mean models?", id="a typo"),
        pytest.param("version: 1\nx: 1", "there is no field x; remove it", id="another field"),
        pytest.param("version: 2\nmodels: []", "version must be 1", id="another version"),
        pytest.param("version: true\nmodels: []", "version must be 1", id="no version"),
        pytest.param("version: 1\nmodels: []", "at least one", id="no models"),
        pytest.param("version: 1\nmodels: {a: 1}", "at least one", id="a mapping of models"),
        pytest.param("version: 1\nmodels: [a]", "model 1", id="a text as model"),
        pytest.param("version: 1\nmodels: [{endpoint: 'http://h'}]", "model 1: id: is missing", id="no id"),
        pytest.param("version: 1\nmodels: [{id: a}]", "endpoint is missing", id="no endpoint"),
        pytest.param("models: [", "line 1", id="no YAML"),
        pytest.param("version: 1\nversion: 1", "given twice", id="a field twice"),
        pytest.param("version: 1\nmodels: " + "[" * 2_000, "nested too deeply", id="deep lists"),
        pytest.param(
            "version: 1\nmodels: [{id: a, kind: builtin}, {id: a, kind: builtin}]", "listed twice", id="twins"
        ),
        pytest.param(
            "version: 1\nmodels: [{id: a, kind: builtin}, {id: b, kind: builtin, label: a (no model)}]",
            "two models are called a",
            id="one name for two",
        ),
        pytest.param(
            "version: 1\nmodels: [{id: a, kind: builtin, endpoint: 'http://h'}]",
            "no endpoint and no key",
            id="an endpoint of the built-in responder",
        ),
    ],
)
def test_a_file_that_is_no_models_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    found = problem(tmp_path, text)
    assert said in found
    assert str(tmp_path) in found


def test_too_many_models_are_refused(tmp_path: Path) -> None:
    models = "".join(f"  - {{id: m{number}, kind: builtin}}\n" for number in range(1001))
    assert "more than 1000" in problem(tmp_path, f"version: 1\nmodels:\n{models}")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_models(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"version: 1 # \xe9")
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        read_models(tmp_path / "latin.yaml")


def test_a_variable_with_a_typo_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    said = problem(tmp_path, one("api_key_env: ANSWERER_API_KYE"), ANSWERER_API_KEY="k", OTHER_API_KEY="k")
    assert "ANSWERER_API_KYE is not set; did you mean ANSWERER_API_KEY?" in said
    for environ in ({"OTHER_API_KEY": "k"}, {"ANSWERER_API_KEY": ""}):
        assert "set it" in problem(tmp_path, one("api_key_env: ANSWERER_API_KEY"), **environ)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param("", "is not set", id="empty"),
        pytest.param(" \n", "is not set", id="blank"),
        pytest.param("sk 1", "characters that no key has", id="a blank inside"),
        pytest.param("sk\u20ac1", "characters that no key has", id="no ASCII"),
    ],
)
def test_a_key_that_is_none_is_refused_at_the_start(tmp_path: Path, value: str, said: str) -> None:
    found = problem(tmp_path, one("api_key_env: A_KEY"), A_KEY=value)
    assert "model a" in found
    assert f"the environment variable A_KEY {said.removeprefix('is not')}".split(" A_KEY")[0] in found
    assert said in found
