"""The page in one process: who sees which rows, who may exclude them, and what becomes of odd requests."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.datasets.searching import FoundRow, row_at, same_answers
from plaudit_consumers.publishing.register import Register
from plaudit_consumers.publishing.register_files import RegisterFiles
from plaudit_infra.console.access import ConsoleAccess
from plaudit_infra.console.accounts import Accounts
from plaudit_infra.console.app import create_app
from plaudit_infra.console.links import SignInLinks
from plaudit_infra.dataset_page.definition import PAGE
from plaudit_infra.dataset_page.exclusions import Exclusions, Target
from plaudit_infra.dataset_page.page import PAGE_ROWS, DatasetPage, parts_of
from plaudit_infra.dataset_page.snapshots import Shelf
from plaudit_producers.errors import DeliveryError
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_schemas.service.health import Health
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from tests.consumers.live_root import Root, chat, said, turn

Open = Callable[..., TestClient]
SFT = {"snapshot": "prod", "subset": "sft"}


class _Recorded(Exclusions):
    """Exclusions that reach no Kafka."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.fails = False
        self._known = {}

    async def send(
        self, application: str, targets: Iterable[Target], *, excluded: bool, rater: str, reason: str
    ) -> int:
        if self.fails:
            raise DeliveryError("Kafka does not answer")
        wanted = list(targets)
        self.sent.append((application, wanted, excluded, rater, reason))
        for target in wanted:
            self._known.pop((application, target), None)
            if excluded:
                self._known[application, target] = None
        return len(wanted)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    root = Root(folder / "root")
    for number in range(PAGE_ROWS + 5):
        root.sft(f"c{number}", f"question q{number}x", f"answer {number}", minute=number)
    root.sft("others", "a secret of the bank", "none of your business", application="bank")
    root.sft("odd", "<script>alert(1)</script>", "\u202eevil\x1b[2J")
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=folder / "snapshots" / "first"))
    Register(RegisterFiles(str(root.folder))).tag(
        folder / "snapshots" / "first", "prod", datetime(2026, 11, 26, tzinfo=UTC)
    )
    return folder


@pytest.fixture
def exclusions() -> _Recorded:
    return _Recorded()


@pytest.fixture
def opened(place: Path, exclusions: _Recorded, tmp_path: Path) -> Open:
    """Opens the console for somebody with these roles; without one, for who came by a link."""
    store = FileKeyStore(tmp_path / "keys.json")

    def open_(*roles: Any, application: str = "acme", shelf: Shelf | None = None) -> TestClient:
        async def close() -> None:
            pass

        page = DatasetPage(shelf or Shelf(str(place / "root"), str(place / "snapshots")), exclusions)
        links = SignInLinks("http://localhost", tmp_path / "console-link", None)
        access = ConsoleAccess(Accounts(KnownKeys(store)), session_s=600, links=links)
        health = Health(CollectorRegistry(), unready=lambda: None)
        app = create_app([(PAGE, parts_of(page, close))], access, health, lambda: False)
        client = TestClient(app, base_url="http://localhost", follow_redirects=False)
        if not roles:
            assert client.get(links.link).status_code == 303
        else:
            made = make_key(application, frozenset(roles), name="Ada")
            store.add(made.key)
            assert client.post("/sign-in", data={"key": made.secret}).status_code == 303
        client.headers["sec-fetch-site"] = "same-origin"
        return client

    return open_


def _row(client: TestClient, **asked: Any) -> Any:
    found = client.get("/datasets/rows", params={**SFT, **asked}).json()
    (row,) = found["rows"]
    return {**row, "snapshot_id": found["snapshot_id"]}


def _exclude(client: TestClient, row: Any, **more: Any) -> Any:
    place = {key: row.get(key) for key in ("snapshot_id", "file", "row")}
    place |= {"snapshot": "prod", "what": "answer"}
    return client.post("/datasets/exclusions", json={**place, **more})


@pytest.mark.slow
def test_rows_of_the_own_application_come_in_pages(opened: Open) -> None:
    client = opened("reader")
    first = client.get("/datasets/rows", params=SFT).json()
    second = client.get("/datasets/rows", params={**SFT, "skip": PAGE_ROWS}).json()
    assert (len(first["rows"]), first["more"], len(second["rows"]), second["more"]) == (
        PAGE_ROWS,
        True,
        6,
        False,
    )
    names = {row["conversation"] for row in first["rows"] + second["rows"]}
    assert names == {*(f"c{number}" for number in range(PAGE_ROWS + 5)), "odd"}
    assert client.get("/datasets/rows", params={**SFT, "text": "secret"}).json()["rows"] == []
    found = _row(client, text="QUESTION Q7X")
    assert [text["text"] for text in found["texts"]] == ["question q7x", "answer 7"]
    assert ["licence", "cc-by-4.0"] in found["facts"]


def test_texts_have_no_character_that_reorders_the_page(opened: Open) -> None:
    texts = [text["text"] for text in _row(opened("reader"), text="alert")["texts"]]
    assert texts == ["<script>alert(1)</script>", "\\u202eevil\\x1b[2J"]


def test_a_snapshot_is_listed_once_and_what_cannot_be_read_is_said(
    opened: Open, place: Path, tmp_path: Path
) -> None:
    listed = opened("reader").get("/datasets/snapshots").json()
    assert [each["name"] for each in listed["snapshots"]] == ["prod"]
    assert listed["snapshots"][0]["subsets"]["sft"]["train"] > 5
    assert (listed["problems"], listed["reads"], listed["excludes"]) == ([], None, False)
    (tmp_path / "more" / "broken").mkdir(parents=True)
    (tmp_path / "more" / "broken" / "manifest.json").write_text("{}")
    shelf = Shelf(str(tmp_path / "no root"), str(tmp_path / "more"))
    odd = opened("reader", shelf=shelf).get("/datasets/snapshots").json()
    assert (odd["snapshots"], len(odd["problems"])) == ([], 2)
    alone = opened("reader", shelf=Shelf("", str(place / "snapshots"))).get("/datasets/snapshots").json()
    assert [each["name"] for each in alone["snapshots"]] == ["first"]


def test_a_named_snapshot_that_is_gone_is_said(opened: Open, place: Path, tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    root.sft("c", "q", "a")
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=tmp_path / "snap"))
    Register(RegisterFiles(str(root.folder))).tag(
        tmp_path / "snap", "gone", datetime(2026, 11, 26, tzinfo=UTC)
    )
    (tmp_path / "snap").rename(tmp_path / "moved")
    listed = opened("reader", shelf=Shelf(str(root.folder), "")).get("/datasets/snapshots").json()
    assert listed["snapshots"] == []
    assert "gone stands for" in listed["problems"][0]


def test_a_reviewer_excludes_and_lets_in_again(opened: Open, exclusions: _Recorded) -> None:
    client = opened("reader", "reviewer")
    assert client.get("/datasets/snapshots").json()["excludes"]
    row = _row(client, text="question q3x")
    assert row["excluded"] is None
    assert _exclude(client, row, reason="spam").json() == {"excluded": True, "sent": 1}
    assert exclusions.sent[-1] == ("acme", [Target("c3", "a")], True, "Ada", "spam")
    assert _row(client, text="question q3x")["excluded"] == "answer"
    assert _exclude(client, row, excluded=False).json() == {"excluded": False, "sent": 1}
    assert _row(client, text="question q3x")["excluded"] is None
    _exclude(client, row, what="conversation")
    assert exclusions.sent[-1][1] == [Target("c3", None)]
    assert _row(client, text="question q3x")["excluded"] == "conversation"
    whole = client.get("/datasets/rows", params={**SFT, "subset": "conversations"}).json()["rows"][0]
    assert whole["judged"] == 0
    _exclude(client, whole)
    assert exclusions.sent[-1][1][0].message_id is None


def test_who_may_not_exclude_is_refused(opened: Open, exclusions: _Recorded) -> None:
    reader = opened("reader")
    row = _row(reader, text="question q3x")
    answer = _exclude(reader, row)
    assert (answer.status_code, "role reviewer" in answer.json()["detail"]) == (403, True)
    admin, other = opened("admin"), opened("admin", application="bank")
    assert _exclude(other, row).status_code == 404
    assert _exclude(admin, row).status_code == 200
    admin.headers["sec-fetch-site"] = "cross-site"
    assert _exclude(admin, row).status_code == 403
    assert len(exclusions.sent) == 1


def test_who_may_not_read_sees_no_row(opened: Open) -> None:
    assert opened("reviewer").get("/datasets/rows", params=SFT).status_code == 403
    visitor = opened()
    assert "Sign in" in visitor.get("/datasets/snapshots").json()["reads"]
    for answer in (
        visitor.get("/datasets/rows", params=SFT),
        visitor.post("/datasets/exclusions", json={"snapshot": "prod"}),
    ):
        assert answer.status_code == 403
        assert "Sign in" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param({"snapshot": "../../etc"}, 404, id="a path"),
        pytest.param({"subset": "frob"}, 422, id="no subset"),
        pytest.param({"split": "tr'ain"}, 422, id="no split"),
        pytest.param({"skip": "-1"}, 422, id="a negative number"),
        pytest.param({"skip": "9" * 40}, 422, id="a huge number"),
        pytest.param({"skip": "²"}, 422, id="an odd digit"),
        pytest.param({"text": "'; DROP TABLE x; --"}, 200, id="words like SQL"),
        pytest.param({"split": "validation"}, 200, id="a split"),
    ],
)
def test_odd_searches_are_answered(opened: Open, asked: dict[str, str], status: int) -> None:
    assert opened("reader").get("/datasets/rows", params={**SFT, **asked}).status_code == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b"{", 422, id="no JSON"),
        pytest.param(b"x" * 20_000, 413, id="too large"),
        pytest.param(b'{"snapshot": "prod"}', 422, id="no row"),
        pytest.param(b'{"snapshot": "prod", "file": "manifest.json", "row": 0}', 404, id="no rows in it"),
        pytest.param(b'{"snapshot": "prod", "file": "../x", "row": 0}', 404, id="a path outside"),
        pytest.param(
            b'{"snapshot": "prod", "file": "sft/train-00000.parquet", "row": 9999}', 404, id="no row there"
        ),
    ],
)
def test_odd_exclusions_are_answered(
    opened: Open, exclusions: _Recorded, content: bytes, status: int
) -> None:
    client = opened("reader", "reviewer")
    assert client.post("/datasets/exclusions", content=content).status_code == status
    row = _row(client, text="question q3x")
    assert _exclude(client, row, what="everything").status_code == 422
    exclusions.fails = True
    failed = _exclude(client, row)
    assert (failed.status_code, "was not sent" in failed.json()["detail"]) == (503, True)


def test_a_folder_of_snapshots_may_be_wrong_or_a_snapshot_itself(
    opened: Open, place: Path, tmp_path: Path
) -> None:
    def listed(folder: Path, root: str = "") -> Any:
        return opened("reader", shelf=Shelf(root, str(folder))).get("/datasets/snapshots").json()

    wrong = listed(tmp_path / "typo\u202e")
    assert wrong["snapshots"] == []
    assert "typo\\u202e is not a folder; start the console with --snapshots" in wrong["problems"][0]
    assert [each["name"] for each in listed(place / "snapshots" / "first")["snapshots"]] == ["first"]
    assert listed(tmp_path)["problems"] == []


def test_two_snapshots_of_one_name_can_both_be_read(opened: Open, place: Path, tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    root.sft("elsewhere", "question q3x", "of the other one")
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=tmp_path / "all" / "prod"))
    client = opened("reader", shelf=Shelf(str(place / "root"), str(tmp_path / "all")))
    names = [each["name"] for each in client.get("/datasets/snapshots").json()["snapshots"]]
    assert names == ["prod", "prod (folder)"]
    found = [_row(client, snapshot=name, text="question q3x")["conversation"] for name in names]
    assert found == ["c3", "elsewhere"]


@pytest.mark.slow
def test_a_row_of_a_snapshot_that_was_replaced_is_not_excluded(
    opened: Open, exclusions: _Recorded, tmp_path: Path
) -> None:
    root = Root(tmp_path / "root")
    folder = tmp_path / "all" / "prod"
    for name in ("shown", "another"):
        root.sft(name, f"question {name}", "answer", minute=-len(name))
        shutil.rmtree(folder, ignore_errors=True)
        build_snapshot(str(root.publish().folder), SnapshotPlan(output=folder, shares=(1, 0, 0)))
        client = opened("reader", "reviewer", shelf=Shelf("", str(tmp_path / "all")))
        if name == "shown":
            row = _row(client)
    refused = _exclude(client, row)
    assert (refused.status_code, exclusions.sent) == (409, [])
    assert "search again" in refused.json()["detail"]


def test_a_row_of_many_conversations_is_excluded_in_all_of_them(tmp_path: Path) -> None:
    root = Root(tmp_path / "root")
    for name, answer in (("a", "42"), ("b", "42"), ("c", "41")):
        messages = [turn("q", "user", content="how many?"), turn("x", parent="q", content=answer)]
        root.add(name, messages=messages)
    root.add("d", messages=[turn("q", "user", content="else?"), turn("x", parent="q", content="42")])
    root.add("e", messages=[turn("q", "user", content="how many?"), turn("x", "user", content="42")])
    root.add("f", messages=root.waiting["conversations"][0]["messages"], application="bank")
    build_snapshot(str(root.publish().folder), SnapshotPlan(output=tmp_path / "snap"))
    columns = {"application": "acme", "prompt": chat("how many?"), "completion": said("42")}
    found = same_answers(tmp_path / "snap", read_manifest(tmp_path / "snap"), FoundRow("sft/x", 0, columns))
    assert found == [("a", "x"), ("b", "x")]


def test_an_answer_is_excluded_in_every_conversation_that_has_it(
    opened: Open, exclusions: _Recorded, tmp_path: Path
) -> None:
    root = Root(tmp_path / "root")
    for name in ("m1", "m2", "m3"):
        root.sft(name, "the same question", "the same answer", user=f"u-{name}")
    build_snapshot(
        str(root.publish().folder), SnapshotPlan(output=tmp_path / "all" / "prod", shares=(1, 0, 0))
    )
    client = opened("reader", "reviewer", shelf=Shelf("", str(tmp_path / "all")))
    row = _row(client)
    assert _exclude(client, row).json()["sent"] == 3
    assert exclusions.sent[-1][1] == [Target(name, "a") for name in ("m1", "m2", "m3")]
    assert _row(client)["excluded"] == "answer"


def test_a_row_is_read_at_its_place(tmp_path: Path, place: Path) -> None:
    folder = place / "snapshots" / "first"
    manifest = read_manifest(folder)
    (file,) = [each for each in manifest.files if each.path.startswith("sft/train")]
    rows = pq.read_table(folder / file.path).to_pylist()
    for number in (0, len(rows) - 1):
        found = row_at(folder, manifest, file.path, number)
        assert found is not None
        assert found.columns["conversation_id"] == rows[number]["conversation_id"]
    assert row_at(folder, manifest, file.path, len(rows)) is None


def test_only_so_many_exclusions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_infra.dataset_page.exclusions._REMEMBERED", 2)

    class Chat:
        async def exclude(self, *_: Any, on_delivery: Any, rater: Any, **__: Any) -> None:
            assert len(rater["id"]) <= 128, "or the contract refuses it"
            on_delivery.set_result(None)

    class Producers:
        def conversation(self, _application: str, _id: str) -> Chat:
            return Chat()

    sent = Exclusions(None)  # type: ignore[arg-type]  # it connects to nothing
    sent._producers = Producers()  # type: ignore[assignment]  # a stand-in
    targets = [Target(name, None) for name in "abc"]
    assert asyncio.run(sent.send("acme", targets, excluded=True, rater="r" * 200, reason="")) == 3
    assert [sent.is_excluded("acme", [target]) for target in targets] == [False, True, True]
