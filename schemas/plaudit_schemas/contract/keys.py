"""The keys of Kafka records, and the partition that Java's default partitioner chooses for a key."""

from typing import Final

# librdkafka's name for Java's default partitioner, so that clients in any language agree on partitions.
PARTITIONER: Final = "murmur2_random"


def conversation_key(application: str, conversation_id: str) -> bytes:
    """The key of a conversation's events: `application/conversation id`.

    An application's name has no slash, so the first slash separates the two.
    """
    return f"{application}/{conversation_id}".encode()


def split_key(key: bytes) -> tuple[str, str]:
    """The application and the conversation id of a key.

    Raises:
        ValueError: the key does not have the form of `conversation_key`.
    """
    application, slash, conversation_id = key.decode().partition("/")
    if not slash or not application or not conversation_id:
        raise ValueError(f"{key!r} is not application/conversation")
    return application, conversation_id


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2 with its sign bit cleared, modulo the number of partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 with 32 bits and Kafka's seed 0x9747b28c (Austin Appleby's public-domain algorithm)."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ (word >> 24)) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    value = (value ^ (value >> 13)) * multiplier & mask
    return value ^ (value >> 15)
