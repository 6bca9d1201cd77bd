"""A stack closes its own data folder to others, and no folder that holds more than a stack."""

from pathlib import Path

import pytest
from plaudit_infra.servers.private import make_private


def _mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("mode", "files", "closed"),
    [
        pytest.param(0o755, (), True, id="empty"),
        pytest.param(0o755, ("lock", "stack.json"), True, id="of an earlier release"),
        pytest.param(0o755, ("letters.txt",), False, id="with other files"),
        pytest.param(0o1777, ("lock",), False, id="everybody's, as /tmp"),
    ],
)
def test_only_a_folder_of_our_own_is_closed(
    tmp_path: Path, mode: int, files: tuple[str, ...], closed: bool
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    for name in files:
        (folder / name).touch()
    make_private(folder)
    assert _mode(folder) == (0o700 if closed else mode & 0o777)


def test_the_folder_in_which_people_work_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lock").touch()
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    make_private(Path())
    assert _mode(tmp_path) == 0o755


def test_a_new_folder_is_closed(tmp_path: Path) -> None:
    make_private(tmp_path / "new")
    assert _mode(tmp_path / "new") == 0o700
