"""The tools on offer and the arguments of calls, in the form that chat templates read. Pure."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn

MAX_DEPTH: Final = 500
"""`datasets` reads JSON with pandas, which takes 1,024 levels at most, and integers of 64 bits."""
NO_ARGUMENTS: Final = ("", "null")
_INTEGERS: Final = range(-(2**63), 2**64)


class Arguments(NamedTuple):
    """The arguments of a call.

    Attributes:
        text: JSON text of an object.
        canonical: the same for equal arguments, however they are written.
    """

    text: str
    canonical: str


def read_arguments(text: str | None) -> Arguments | None:
    """The arguments of a call, as a model or a program wrote them.

    No text at all and `null` stand for no arguments, because several models and programs call so.

    Returns:
        None if they are no JSON object, or one that `datasets` cannot read: a snapshot with it would fail.
    """
    if text is None or text.strip() in NO_ARGUMENTS:
        return Arguments("{}", "{}")
    try:
        parsed = _parse(text, parse_int=_bounded)
        if not isinstance(parsed, dict) or _depth(parsed) > MAX_DEPTH:
            return None
        return Arguments(text, _written(parsed, sort_keys=True))
    except ValueError:
        return None


@lru_cache(maxsize=256)  # many conversations offer the same tools
def normal_tools(text: str | None) -> str | None:
    """The tools on offer as a JSON list of `{"type": "function", "function": {...}}`; None if there are none.

    A bare function gets its wrapper. A single tool becomes a list of one. `input_schema` is another name of
    `parameters`.

    Raises:
        ValueError: the text is no JSON, or a tool in it has no name.
    """
    if text is None or not text.strip():
        return None
    parsed = _parse(text)
    if not parsed:
        return None
    tools = parsed if isinstance(parsed, list) else [parsed]
    return _written([_normal_tool(tool) for tool in tools])


def _normal_tool(tool: Any) -> dict[str, Any]:
    if not isinstance(tool, dict):
        raise ValueError("a tool is no object")  # noqa: TRY004  # the text is wrong, not the program
    function = tool.get("function")
    if not isinstance(function, dict):
        function = {name: value for name, value in tool.items() if name != "type"}
        if "input_schema" in function and "parameters" not in function:
            function["parameters"] = function.pop("input_schema")
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise ValueError("a tool has no name")
    return {"type": "function", "function": function}


def _parse(text: str, parse_int: Callable[[str], int] = int) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=parse_int)
    except RecursionError:
        raise ValueError("too deep") from None


def _written(value: Any, *, sort_keys: bool = False) -> str:
    """JSON text that every reader takes.

    Raises:
        ValueError: there is none, as for half a surrogate pair or a number that is too large for a float.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    text.encode()  # a UnicodeEncodeError is a ValueError
    return text


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _bounded(digits: str) -> int:
    # Python reads no text of thousands of digits as a number: that is a ValueError too.
    if (value := int(digits)) not in _INTEGERS:
        raise ValueError(digits)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        values = [each.values() if isinstance(each, dict) else each for each in level]
        level = [child for each in values for child in each if isinstance(child, dict | list)]
    return depth
