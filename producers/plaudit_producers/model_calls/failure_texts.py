"""What the record says of a call that failed."""

import re
from typing import Final

_LONGEST: Final = 300
_SECRET: Final = re.compile(
    r"\b(?:(?:sk|pk|hf|gsk|xai)[-_]|AIza|AKIA)[\w\-.*]{6,}|(?<=Bearer )\S+|(?<=[?&]key=)[^&\s]+"
)
"""What looks like an API key. Servers like to say which key it was that they refused."""


def failure_text(name: str, told: str) -> str:
    """The name of a failure and what was told of it, without API keys, in one line."""
    told = plain_text(told)
    text = f"{name}: {told}" if told else name
    return f"{text[: _LONGEST - 1]}…" if len(text) > _LONGEST else text


def plain_text(told: str) -> str:
    """What was told of a failure, without API keys, in one line."""
    return " ".join(_SECRET.sub("***", told).split())
