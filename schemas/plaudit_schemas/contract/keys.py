"""Keys of Kafka records and the partition that a key goes to, as Java's default partitioner has it."""

from typing import Final

PARTITIONER: Final = "murmur2_random"


def conversation_key(application: str, conversation_id: str) -> bytes:
    """The key of a conversation's events: `application/conversation id`; an application has no slash."""
    return f"{application}/{conversation_id}".encode()


def split_key(key: bytes) -> tuple[str, str]:
    """Application and conversation id of a key.

    Raises:
        ValueError: the key is not one of `conversation_key`.
    """
    application, slash, conversation_id = key.decode().partition("/")
    if not slash or not application or not conversation_id:
        raise ValueError(f"{key!r} is not application/conversation")
    return application, conversation_id


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default: murmur2 of the key, made positive, modulo the number of partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with Kafka's seed 0x9747b28c (Austin Appleby's public algorithm)."""
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
