"""Snapshots on a stand-in of the Hugging Face Hub, through huggingface_hub and `datasets`."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.publishing.destination import parse_destination
from plaudit_consumers.publishing.errors import (
    DestinationError,
    HubUnavailableError,
    MissingTokenError,
    NoRightsError,
    OtherContentError,
)
from plaudit_consumers.publishing.push import push_snapshot
from plaudit_infra.main import main
from plaudit_schemas.commands import FAILED, OK

from harness.waiting import eventually
from tests.consumers.live_root import Root, bytes_of
from tests.support.hub import MAY_READ, MAY_WRITE, HubStandIn, Repository, hub_stand_in

# huggingface_hub still gives files to httpx in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
PLACE = "hf://acme/chats"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with hub_stand_in() as hub:
        # huggingface_hub read its environment when it was imported.
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.setenv("HF_TOKEN", MAY_WRITE)
        yield hub


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("built")
    return {"snapshot": _snapshot(folder, "snapshot", 30), "earlier": _snapshot(folder, "earlier", 40)}


@pytest.fixture
def snapshot(built: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built["snapshot"], tmp_path / "snapshot"))


@pytest.fixture
def earlier(built: dict[str, Path]) -> Path:
    return built["earlier"]


def test_a_push_is_one_private_commit_and_a_second_one_sends_nothing(
    hub: HubStandIn, snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "push", str(snapshot), PLACE]) == OK
    assert "(private): 8 files sent" in capsys.readouterr().out
    assert _own(hub) == bytes_of(snapshot)
    assert hub.repositories["acme/chats"].private
    assert (hub.commits("acme/chats"), len(hub.uploads)) == (2, 6)
    assert main(["datasets", "push", str(snapshot), "hf://datasets/acme/chats@main"]) == OK
    assert "has this snapshot already" in capsys.readouterr().out
    assert (hub.commits("acme/chats"), len(hub.uploads)) == (2, 6)


@pytest.mark.slow
def test_a_killed_push_goes_on_and_sends_nothing_twice(
    hub: HubStandIn, snapshot: Path, tmp_path: Path
) -> None:
    hub.hold.clear()
    command = [sys.executable, "-m", "plaudit_infra.main", "datasets", "push", str(snapshot), PLACE]
    with subprocess.Popen(command, env=_environment(hub, tmp_path), stdout=subprocess.DEVNULL) as push:
        eventually(lambda: len(hub.uploads) > 0, "the first file is there")
        push.send_signal(signal.SIGKILL)
    assert _own(hub) == {}
    before = len(hub.uploads)
    assert before < 6
    hub.hold.set()
    push_snapshot(snapshot, parse_destination(PLACE))
    assert _own(hub) == bytes_of(snapshot)
    assert len(hub.uploads) == len(set(hub.uploads)) == 6


@pytest.mark.slow
def test_load_dataset_reads_what_was_pushed(hub: HubStandIn, snapshot: Path, tmp_path: Path) -> None:
    push_snapshot(snapshot, parse_destination(PLACE))
    text = (
        "from datasets import load_dataset; "
        "print(sum(rows.num_rows for rows in load_dataset('acme/chats', 'sft').values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=_environment(hub, tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("30", 0), done.stderr


def test_another_snapshot_is_not_replaced_unless_asked(
    hub: HubStandIn, snapshot: Path, earlier: Path
) -> None:
    push_snapshot(earlier, parse_destination(PLACE))
    hub.write("acme/chats", "sft/train-99999.parquet", b"it would be among the rows")
    hub.write("acme/chats", "NOTES.md", b"of a person")
    with pytest.raises(OtherContentError, match=r"as of 2026.*would replace .*--replace"):
        push_snapshot(snapshot, parse_destination(PLACE))
    done = push_snapshot(snapshot, parse_destination(PLACE), replace=True)
    assert "sft/train-99999.parquet" in done.plan.delete
    assert _own(hub) == {**bytes_of(snapshot), "NOTES.md": b"of a person"}


def test_a_branch_of_its_own_leaves_main_alone(hub: HubStandIn, snapshot: Path, earlier: Path) -> None:
    push_snapshot(earlier, parse_destination(PLACE))
    push_snapshot(snapshot, parse_destination(f"{PLACE}@v2/try"))
    assert _own(hub) == bytes_of(earlier)
    assert _own(hub, "v2/try") == bytes_of(snapshot)


def test_a_card_that_a_person_changed_is_not_overwritten(hub: HubStandIn, snapshot: Path) -> None:
    push_snapshot(snapshot, parse_destination(PLACE))
    hub.write("acme/chats", "README.md", b"# Our chats")
    with pytest.raises(OtherContentError, match=r"would replace README\.md;"):
        push_snapshot(snapshot, parse_destination(PLACE))
    push_snapshot(snapshot, parse_destination(PLACE), replace=True)
    assert _own(hub) == bytes_of(snapshot)


def test_somebody_elses_manifest_is_not_taken_for_a_snapshot(hub: HubStandIn, snapshot: Path) -> None:
    push_snapshot(snapshot, parse_destination(PLACE))
    hub.write("acme/chats", "manifest.json", b'{"of": "a browser extension"}')
    with pytest.raises(OtherContentError, match=r"has other content.* manifest\.json"):
        push_snapshot(snapshot, parse_destination(PLACE))


def test_a_commit_of_somebody_else_meanwhile_is_not_lost(hub: HubStandIn, snapshot: Path) -> None:
    def commit_first(path: str) -> None:
        if path.startswith("/upload/"):
            hub.fails = None
            hub.write("acme/chats", "NOTES.md", b"of a person")

    hub.fails = commit_first
    with pytest.raises(OtherContentError, match="meanwhile"):
        push_snapshot(snapshot, parse_destination(PLACE))
    push_snapshot(snapshot, parse_destination(PLACE))
    assert _own(hub) == {**bytes_of(snapshot), "NOTES.md": b"of a person"}


def test_a_public_dataset_must_be_asked_for(hub: HubStandIn, snapshot: Path) -> None:
    push_snapshot(snapshot, parse_destination(PLACE), public=True)
    assert not hub.repositories["acme/chats"].private
    with pytest.raises(DestinationError, match=r"is public; add --public"):
        push_snapshot(snapshot, parse_destination(PLACE))


def test_a_private_dataset_stays_private(
    hub: HubStandIn, snapshot: Path, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push_snapshot(earlier, parse_destination(PLACE))
    assert main(["datasets", "push", str(snapshot), PLACE, "--public", "--replace"]) == OK
    assert "stays private" in capsys.readouterr().out


def test_a_damaged_snapshot_is_not_sent(hub: HubStandIn, snapshot: Path) -> None:
    with next(snapshot.glob("sft/train-*")).open("ab") as file:
        file.write(b"x")
    with pytest.raises(SnapshotError, match="was changed"):
        push_snapshot(snapshot, parse_destination(PLACE))
    assert hub.requests == []


def test_a_file_that_changes_during_the_push_is_not_sent(hub: HubStandIn, snapshot: Path) -> None:
    def change(path: str) -> None:
        (snapshot / "README.md").write_text("changed")

    hub.fails = change
    with pytest.raises(SnapshotError, match="during the push"):
        push_snapshot(snapshot, parse_destination(PLACE))
    assert hub.uploads == []


def test_without_a_token_nothing_is_asked(
    hub: HubStandIn, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(MissingTokenError, match=r"there is no token.*HF_TOKEN"):
        push_snapshot(snapshot, parse_destination(PLACE))
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param("hf_revoked", MissingTokenError, id="an unknown token"),
        pytest.param(MAY_READ, NoRightsError, id="a token to read"),
    ],
)
@pytest.mark.parametrize("exists", [True, False], ids=["a dataset", "no dataset yet"])
def test_a_token_without_rights_is_named(
    hub: HubStandIn, built: dict[str, Path], monkeypatch: pytest.MonkeyPatch, token: str, expected: Any,
    exists: bool,
) -> None:  # fmt: skip
    if exists:
        push_snapshot(built["earlier"], parse_destination(PLACE))
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(expected, match=r"does not know the token|may not write to hf://acme/chats"):
        push_snapshot(built["snapshot"], parse_destination(PLACE), replace=True)


@pytest.mark.parametrize(
    "part", ["repos/create", "/batch", "/commit/"], ids=["creating", "sending", "committing"]
)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(507, HubUnavailableError, id="by its own fault"),
        pytest.param(422, DestinationError, id="by ours"),
    ],
)
def test_a_hub_that_fails_is_told_in_one_line(
    hub: HubStandIn, snapshot: Path, part: str, status: int, expected: type[Exception]
) -> None:
    hub.fails = lambda path: status if part in path else None
    with pytest.raises(expected, match=rf"{status}.*on purpose") as failed:
        push_snapshot(snapshot, parse_destination(PLACE))
    assert "\n" not in str(failed.value)
    hub.fails = None
    push_snapshot(snapshot, parse_destination(PLACE))
    assert _own(hub) == bytes_of(snapshot)
    assert len(hub.uploads) == 6


def test_without_a_network_a_push_says_so(
    hub: HubStandIn, snapshot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:1")
    assert main(["datasets", "push", str(snapshot), PLACE]) == FAILED
    assert "the Hub cannot be reached" in capsys.readouterr().err


def test_without_the_extra_a_push_says_what_to_install(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("plaudit_consumers.commands.dataset_push.find_spec", lambda _: None)
    assert main(["datasets", "push", str(snapshot), PLACE]) == FAILED
    assert "pip install 'plaudit-consumers[hub]'" in capsys.readouterr().err


@pytest.mark.slow
def test_offline_mode_is_named(hub: HubStandIn, snapshot: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plaudit_infra.main", "datasets", "push", str(snapshot), PLACE],
        env={**_environment(hub, tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "HF_HUB_OFFLINE is set" in done.stderr


def test_a_licence_that_the_hub_does_not_know_is_named_beside_other(hub: HubStandIn, tmp_path: Path) -> None:
    snapshot = _snapshot(tmp_path, "snapshot", 5, licence="Acme internal, v2")
    push_snapshot(snapshot, parse_destination(PLACE))
    assert b'license: other\nlicense_name: "Acme internal, v2"\n' in hub.files("acme/chats")["README.md"]


def test_a_card_that_the_hub_refuses_is_told(hub: HubStandIn, snapshot: Path) -> None:
    hub.repositories["acme/chats"] = Repository(True, {"main": [("0" * 40, {})]})
    hub.fails = lambda path: 400 if path == "/api/validate-yaml" else None
    with pytest.raises(DestinationError, match="refuses"):
        push_snapshot(snapshot, parse_destination(PLACE))


@pytest.mark.parametrize(
    "text",
    [
        "acme/chats", "hf://acme", "hf://acme/chats/sft", "hf://acme/chats@", "https://huggingface.co/acme/chats",
        "hf://acme/chats@refs/pr/1", "hf://models/acme/chats", "hf://acme/a--b", "hf://acme/ chats", "hf:///x",
        "hf://acme/chats@a..b", pytest.param(f"hf://acme/{'x' * 100}", id="too long"),
    ],
)  # fmt: skip
def test_a_destination_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DestinationError):
        parse_destination(text)


def _snapshot(folder: Path, name: str, chats: int, **more: Any) -> Path:
    root = Root(folder / f"live of {name}")
    for number in range(chats):
        root.sft(f"c{number}", f"question {number}", f"answer {number}", minute=number, **more)
    root.publish()
    plan = SnapshotPlan(output=folder / name, shares=(60, 20, 20), subsets=("conversations", "sft"))
    build_snapshot(str(root.folder), plan)
    return folder / name


def _own(hub: HubStandIn, revision: str = "main") -> dict[str, bytes]:
    files = hub.files("acme/chats", revision)
    return {path: content for path, content in files.items() if path != ".gitattributes"}


def _environment(hub: HubStandIn, folder: Path) -> dict[str, str]:
    home = {"HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return {**os.environ, **home, "HF_ENDPOINT": hub.url, "HF_TOKEN": MAY_WRITE}
