"""`plaudit models list`, `show`, `publish`, `rollback` and `withdraw` on a real Kafka."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK, USAGE
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import MODELS
from plaudit_schemas.topics.admin import ensure

from tests.support.object_store import empty_bucket, object_store
from tests.support.tiny_models import write_model

pytestmark = [pytest.mark.kafka]
Plaudit = Callable[..., str]

WORSE = {
    "rows": 120,
    "better_than_chance": False,
    "accuracy": {"value": 0.51, "low": 0.42, "high": 0.6},
}


@pytest.fixture
def connection(kafka: str, monkeypatch: pytest.MonkeyPatch) -> ConnectionSettings:
    settings = ConnectionSettings(bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    monkeypatch.setenv("PLAUDIT_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", settings.topic_prefix)
    ensure(settings.model_copy(update={"partitions": 1}))
    return settings


@pytest.fixture
def plaudit(connection: ConnectionSettings, capsys: pytest.CaptureFixture[str]) -> Plaudit:
    """Runs `plaudit models ...`, and gives what it printed."""

    def run(*words: str, code: int = OK) -> str:
        capsys.readouterr()
        assert main(["models", *words]) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    def make(version: str, **fields: object) -> str:
        made = tmp_path / f"polite-{version}"
        write_model(made, version=version, **fields)  # type: ignore[arg-type]  # fields of the manifest
        return str(made)

    return make


@pytest.fixture(scope="module")
def store_address() -> Iterator[str]:
    with object_store() as address:
        yield address


def test_a_model_is_published_shown_and_listed(plaudit: Plaudit, folder: Callable[..., str]) -> None:
    assert "no model is published; `plaudit models publish FOLDER`" in plaudit("list")
    first = folder("1")
    printed = plaudit("publish", first, "--by", "ada", "--note", "the \x1b[31mfirst", "--delay-s", "5")
    assert "polite@1 is active for answers that are complete from 20" in printed
    assert f"every scorer must be able to read {first}" in printed
    plaudit("publish", folder("2"), "--delay-s", "3600")
    listed = plaudit("list")
    assert "polite  2  will be active from 20" in listed
    assert "the \\x1b[31mfirst" in listed
    history = plaudit("show", "polite")
    assert len(history.splitlines()) == 2
    shown = plaudit("show", "polite@1")
    for part in (" by ada", f"location: {first}", "note: the \\x1b[31mfirst", "licence: Apache-2.0"):
        assert part in shown
    assert "\x1b" not in shown + listed + history
    document = json.loads(plaudit("show", "polite", "--json"))
    assert [(each["version"], each["replaces"]) for each in document] == [("1", None), ("2", "1")]
    assert document[0]["manifest"]["version"] == "1"
    assert document[0]["published_by"] == "ada"
    assert document[1]["active_from_ms"] - document[1]["published_ms"] == 3_600_000


def test_publishing_the_same_again_says_so(plaudit: Plaudit, folder: Callable[..., str]) -> None:
    first = folder("1")
    plaudit("publish", first)
    assert "polite@1 was published already; nothing was done" in plaudit("publish", first)
    assert len(json.loads(plaudit("list", "--all", "--json"))) == 1


def test_another_folder_of_the_same_version_is_refused(
    plaudit: Plaudit, folder: Callable[..., str], tmp_path: Path
) -> None:
    plaudit("publish", folder("1"))
    write_model(tmp_path / "other", weights={"other": 1.0})
    shelf = tmp_path / "shelf"
    printed = plaudit("publish", str(tmp_path / "other"), "--copy-to", str(shelf), code=FAILED)
    assert "another folder was published as polite@1; a version never changes" in printed
    assert not shelf.exists()


def test_a_folder_that_does_not_pass_the_check_is_refused(
    plaudit: Plaudit, folder: Callable[..., str], tmp_path: Path
) -> None:
    first = Path(folder("1"))
    (first / "tokenizer.json").write_text("{}")
    assert "sha256 differs" in plaudit("publish", str(first), "--force", code=FAILED)
    assert "has no plaudit-model.yaml" in plaudit("publish", str(tmp_path / "nothing"), code=FAILED)
    broken = Path(folder("2"))
    manifest = broken / "plaudit-model.yaml"
    manifest.write_text(manifest.read_text().replace("score: 0.", "score: 0.0"))
    assert "canar" in plaudit("publish", str(broken), code=FAILED)
    assert json.loads(plaudit("list", "--all", "--json")) == []


def test_a_model_that_is_not_better_than_chance_needs_force(
    plaudit: Plaudit, folder: Callable[..., str]
) -> None:
    worse = folder("1", figures=WORSE)
    printed = plaudit("publish", worse, code=FAILED)
    assert "polite@1 is not better than chance: its accuracy on 120 rows is 0.510 (0.420 to 0.600)" in printed
    assert "--force" in printed
    assert "polite@1 is active" in plaudit("publish", worse, "--force")


def test_files_are_copied_to_where_scorers_find_them(
    plaudit: Plaudit, folder: Callable[..., str], store_address: str, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("PLAUDIT_MODEL_CACHE", str(tmp_path / "cache"))
    bucket = empty_bucket(store_address, monkeypatch).removesuffix("/chats")
    first = folder("1")
    printed = plaudit("publish", first, "--copy-to", f"{bucket}/models")
    assert "every scorer must be able" not in printed
    shutil.rmtree(first)
    assert f"location: {bucket}/models/polite/1" in plaudit("show", "polite@1")
    # From there it can be published, too; and gone back to, with the files of the store.
    assert "nothing was done" in plaudit("publish", f"{bucket}/models/polite/1")
    plaudit("publish", folder("2"))
    assert "polite@1 is active" in plaudit("rollback", "polite")
    assert [path.is_dir() for path in (tmp_path / "cache").iterdir()] == [True]


def test_a_location_of_other_machines_is_taken_as_it_is(
    plaudit: Plaudit, folder: Callable[..., str], tmp_path: Path
) -> None:
    first, second = folder("1"), folder("2")
    assert "holds another model" in plaudit("publish", first, "--location", second, code=FAILED)
    shutil.copytree(first, tmp_path / "mounted")
    plaudit("publish", first, "--location", str(tmp_path / "mounted"))
    plaudit("publish", second, "--location", "/models of others/2")
    assert [each["location"] for each in json.loads(plaudit("show", "polite", "--json"))] == [
        str(tmp_path / "mounted"), "/models of others/2"
    ]  # fmt: skip


def test_an_empty_place_of_a_store_is_no_location(
    plaudit: Plaudit, folder: Callable[..., str], store_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = empty_bucket(store_address, monkeypatch)
    printed = plaudit("publish", folder("1"), "--location", f"{bucket}/x", code=FAILED)
    assert "holds no model; `--copy-to` copies" in printed


def test_a_rollback_needs_the_files_unless_forced(plaudit: Plaudit, folder: Callable[..., str]) -> None:
    first, second = folder("1"), folder("2")
    plaudit("publish", first, "--delay-s", "5")
    plaudit("publish", second, "--delay-s", "5")
    (Path(first) / "model.onnx").write_bytes(b"")
    assert "--force" in plaudit("rollback", "polite", code=FAILED)
    shutil.rmtree(first)
    printed = plaudit("rollback", "polite", code=FAILED)
    assert "no model is there, or not any more; publish the folder from another place" in printed
    assert "polite@1 is active" in plaudit("rollback", "polite", "--force", "--note", "2 drifts")
    assert "polite@2 is active" in plaudit("rollback", "polite", "--to", "2")
    assert "polite@7 was not published" in plaudit("rollback", "polite", "--to", "7", code=FAILED)


def test_a_withdrawal_ends_the_scoring(plaudit: Plaudit, folder: Callable[..., str]) -> None:
    plaudit("publish", folder("1"))
    assert "no version of polite is active" in plaudit("withdraw", "polite")
    assert "polite  -  will be withdrawn 20" in plaudit("list")
    # The withdrawal has no version; it is not what an empty one names.
    assert "polite@ was not published; its versions are: 1" in plaudit("show", "polite@", code=FAILED)
    assert "polite  1  was replaced before it was active" in plaudit("list", "--all")
    assert "withdrawn already" in plaudit("withdraw", "polite", code=FAILED)
    assert "polite@1 is active" in plaudit("rollback", "polite")


@pytest.mark.parametrize(
    "words", [["show", "pollite"], ["show", "pollite@1"], ["rollback", "pollite"], ["withdraw", "pollite"]],
    ids=["shown", "shown in a version", "rolled back", "withdrawn"],
)  # fmt: skip
def test_an_unknown_model_is_told_with_those_that_are_known(
    plaudit: Plaudit, folder: Callable[..., str], words: list[str]
) -> None:
    plaudit("publish", folder("1"))
    assert "no model pollite was published; published are: polite" in plaudit(*words, code=FAILED)
    assert "its versions are: 1" in plaudit("show", "polite@9", code=FAILED)


@pytest.mark.parametrize(
    ("seconds", "code"), [("4.9", FAILED), ("-1", USAGE), ("soon", USAGE), ("nan", USAGE), ("1e12", USAGE)],
    ids=["too short", "negative", "no number", "not a number", "for ever"],
)  # fmt: skip
def test_a_delay_that_is_none_is_refused(
    plaudit: Plaudit, folder: Callable[..., str], seconds: str, code: int
) -> None:
    made = folder("1")
    if code == USAGE:
        with pytest.raises(SystemExit) as raised:
            plaudit("publish", made, f"--delay-s={seconds}")
        assert raised.value.code == USAGE
    else:
        assert "at least 5 s" in plaudit("publish", made, "--delay-s", seconds, code=code)
    assert json.loads(plaudit("list", "--all", "--json")) == []


def test_what_this_release_cannot_read_is_listed(plaudit: Plaudit, connection: ConnectionSettings) -> None:
    producer = Producer(connection.kafka())
    producer.produce(connection.topic_prefix + MODELS, b"x", b"polite/odd\x1b")
    producer.flush(30)
    assert "not readable: polite/odd\\x1b: " in plaudit("list")


def test_a_missing_topic_is_told(plaudit: Plaudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_TOPIC_PREFIX", "none.")
    assert "the topic none.plaudit.models does not exist; run `plaudit topics create`" in plaudit(
        "list", code=FAILED
    )


def test_the_publisher_is_the_user_unless_told(
    plaudit: Plaudit, folder: Callable[..., str], connection: ConnectionSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("LOGNAME", "grace")
    plaudit("publish", folder("1"))

    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", nobody)
    plaudit("publish", folder("2"))
    with ModelRegistry(connection) as registry:
        assert [each.published_by for each in registry.publications()] == ["grace", None]
