"""Record batches of Kafka that aiokafka cannot unpack: read again without assumptions, or kept as they are.

Source: the record batch, magic 2, of Kafka's message format (https://kafka.apache.org/documentation/#messageformat).
Pure: bytes in, records out. `_patches` is where aiokafka calls it.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Final, NamedTuple

import cramjam
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.codec import snappy_decode
from aiokafka.record.util import calc_crc32c

UNPACKED_BYTES_MAX: Final = 64 << 20
"""What a batch may unpack to. A megabyte of zstd may hold 30 GB; what is larger is set aside as it came."""

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_CRC_FROM: Final = 21
"""Where the part of a batch begins that its checksum covers."""
_LOG_APPEND_TIME: Final = 0x08
_GZIP: Final = 31
"""The window size by which zlib knows that it is gzip."""
_XERIAL: Final = b"\x82SNAPPY\x00"


@dataclass
class UndecodableBatch(ConsumerRecord[bytes, bytes]):  # type: ignore[misc]  # aiokafka ships no types
    """A batch that cannot be unpacked, in place of its records: `value` has its bytes, `offset` is its last one."""

    reason: ClassVar[str] = "undecodable_batch"

    error: str = ""


class Header(NamedTuple):
    """The header of a batch."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int

    @property
    def last_offset(self) -> int:
        """The offset of its last record, also when compaction has taken that away."""
        return self.base_offset + max(0, self.last_offset_delta)


class NotABatchError(ValueError):
    """Bytes that do not hold what Kafka's message format wants there; the message names what was found."""


def header(batch: bytes) -> Header:
    """The header of a batch. Older formats have less: they are known by their first offset alone."""
    if len(batch) < _HEADER.size or batch[16] != 2:
        base_offset = int.from_bytes(batch[:8], "big", signed=True)
        return Header(base_offset, len(batch), -1, batch[16] if len(batch) > 16 else -1, 0, 0, 0, -1, -1, -1, -1, -1, 0)
    return Header(*_HEADER.unpack_from(batch))


def checksum_is_right(batch: bytes) -> bool:
    """Whether a batch is as it was sent. What has no checksum that is known here counts as right."""
    head = header(batch)
    return head.magic != 2 or head.crc == calc_crc32c(batch[_CRC_FROM:])


def records(partition: TopicPartition, batch: bytes) -> list[ConsumerRecord[bytes, bytes]]:
    """All records of a batch. Raises `NotABatchError`, and what a decompressor raises.

    Two things that aiokafka assumes are not: that the names of headers are UTF-8 (what is not becomes a surrogate, as
    file names do; `"surrogateescape"` gives the bytes back), and that the attributes of a record are a number below 128.
    """
    head = header(batch)
    if head.magic != 2:
        raise NotABatchError(f"format {head.magic}")
    reader = _Reader(_unpacked(head, batch[_HEADER.size :]))
    found = [reader.record(partition, head) for _ in range(head.records)]
    if reader.at != len(reader.data):
        raise NotABatchError(f"{len(reader.data) - reader.at} bytes behind the last record")
    if not are_offsets([record.offset for record in found], head.base_offset, head.last_offset + 1):
        raise NotABatchError("offsets that are not the batch's")
    return found


def are_offsets(offsets: Sequence[int], first: int, end: int) -> bool:
    """Whether these may be the offsets of a batch: in order, each once, from `first` to before `end`; with gaps, where compaction took records."""
    return all(before < after for before, after in pairwise([first - 1, *offsets, end]))


def undecodable(partition: TopicPartition, batch: bytes, given: int, error: Exception) -> UndecodableBatch:
    """A batch as it came, with the reason. Records before offset `given` were handed out already."""
    head = header(batch)
    first, last = max(head.base_offset, given), max(head.last_offset, given)
    why = str(error) if isinstance(error, NotABatchError) else type(error).__name__
    return UndecodableBatch(
        partition.topic, partition.partition, last, head.max_timestamp, 0, None, batch, None, -1, len(batch), (),
        f"offsets {first} to {last} cannot be unpacked: {why}",
    )  # fmt: skip


def _unpacked(head: Header, data: bytes) -> bytes:
    codec = head.attributes & 0x07
    if codec == 0:
        return data
    if codec not in DECODERS:
        raise NotABatchError(f"compression {codec}, which is not known")
    return DECODERS[codec](data)


def gzip_decode(data: Any) -> bytes:  # noqa: ANN401  # whatever has a buffer
    """Unpack gzip, in one part or several, within bounds."""
    found, rest = b"", bytes(data)
    while rest:
        part = zlib.decompressobj(_GZIP)
        found += part.decompress(rest, UNPACKED_BYTES_MAX + 1 - len(found))
        if not part.eof:
            raise NotABatchError(f"it does not unpack to {UNPACKED_BYTES_MAX} bytes or less")
        rest = part.unused_data
    return found


def snappy_decode_bounded(data: Any) -> bytes:  # noqa: ANN401  # the same
    """Unpack snappy, within bounds: its blocks begin with how much they hold."""
    block = bytes(data)
    at = 16 if block.startswith(_XERIAL) else 0
    held = 0
    while at < len(block):
        size = int.from_bytes(block[at : at + 4], "big") if block.startswith(_XERIAL) else len(block)
        at += 4 if block.startswith(_XERIAL) else 0
        held += _Reader(block[at : at + 10]).unsigned()
        at += size
    if held > UNPACKED_BYTES_MAX:
        raise NotABatchError(f"it does not unpack to {UNPACKED_BYTES_MAX} bytes or less")
    return bytes(snappy_decode(block))


def lz4_decode(data: Any) -> bytes:  # noqa: ANN401  # the same
    """Unpack lz4, within bounds."""
    return _into(cramjam.lz4.decompress_into, cramjam.lz4.decompress, 255, data)


def zstd_decode(data: Any) -> bytes:  # noqa: ANN401  # the same
    """Unpack zstd, within bounds."""
    return _into(cramjam.zstd.decompress_into, cramjam.zstd.decompress, 0, data)


DECODERS: Final = {1: gzip_decode, 2: snappy_decode_bounded, 3: lz4_decode, 4: zstd_decode}


def _into(decompress_into: Any, decompress: Any, ratio_max: int, data: Any) -> bytes:  # noqa: ANN401  # cramjam has no types
    """Unpack at once, when it cannot be too much; or else into a buffer, and into larger ones when it was too small."""
    if ratio_max and len(data) * ratio_max <= UNPACKED_BYTES_MAX:
        return bytes(decompress(data))
    size = min(UNPACKED_BYTES_MAX, 16 * len(data) + 1024)
    while True:
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: decompress_into(data, buffer)])
        except cramjam.DecompressionError:
            if size == UNPACKED_BYTES_MAX:
                raise NotABatchError(f"it does not unpack to {UNPACKED_BYTES_MAX} bytes or less") from None
        size = min(UNPACKED_BYTES_MAX, 8 * size)


class _Reader:
    """Reads what Kafka's format has, one after the other. Whatever is not there is an error, never less bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if size < 0 or len(taken) != size:
            raise NotABatchError(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return taken

    def unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise NotABatchError(f"a number without an end at {self.at}")

    def number(self) -> int:
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def nullable(self) -> bytes | None:
        size = self.number()
        return None if size < 0 else self.take(size)

    def record(self, partition: TopicPartition, head: Header) -> ConsumerRecord[bytes, bytes]:
        size = self.number()
        end = self.at + size
        self.take(1)  # attributes, which mean nothing yet
        timestamp, offset = head.first_timestamp + self.number(), head.base_offset + self.number()
        appended = bool(head.attributes & _LOG_APPEND_TIME)
        key, value = self.nullable(), self.nullable()
        headers = [
            (self.take(self.number()).decode(errors="surrogateescape"), self.nullable()) for _ in range(self.number())
        ]
        if self.at != end:
            raise NotABatchError(f"a record of {size} bytes that ends at {self.at} instead of {end}")
        return ConsumerRecord(
            partition.topic, partition.partition, offset, head.max_timestamp if appended else timestamp, int(appended),
            key, value, None, -1 if key is None else len(key), -1 if value is None else len(value), tuple(headers),
        )  # fmt: skip
