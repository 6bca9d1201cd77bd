"""Sends a snapshot to the Hugging Face Hub: files first, then one commit, so that no half snapshot is seen.

A push that was ended goes on: the Hub keeps the files that it has got, and asks for none of them again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from plaudit_consumers.datasets.content import snapshot_id
from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.datasets.manifest import MANIFEST, Manifest, read_manifest, verify_snapshot
from plaudit_consumers.publishing.comparing import PushPlan, plan_push, refuse_replacing
from plaudit_consumers.publishing.destination import MAIN, HubDestination
from plaudit_consumers.publishing.errors import DestinationError, MissingTokenError
from plaudit_consumers.publishing.hub_errors import HOW_TO_SIGN_IN, hub_errors

_DATASET: Final = "dataset"
_AT_ONCE: Final = 8
"""Files in one request for upload addresses."""


class PushResult(NamedTuple):
    """What a push did.

    Attributes:
        commit: the address of the commit; None if the branch had everything.
        private: whether the repository is private.
    """

    plan: PushPlan
    commit: str | None
    private: bool


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch as it was found.

    Attributes:
        head: its last commit.
        is_own: whether it holds anything that `main` does not hold.
        earlier: the manifest of the snapshot on it.
    """

    head: str
    is_own: bool
    files: dict[str, RepoFile]
    earlier: Manifest | None


def push_snapshot(
    folder: Path,
    destination: HubDestination,
    *,
    public: bool = False,
    replace: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> PushResult:
    """Send a snapshot. The token is the one that huggingface_hub finds.

    Args:
        public: make the repository public if it must be created, and allow one that is public.
        replace: replace what the branch has.
        report: told what happens, in one line each.

    Raises:
        SnapshotError: the folder is not a snapshot, or was changed.
        PushError: the Hub cannot take it. The subclasses say why.
    """
    manifest = verify_snapshot(folder)
    if get_token() is None:
        raise MissingTokenError(f"there is no token for the Hub; {HOW_TO_SIGN_IN}")
    place, api = str(destination), HfApi()
    with hub_errors(place):
        private = _open_repository(api, destination, public=public)
        branch = _open_branch(api, destination)
        additions = _additions(folder, manifest)
        own = {path: _checksum(added, branch.files.get(path)) for path, added in additions.items()}
        there = {path: _checksum_there(file) for path, file in branch.files.items()}
        earlier = {file.path for file in branch.earlier.files} if branch.earlier else set()
        plan = plan_push(own, there, earlier)
        if not replace and branch.is_own:
            refuse_replacing(plan, place, _words(branch.earlier))
        if not plan.send and not plan.delete:
            return PushResult(plan, None, private)
        _send(api, destination, [additions[path] for path in plan.send], report)
        operations: list[Any] = [additions[path] for path in plan.send]
        operations += [CommitOperationDelete(path) for path in plan.delete]
        done = api.create_commit(
            destination.repository,
            operations,
            repo_type=_DATASET,
            revision=destination.revision,
            # Refused if the branch moved since it was compared.
            parent_commit=branch.head,
            commit_message=f"Plaudit snapshot as of {manifest.as_of}",
            commit_description=f"manifest: {snapshot_id(folder)}",
        )
    return PushResult(plan, done.commit_url, private)


def _open_repository(api: HfApi, destination: HubDestination, *, public: bool) -> bool:
    """Create the repository if there is none. Returns whether it is private."""
    name = destination.repository
    try:
        info = api.repo_info(name, repo_type=_DATASET)
    except RepositoryNotFoundError:
        api.create_repo(name, repo_type=_DATASET, private=not public, exist_ok=True)
        info = api.repo_info(name, repo_type=_DATASET)
    if not info.private and not public:
        raise DestinationError(
            f"{name} is public; add --public if everybody may read the conversations, or name another "
            "repository"
        )
    return bool(info.private)


def _open_branch(api: HfApi, destination: HubDestination) -> _Branch:
    """The branch as it is. It is created from `main` if there is none."""
    name, revision = destination
    main = str(api.repo_info(name, repo_type=_DATASET, revision=MAIN).sha)
    try:
        head = str(api.repo_info(name, repo_type=_DATASET, revision=revision).sha)
    except RevisionNotFoundError:
        api.create_branch(name, repo_type=_DATASET, branch=revision, exist_ok=True)
        head = str(api.repo_info(name, repo_type=_DATASET, revision=revision).sha)
    tree = api.list_repo_tree(name, repo_type=_DATASET, revision=head, recursive=True)
    files = {each.path: each for each in tree if isinstance(each, RepoFile)}
    earlier = _earlier_manifest(api, name, head) if MANIFEST in files else None
    # A branch right after its creation: main keeps what it has.
    return _Branch(head, revision == MAIN or head != main, files, earlier)


def _earlier_manifest(api: HfApi, name: str, head: str) -> Manifest | None:
    path = api.hf_hub_download(name, MANIFEST, repo_type=_DATASET, revision=head)
    try:
        return read_manifest(Path(path).parent)
    except SnapshotError:
        return None  # somebody else's file of that name


def _additions(folder: Path, manifest: Manifest) -> dict[str, CommitOperationAdd]:
    """Path -> what to send. The card and the manifest come last."""
    names = sorted((file.path for file in manifest.files), key=lambda path: ("/" not in path, path))
    found = {name: CommitOperationAdd(name, folder / name) for name in [*names, MANIFEST]}
    for file in manifest.files:
        if found[file.path].upload_info.sha256.hex() != file.sha256:
            raise SnapshotError(f"{folder / file.path} was changed during the push; build the snapshot again")
    return found


def _checksum(added: CommitOperationAdd, there: RepoFile | None) -> str:
    """The checksum of our file, of the kind that the Hub has of its own: SHA-256 or Git's."""
    if there is None or there.lfs is not None:
        return added.upload_info.sha256.hex()
    with added.as_file() as file:
        return str(git_hash(file.read()))


def _checksum_there(file: RepoFile) -> str:
    return str(file.blob_id if file.lfs is None else file.lfs.sha256)


def _send(
    api: HfApi,
    destination: HubDestination,
    additions: list[CommitOperationAdd],
    report: Callable[[str], None],
) -> None:
    for first in range(0, len(additions), _AT_ONCE):
        group = additions[first : first + _AT_ONCE]
        report(f"sending {first + 1} to {first + len(group)} of {len(additions)} files")
        api.preupload_lfs_files(
            destination.repository,
            group,
            repo_type=_DATASET,
            revision=destination.revision,
            free_memory=False,
        )


def _words(earlier: Manifest | None) -> str | None:
    if earlier is None:
        return None
    rows = sum(sum(counts.values()) for counts in earlier.rows.values())
    return f"another snapshot (as of {earlier.as_of}, {rows} rows)"
