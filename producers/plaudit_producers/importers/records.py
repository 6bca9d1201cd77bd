"""Records of a file that remember which of their fields were read, so that no field is dropped in silence."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""Values that say nothing: a field that holds one is not missed."""

_CELLS: Final = "(cells without a column)"  # csv has None as their key


class ReadRecord(dict[str, Any]):
    """A JSON object, or a row of a table, that remembers which of its keys were read.

    `record[key]`, `get` and `pop` read one key. `items`, `values`, `copy`, `{**record}` and JSON's encoder
    read all keys. `key in record`, `keys` and a loop over the keys read none. `peek` looks without reading.
    """

    __slots__ = ("_all", "_read")

    def __init__(self, fields: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__(fields)
        self._read: set[str] = set()
        self._all = False

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        # Without this method of its own, `{**record}` would take the values past `__getitem__`.
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._read.add(key)
        return super().pop(key, *default)

    def items(self) -> Any:
        self._all = True
        return super().items()

    def values(self) -> Any:
        self._all = True
        return super().values()

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def peek(self, key: str) -> Any:
        """Return a field's value or None, without counting it as read."""
        return super().get(key)

    def skip(self, *keys: str) -> None:
        """Count fields as read that say nothing of their own, such as a constant `type`."""
        self._read.update(keys)

    def unread(self, prefix: str) -> Iterator[str]:
        """Yield the path of each field that was not read, at every level. See `unread_fields`."""
        for key, value in super().items():
            given: Any = key
            name = _CELLS if given is None else key
            if self._all:  # its keys are data, such as ids, and no names of fields
                yield from unread_fields(value, f"{prefix.removesuffix('.')}{{}}")
            elif key in self._read:
                yield from unread_fields(value, prefix + name)
            elif value not in _NOTHING:
                yield prefix + name


def skip_all(value: Any) -> None:
    """Count every field of a value as read, at every level, such as of a text that is there twice."""
    if isinstance(value, ReadRecord):
        value.skip(*value)
        value = dict.values(value)
    elif not isinstance(value, list):
        return
    for part in value:
        skip_all(part)


def unread_fields(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each field within a record that was not read, such as `messages[].score`.

    An element of a list is `[]`, and a value of an object that was read as a whole is `{}`. A field that was
    not read is named once, without the fields within it. Empty values are left out. Outside of the first
    object, lists and tuples have no name.
    """
    if isinstance(value, ReadRecord):
        yield from value.unread(f"{path}." if path else "")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from unread_fields(item, f"{path}[]" if path else "")
    elif isinstance(value, dict):
        for item in value.values():
            yield from unread_fields(item, path)
