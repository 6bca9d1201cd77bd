"""OpenAssistant's message trees: JSON lines of whole trees, or of flat messages.

Shapes: LAION-AI/Open-Assistant, `oasst-data/oasst_data/schemas.py` (ExportMessageTree, ExportMessageNode) and
`reader.py`, which also reads the columns of the data set on Hugging Face (labels and emojis as lists).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.exports import read_members, refuse_unkeyed, sampled
from plaudit_producers.importers.formats import Format, as_text, build_chats, expect, group_records
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import Source
from plaudit_producers.importers.trees import in_order

_NAME: Final = "oasst-trees"
_ROLES: Final = {"prompter": "user", "assistant": "assistant"}
_RATER: Final = Rater(id="oasst", kind="reviewer")
"""The labels, emojis and ranks of a file are those of many people together, who are not named."""

_KEPT: Final = ("lang", "synthetic", "review_count", "review_result", "rank", "deleted")
_EMOJIS: Final = "the share of +1 among the +1 and -1 emojis"

Node = Mapping[str, Any]


def tree_of(record: Any, parents: Mapping[str, str | None] | None = None) -> str:
    """Return the id of the tree that a record belongs to: a whole tree, or a message.

    Args:
        parents: the parents of all messages of the file, for messages that do not name their tree.

    Raises:
        KeyError, ValueError: it is neither.
    """
    record = expect(record, dict, "a record")
    own = record.get("message_tree_id")
    if "prompt" not in record:
        for name in ("message_id", "text", "role"):
            expect(record[name], str, name)
        own = own or _root_of(record["message_id"], record.get("parent_id"), parents or {})
    tree: str = expect(own, str, "message_tree_id")
    return tree


def _root_of(message_id: str, parent_id: str | None, parents: Mapping[str, str | None]) -> str:
    seen = {message_id}
    while parent_id is not None and parent_id not in seen:
        seen.add(parent_id)
        message_id, parent_id = parent_id, parents.get(parent_id)
    return message_id


def build_oasst_trees(chat: Chat, records: Sequence[Mapping[str, Any]]) -> None:
    """Add one tree: a record in which each message holds its replies, or one record for each message."""
    first = records[0]
    chat.identify(first.get("message_tree_id") or _first_root(records))
    if "prompt" in first:
        add_messages(chat, list(_walk(expect(first["prompt"], dict, "prompt"))), first)
    else:
        add_messages(chat, records, first)


def add_messages(chat: Chat, nodes: Sequence[Node], tree: Mapping[str, Any]) -> None:
    """Add the messages of one tree, which may come in any order, and what people said about them."""
    by_id = {expect(node["message_id"], str, "message_id"): node for node in nodes}
    if len(by_id) < len(nodes):
        raise ValueError("the tree holds two messages with the same message_id")
    parents = {name: node.get("parent_id") for name, node in by_id.items()}
    root = next((node for node in nodes if node.get("parent_id") is None), nodes[0])
    chat.start(
        user_id=root.get("user_id") or None,
        tags=_tags_of(tree, root),
        **at_time(root.get("created_date"), "created_date"),
    )
    ids: dict[str, str] = {}
    for name in in_order(parents):
        ids[name] = _add_message(chat, by_id[name], ids, root.get("user_id"))
    for name, node in by_id.items():
        _add_judgements(chat, ids[name], node)
    _add_rankings(chat, by_id, parents, ids)
    chat.end()


def _first_root(nodes: Sequence[Node]) -> str:
    parents = {node["message_id"]: node.get("parent_id") for node in nodes}
    return _root_of(nodes[0]["message_id"], nodes[0].get("parent_id"), parents)


def _walk(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = expect(waiting.pop(), dict, "a message")
        yield node
        waiting += reversed(node.get("replies") or ())


def _tags_of(tree: Mapping[str, Any], root: Node) -> dict[str, str]:
    given = {
        "original_id": tree.get("message_tree_id"),
        "language": root.get("lang"),
        "tree_state": tree.get("tree_state"),
        "origin": tree.get("origin"),
    }
    return {name: as_text(value) for name, value in given.items() if value is not None}


def _add_message(chat: Chat, node: Node, ids: Mapping[str, str], user_id: str | None) -> str:
    role = node["role"]
    if role not in _ROLES:
        raise ValueError(f"role must be prompter or assistant, not {role!r}")
    parent = node.get("parent_id")
    if parent is not None and parent not in ids:
        chat.note(f"message {node['message_id']} answers {parent}, which the file does not hold")
    author = node.get("user_id") or None
    metadata = {name: as_text(node[name]) for name in _KEPT if node.get(name) is not None}
    metadata |= {f"emoji_{name}": str(count) for name, count in _emojis_of(node).items()}
    return chat.add_message(
        _ROLES[role],
        node["text"],
        message_id=node["message_id"],
        parent_id=ids.get(parent, "") if parent is not None else "",
        model=node.get("model_name") or None,
        author=None if author in (None, user_id) else Rater(id=author),
        metadata=metadata,
        **at_time(node.get("created_date"), "created_date"),
    )


def _add_judgements(chat: Chat, message_id: str, node: Node) -> None:
    for name, (value, count) in _labels_of(node).items():
        if value is not None:
            chat.rate(message_id, value, minimum=0, maximum=1, raters=count, aspect=name, rater=_RATER)
    emojis = _emojis_of(node)
    likes, dislikes = emojis.get("+1", 0), emojis.get("-1", 0)
    if likes + dislikes:
        share, count = likes / (likes + dislikes), likes + dislikes
        chat.rate(message_id, share, minimum=0, maximum=1, raters=count, rater=_RATER, rubric=_EMOJIS)
    if node.get("deleted"):
        chat.exclude(message_id, rater=_RATER, reason="deleted in OpenAssistant")
    elif node.get("review_result") is False:
        chat.exclude(
            message_id, rater=_RATER, reason="rejected as spam or low grade in OpenAssistant's review"
        )


def _add_rankings(
    chat: Chat, nodes: Mapping[str, Node], parents: Mapping[str, str | None], ids: Mapping[str, str]
) -> None:
    """Compare the ranked answers to one message. Rank 0 is the best, and equal ranks are a tie."""
    ranked: dict[str, dict[int, list[str]]] = {}
    for name, node in nodes.items():
        rank, parent = node.get("rank"), parents[name]
        if rank is not None and parent is not None:
            ranked.setdefault(parent, {}).setdefault(int(rank), []).append(ids[name])
    for ranks in ranked.values():
        groups = [sorted(ranks[rank]) for rank in sorted(ranks)]
        candidates = [name for group in groups for name in group]
        if len(candidates) > 1:
            # Sorted by id, so that the order of the candidates does not tell the winner.
            chat.compare(sorted(candidates), groups, rater=_RATER)


def _labels_of(node: Node) -> dict[str, tuple[float | None, int | None]]:
    """Return the mean and the number of raters of each label."""
    labels = node.get("labels") or {}
    if isinstance(labels.get("name"), list):  # the columns of the data set on Hugging Face
        rows = zip(labels["name"], labels["value"], labels["count"], strict=True)
        return {name: (value, count or None) for name, value, count in rows}
    return {name: (label["value"], label.get("count") or None) for name, label in labels.items()}


def _emojis_of(node: Node) -> dict[str, int]:
    emojis = node.get("emojis") or {}
    if isinstance(emojis.get("name"), list):
        return dict(zip(emojis["name"], emojis["count"], strict=True))
    return dict(emojis)


def _recognise(sample: Sample) -> Recognised | None:
    records = sampled(sample)
    prompts = [record.get("prompt") for record in records]
    if prompts and all(isinstance(prompt, dict) and "message_id" in prompt for prompt in prompts):
        return Recognised(0.9, "its records are trees, with a prompt and its replies")
    needed = {"message_id", "parent_id", "text", "role"}
    if records and all(needed <= record.keys() and record.get("role") in _ROLES for record in records):
        return Recognised(0.9, "its records are messages by a prompter or an assistant")
    return None


def read_oasst_trees(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    members = refuse_unkeyed(read_members(source), tree_of)
    head: list[Member | BadRecord] = []
    for member in members:
        head.append(member)
        if isinstance(member, Member):
            break
    every = chain(head, members)
    if head and isinstance(head[-1], Member) and "prompt" in head[-1].value:
        return build_chats(_NAME, build_oasst_trees, group_records(every, tree_of), options)
    return build_chats(_NAME, build_oasst_trees, _by_tree(every), options)


def _by_tree(members: Iterable[Member | BadRecord]) -> Iterator[Member | BadRecord]:
    """Read all flat messages, since one that does not name its tree is found by way of its ancestors."""
    read = list(members)
    parents = {
        member.value["message_id"]: member.value.get("parent_id")
        for member in read
        if isinstance(member, Member) and "message_id" in member.value
    }
    return group_records(read, lambda record: tree_of(record, parents), adjacent=False)


FORMAT = Format(_NAME, "OpenAssistant's message trees, or their flat messages", read_oasst_trees, _recognise)
