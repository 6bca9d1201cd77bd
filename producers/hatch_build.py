"""Puts compiled modules, if there are any, into the wheel, which is then for this Python and platform."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledModules(BuildHookInterface[Any]):
    """Looks for `_compiled` in the package (plaudit_schemas.compiled)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Mark the wheel."""
        if version == "standard" and any(Path(self.root).glob("*/_compiled/*/*")):
            build_data["pure_python"], build_data["infer_tag"] = False, True
            build_data["artifacts"].append("*/_compiled/")
