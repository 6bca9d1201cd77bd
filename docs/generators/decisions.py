"""The index of decisions."""

import re
from pathlib import Path

from docs.generators.markdown import page, table

_FOLDER = Path(__file__).parents[1] / "decisions"


def paths() -> list[Path]:
    """The decisions, by number."""
    return sorted(_FOLDER.glob("[0-9]*.md"))


def index() -> str:
    """All decisions with their titles."""
    intro = "Decisions that are not obvious: why, what was decided, what follows, and what checks it."
    rows = [[path.name[:4], f"[{title(path)}]({path.name})"] for path in paths()]
    return page("Decisions", intro, table(["", "decision"], rows))


def title(path: Path) -> str:
    """The title of a decision, without its number."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return re.sub(r"^# *\d+[.:] *", "", first)
