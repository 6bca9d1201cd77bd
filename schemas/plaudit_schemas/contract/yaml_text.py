"""Reads YAML that people write."""

from typing import Any, Final

import yaml

_MOST_NODES: Final = 100_000
"""Keys and values of a document, each counted as often as it is referred to."""
_LONGEST_NUMBER: Final = 100


class _Loader(yaml.SafeLoader):
    """A loader that refuses what SafeLoader takes or fails at.

    A key that is given twice is an error, instead of the last one being taken. So is a value that is no
    number or date of its kind. References that make a small file a huge document are refused.
    """

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        # YAML 1.1 has numbers of base 60, which take minutes if they are long.
        if node.tag == "tag:yaml.org,2002:int" and len(node.value) > _LONGEST_NUMBER:
            raise _problem(f"a number has more than {_LONGEST_NUMBER} digits", node)
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            raise _problem(f"{node.value} cannot be read as {kind} ({error})", node) from None

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _problem(f"{key.value} is given twice", key)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else key)
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The one document of a text.

    Raises:
        yaml.YAMLError: it is no YAML, has a value that cannot be read, or a mapping has a key twice.
    """
    return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader


def _size(node: Any, known: dict[Any, int]) -> int:
    """The nodes of a document, each counted as often as it is referred to."""
    if node not in known:
        known[node] = _MOST_NODES  # a node that holds itself has no end
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
        if isinstance(node, yaml.SequenceNode):
            parts = node.value
        known[node] = 1 + sum(_size(part, known) for part in parts)
    if known[node] > _MOST_NODES:
        raise _problem(f"it has more than {_MOST_NODES} values, those counted again that a * refers to", node)
    return known[node]


def _problem(text: str, node: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, text, node.start_mark)
