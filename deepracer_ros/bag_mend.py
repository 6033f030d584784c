"""MCAP files that end too early: the recorder was killed, the disk was full, a copy broke off.

The format (https://mcap.dev/spec) is a row of records, an opcode and a length before each. What
such a file lacks are its last records: the index.
"""

import io
import struct
from collections.abc import Collection, Generator, Iterator
from typing import BinaryIO

from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.metadata import ReaderMetadata
from rosbags.rosbag2.storage_mcap import McapReader

_MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")  # opcode and length of a record
_FOOTER, _DATA_END = 0x02, 0x0F


class CutMcapReader(McapReader):
    """Reads the records that are whole, in the file's order."""

    connections: list[Connection]

    def open(self) -> None:
        """Read what is there once, to count it. Raises ReaderError where it is no MCAP file."""
        self.bio = self.path.open("rb")
        if self.bio.read(len(_MAGIC)) != _MAGIC:
            raise ReaderError("It is no MCAP file.")
        self.data_start = len(_MAGIC)
        *_, last, self.data_end = [self.data_start, *_ends_of_records(self.bio)]
        try:
            self.meta_scan()
        except Exception:  # noqa: BLE001 - damaged bytes end in any error
            self.data_end = last  # of a power cut remain records that are zeros at their end
            self.meta_scan()
        assert self.statistics
        counts = self.statistics.channel_message_counts
        self.connections = [c._replace(msgcount=counts.get(c.id, 0)) for c in self.connections]
        start, end = self.statistics.start_time, self.statistics.end_time + 1
        count = self.statistics.message_count
        self.metadata = ReaderMetadata(end - start, start, end, count, None, None, None, None)

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Generator[tuple[Connection, int, bytes], None, None]:
        """Yield the messages of some connections."""
        return self.messages_scan(connections, start, stop)


def _ends_of_records(file: BinaryIO) -> Iterator[int]:
    """The places behind the records that are whole and no part of the ending."""
    size = file.seek(0, io.SEEK_END)
    end = len(_MAGIC)
    while end + _HEAD.size <= size:
        file.seek(end)
        opcode, length = _HEAD.unpack(file.read(_HEAD.size))
        end += _HEAD.size + length
        if opcode in (0, _FOOTER, _DATA_END) or end > size:
            break
        yield end
