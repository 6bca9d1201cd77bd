"""Read and write Avro's variable-length integers."""


def read_long(payload: bytes, position: int) -> tuple[int, int]:
    """A zigzag varint and the position after it.

    Raises:
        ValueError: the number has more than 64 bits.
        IndexError: the payload ends within the number.
    """
    value = shift = 0
    while True:
        byte = payload[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and (shift < 63 or byte < 2):
            return (value >> 1) ^ -(value & 1), position
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def read_size(payload: bytes, position: int) -> tuple[int, int]:
    """A length and the position after it. Raises as `read_long`, and ValueError unless it is below 2 GiB."""
    low = payload[position]
    if low & 0x81 == 0x80:  # two bytes: callers handle one byte themselves
        high = payload[position + 1]
        if high < 0x80:
            return (low & 0x7F | high << 7) >> 1, position + 2
    size, position = read_long(payload, position)
    if not 0 <= size < 1 << 31:  # no record of Kafka is longer
        raise ValueError("a length is negative, or above 2 GiB")
    return size, position


def read_block(payload: bytes, position: int) -> tuple[int, int]:
    """The number of items in the next block of an array or map, and the position after it. 0 ends it.

    Raises:
        ValueError: the block has more items than the payload has bytes.
    """
    count, position = read_long(payload, position)
    # Before its sign is changed: in C the lowest number has no opposite.
    if not -len(payload) <= count <= len(payload):
        raise ValueError("an array has more items than the message has bytes")
    if count < 0:
        # A negative count is followed by the block's size in bytes, which is of use only to skip it.
        _, position = read_size(payload, position)
        count = -count
    return count, position


def varint_bytes(value: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def long_bytes(value: int) -> bytes:
    """A zigzag varint. Raises OverflowError if the value has more than 64 bits."""
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{value} is not a 64-bit number")
    return varint_bytes(value << 1 if value >= 0 else ((-value - 1) << 1) | 1)


def append_long(out: bytearray, value: int) -> None:
    """Append a zigzag varint. Raises OverflowError if the value has more than 64 bits."""
    if type(value) is not int:  # a bool, or an error
        out += long_bytes(value)
        return
    try:
        number = value
    except OverflowError:  # compiled, `number` has 64 bits
        out += long_bytes(value)
        return
    if 0 <= number < 64:
        out.append(number << 1)
        return
    sign = number >> 63
    if sign not in (0, -1):
        out += long_bytes(value)
    rest = number << 1 ^ sign
    if rest < 16384:  # two bytes, without the loop
        if rest > 127:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
        return
    while rest > 127:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def append_size(out: bytearray, size: int) -> None:
    """Append the varint of a length."""
    if size < 64:
        out.append(size << 1)
    elif size < 8192:
        out.append(size << 1 & 0x7F | 0x80)
        out.append(size >> 6)
    else:
        out += long_bytes(size)


def append_time(out: bytearray, value: int) -> None:
    """As `append_long`, but without a loop for 8 bytes, the length of today's microseconds."""
    if type(value) is int and value >> 48 and not value >> 55:
        value <<= 1
        out += bytes(
            (
                value & 127 | 128, value >> 7 & 127 | 128, value >> 14 & 127 | 128, value >> 21 & 127 | 128,
                value >> 28 & 127 | 128, value >> 35 & 127 | 128, value >> 42 & 127 | 128, value >> 49,
            )
        )  # fmt: skip
    else:
        append_long(out, value)
