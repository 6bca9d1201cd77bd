"""Which ONNX Runtime is installed, and what a user is told."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError

import pytest
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.packages import runtime_package


def installed(*names: str) -> Callable[[str], str]:
    def version_of(name: str) -> str:
        if name not in names:
            raise PackageNotFoundError(name)
        return "1.0"

    return version_of


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-gpu"])
def test_the_one_package_is_named(name: str) -> None:
    assert runtime_package(installed(name)) == name


@pytest.mark.parametrize(
    ("names", "repair"),
    [
        pytest.param(
            ("onnxruntime", "onnxruntime-gpu"),
            "`pip uninstall --yes onnxruntime onnxruntime-gpu && pip install 'plaudit-infra[score-gpu]'`",
            id="both-of-ours",
        ),
        pytest.param(
            ("onnxruntime", "onnxruntime-directml"),
            "`pip uninstall --yes onnxruntime onnxruntime-directml && pip install 'plaudit-infra[score]'`",
            id="one-of-another",
        ),
    ],
)
def test_two_packages_are_refused_with_the_command_that_repairs_it(
    names: tuple[str, ...], repair: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        runtime_package(installed(*names))
    assert "are installed together and overwrite each other's files" in str(refused.value)
    assert repair in str(refused.value)


def test_without_the_extra_it_is_named() -> None:
    with pytest.raises(SettingsError, match=r"pip install 'plaudit-infra\[score\]'"):
        runtime_package(installed())


@pytest.mark.parametrize("missing", ["numpy", "onnx", "transformers", "jinja2"])
def test_a_runtime_alone_is_not_enough(missing: str) -> None:
    with pytest.raises(SettingsError, match="scoring needs ONNX Runtime and transformers"):
        runtime_package(installed("onnxruntime"), lambda name: None if name == missing else name)
