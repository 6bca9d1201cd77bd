"""Which ONNX Runtime is installed. Two of its packages in one environment overwrite each other's files."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from plaudit_schemas.errors import SettingsError

CPU_PACKAGE: Final = "onnxruntime"
GPU_PACKAGE: Final = "onnxruntime-gpu"
# Each of these installs a module `onnxruntime`.
_PACKAGES: Final = (
    CPU_PACKAGE,
    GPU_PACKAGE,
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-silicon",
    "onnxruntime-migraphx",
    "ort-nightly",
    "ort-nightly-gpu",
)
_MODULES: Final = ("numpy", "onnx", "transformers", "jinja2")
"""What the extras bring beside the runtime."""


def runtime_package(
    version_of: Callable[[str], str] = version, find: Callable[[str], object] = find_spec
) -> str:
    """The one package of ONNX Runtime that is installed. Call it before importing a module that needs one.

    Args:
        version_of: the version of an installed package; raises PackageNotFoundError.
        find: finds a module; gives None if it is not installed.

    Raises:
        SettingsError: none is installed, or more than one.
    """
    found = [name for name in _PACKAGES if _is_installed(name, version_of)]
    if len(found) > 1:
        extra = "score" if GPU_PACKAGE not in found else "score-gpu"
        raise SettingsError(
            f"{' and '.join(found)} are installed together and overwrite each other's files; run "
            f"`pip uninstall --yes {' '.join(found)} && pip install 'plaudit-infra[{extra}]'`"
        )
    if not found or any(find(module) is None for module in _MODULES):
        raise SettingsError(
            "scoring needs ONNX Runtime and transformers: pip install 'plaudit-infra[score]', or "
            "'plaudit-infra[score-gpu]' for CUDA"
        )
    return found[0]


def _is_installed(name: str, version_of: Callable[[str], str]) -> bool:
    try:
        version_of(name)
    except PackageNotFoundError:
        return False
    return True
