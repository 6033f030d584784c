"""What a model.pb would take in memory, counted before any of it becomes an object.

Two bytes in a file can be a message, which takes a hundred in memory.
"""

from collections.abc import Iterator

from deepracer_agent.tensorflow_messages import KINDS

_FIXED = {1: 8, 5: 4}  # bytes, by the type on the wire
_VARINT, _SIZED = 0, 2
_MOST_VARINT = 10  # bytes
_NUMBERS = {"BOOL", "DOUBLE", "FLOAT", "INT32", "INT64"}


def count_fields(data: bytes, most: int) -> int:
    """Count the fields of a GraphDef and all that is in it, and each byte of packed numbers.

    Counts little further than `most`. Raises ValueError for what is no protobuf message.
    """
    count = 0
    waiting = [("GraphDef", 0, len(data))]
    while waiting and count <= most:
        message, begin, end = waiting.pop()
        for number, at, after in _fields(data, begin, end):
            kind = KINDS[message].get(number)
            if kind in KINDS and at < after:
                waiting.append((kind, at, after))
            count += 1 + (after - at if kind in _NUMBERS else 0)
            if count > most:
                break
    return count


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's number, and where the content begins and ends of one that tells its size."""
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        size = 0
        if wire == _VARINT:
            _, at = _varint(data, at)
        elif wire == _SIZED:
            size, at = _varint(data, at)
        elif wire in _FIXED:
            at += _FIXED[wire]
        else:
            raise ValueError("a group, which TensorFlow has none of")
        # a parser may keep no more than 32 bits of a tag
        if tag >> 32 or at + size > end:
            raise ValueError("a field that goes beyond its end")
        yield number, at, at + size
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where it ends."""
    value = 0
    for position, byte in enumerate(data[at : at + _MOST_VARINT]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return value, at + position + 1
    raise ValueError("a number without an end")
