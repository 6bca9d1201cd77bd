"""A stand-in of the Hugging Face Hub: those parts of its HTTP API that huggingface_hub calls for datasets."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

MAY_WRITE: Final = "hf_stand_in"
MAY_READ: Final = "hf_may_only_read"
_LARGE: Final = ".parquet"


@dataclass
class Repository:
    """A dataset: branch -> its commits, oldest first; a commit is an id and path -> content."""

    private: bool
    branches: dict[str, list[tuple[str, dict[str, bytes]]]]

    def head(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The last commit of a branch, or the commit with this id."""
        if revision in self.branches:
            return self.branches[revision][-1]
        commits = [commit for branch in self.branches.values() for commit in branch]
        return next((commit for commit in commits if commit[0] == revision), None)


@dataclass
class HubStandIn:
    """The state of the Hub, which tests may look at and change.

    Attributes:
        large: checksum -> content of every large file that was uploaded, committed or not.
        uploads: checksums in the order in which they came, also those that came twice.
        fails: called with the path of each request; a number makes it fail with that status.
        hold: uploads wait for this.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    fails: Callable[[str], int | None] | None = None
    hold: threading.Event = field(default_factory=threading.Event)

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        """Path -> content on a branch."""
        head = self.repositories[name].head(revision)
        assert head is not None
        return head[1]

    def commits(self, name: str, revision: str = "main") -> int:
        """How many commits a branch has, with the one that creates the dataset."""
        return len(self.repositories[name].branches[revision])

    def write(self, name: str, path: str, content: bytes, revision: str = "main") -> None:
        """A person's own commit."""
        repository = self.repositories[name]
        repository.branches[revision].append(_commit({**self.files(name, revision), path: content}))


def _commit(files: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    told = json.dumps(
        [threading.get_ident(), sorted((path, _git_hash(data)) for path, data in files.items())]
    )
    return hashlib.sha1(told.encode()).hexdigest(), files  # noqa: S324  # as Git does


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324  # as Git does


@contextmanager
def hub_stand_in() -> Iterator[HubStandIn]:
    """A running stand-in."""
    hub = HubStandIn()
    hub.hold.set()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubStandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def _answer(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path)
        self.query = parse_qs(urlsplit(self.path).query)
        self.body = self._read()
        self.hub.requests.append(f"{method} {path}")
        status = self.hub.fails(path) if self.hub.fails else None
        if status:
            self._send(status, {"error": "the stand-in fails on purpose"})
            return
        for pattern, route in _ROUTES:
            found = re.fullmatch(pattern, f"{method} {path}")
            if found:
                route(self, *found.groups())
                return
        self._send(404, {"error": f"the stand-in has no {method} {path}"}, {"X-Error-Code": "EntryNotFound"})

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _may(self, *, write: bool) -> bool:
        token = self._token()
        if token not in (MAY_WRITE, MAY_READ):
            self._send(401, {"error": "Invalid credentials in Authorization header"}, _INVALID)
            return False
        if write and token != MAY_WRITE:
            self._send(403, {"error": "You don't have the rights to write to this dataset"})
            return False
        return True

    def _repository(self, name: str, *, write: bool = False) -> Repository | None:
        if not self._may(write=write):
            return None
        found = self.hub.repositories.get(name)
        if found is None:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return found

    def _commit_of(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repository = self._repository(name)
        head = None if repository is None else repository.head(revision)
        if repository is not None and head is None:
            self._send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return head

    def create(self) -> None:
        if not self._may(write=True):
            return
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            self._send(409, {"error": "You already created this dataset repo"})
            return
        first = _commit({".gitattributes": b"*.parquet filter=lfs\n"})
        self.hub.repositories[name] = Repository(asked["visibility"] == "private", {"main": [first]})
        self._send(200, {"url": f"{self.hub.url}/datasets/{name}", "name": name})

    def info(self, name: str, revision: str | None = None) -> None:
        head = self._commit_of(name, revision or "main")
        if head is not None:
            private = self.hub.repositories[name].private
            siblings = [{"rfilename": path} for path in head[1]]
            self._send(
                200,
                {
                    "_id": "0",
                    "id": name,
                    "sha": head[0],
                    "private": private,
                    "tags": [],
                    "siblings": siblings,
                },
            )

    def branch(self, name: str, branch: str) -> None:
        repository = self._repository(name, write=True)
        if repository is not None:
            repository.branches.setdefault(branch, [repository.branches["main"][-1]])
            self._send(200, {})

    def tree(self, name: str, revision: str, folder: str | None = None) -> None:
        head = self._commit_of(name, revision)
        if head is None:
            return
        prefix = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        below = {path: data for path, data in head[1].items() if path.startswith(prefix)}
        folders = {prefix + path.removeprefix(prefix).partition("/")[0] for path in below} - set(below)
        if self.query.get("recursive", ["false"])[0].lower() != "true":
            below = {path: data for path, data in below.items() if "/" not in path.removeprefix(prefix)}
        found = [_entry(path, data) for path, data in sorted(below.items())]
        found += [{"type": "directory", "path": path, "oid": "0" * 40} for path in sorted(folders)]
        if prefix and not found:
            self._send(404, {"error": "no such folder"}, {"X-Error-Code": "EntryNotFound"})
            return
        self._send(200, found)

    def paths_info(self, name: str, revision: str) -> None:
        head = self._commit_of(name, revision)
        if head is not None:
            asked = parse_qs(self.body.decode()).get("paths") or json.loads(self.body or b"{}").get(
                "paths", []
            )
            folders = {path.rpartition("/")[0] for path in head[1]}
            found = [_entry(path, head[1][path]) for path in asked if path in head[1]]
            found += [
                {"type": "directory", "path": path, "oid": "0" * 40} for path in asked if path in folders
            ]
            self._send(200, found)

    def preupload(self, name: str, revision: str) -> None:
        if self._repository(name, write=True) is None:
            return
        head = self.hub.repositories[name].head(revision)
        answers = []
        for file in json.loads(self.body)["files"]:
            there = None if head is None else head[1].get(file["path"])
            large = file["path"].endswith(_LARGE)
            oid = None if there is None else _checksum(there, large=large)
            mode = "lfs" if large else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._send(200, {"files": answers})

    def batch(self, name: str) -> None:
        if self._repository(name, write=True) is None:
            return
        objects = []
        for asked in json.loads(self.body)["objects"]:
            entry = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.large:
                entry["actions"] = {"upload": {"href": f"{self.hub.url}/upload/{asked['oid']}"}}
            objects.append(entry)
        self._send(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._send(400, {"error": "the content has another checksum"})
            return
        self.hub.uploads.append(oid)
        self.hub.large[oid] = self.body
        self.hub.hold.wait(60)
        self._send(200, b"")

    def commit(self, name: str, revision: str) -> None:
        repository = self._repository(name, write=True)
        if repository is None:
            return
        lines = [json.loads(line) for line in self.body.splitlines()]
        (header,) = [line["value"] for line in lines if line["key"] == "header"]
        head = repository.branches[revision][-1]
        if header.get("parentCommit") not in (None, head[0]):
            self._send(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        files = dict(head[1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repository.branches[revision].append(_commit(files))
        oid = repository.branches[revision][-1][0]
        url = f"{self.hub.url}/datasets/{name}/commit/{oid}"
        self._send(200, {"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def validate(self) -> None:
        licence = re.search(r"^license: *\"?([^\"\n]*)", json.loads(self.body)["content"], re.MULTILINE)
        wrong = licence is not None and " " in licence[1]
        errors = [{"message": '"license" must be one of apache-2.0, mit, ...'}] if wrong else []
        self._send(400 if wrong else 200, {"errors": errors, "warnings": []})

    def resolve(self, name: str, revision: str, path: str) -> None:
        head = self._commit_of(name, revision)
        if head is None:
            return
        data = head[1].get(path)
        if data is None:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        etag = f'"{_checksum(data, large=path.endswith(_LARGE))}"'
        headers = {"X-Repo-Commit": head[0], "ETag": etag, "X-Linked-Etag": etag, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            start, end = int(asked[1]), int(asked[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{min(end, len(data) - 1)}/{len(data)}"
            self._send(206, data[start : end + 1], headers)
            return
        self._send(200, data, headers)


_INVALID: Final = {"X-Error-Message": "Invalid credentials in Authorization header"}
_NAME: Final = r"([^/]+/[^/]+)"
_ROUTES: Final[tuple[tuple[str, Any], ...]] = (
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"GET /api/datasets/{_NAME}", _Handler.info),
    (rf"GET /api/datasets/{_NAME}/revision/(.+)", _Handler.info),
    (rf"POST /api/datasets/{_NAME}/branch/(.+)", _Handler.branch),
    (rf"GET /api/datasets/{_NAME}/tree/([^/]+)(/.*)?", _Handler.tree),
    (rf"POST /api/datasets/{_NAME}/paths-info/([^/]+)", _Handler.paths_info),
    (rf"POST /api/datasets/{_NAME}/preupload/(.+)", _Handler.preupload),
    (rf"POST /api/datasets/{_NAME}/commit/(.+)", _Handler.commit),
    (rf"POST /datasets/{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /upload/([0-9a-f]{64})", _Handler.upload),
    (rf"(?:GET|HEAD) /datasets/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
)


def _checksum(data: bytes, *, large: bool) -> str:
    return hashlib.sha256(data).hexdigest() if large else _git_hash(data)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _git_hash(data)}
    if path.endswith(_LARGE):
        entry["lfs"] = {"oid": _checksum(data, large=True), "size": len(data), "pointerSize": 134}
    return entry
